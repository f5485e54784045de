"""Which requests of a batch are done."""


class DoneRequests:
    """A bit for each request, by its place from 0."""

    def __init__(self, kept: bytes = b"") -> None:
        """Take those that were done before."""
        self._bits = bytearray(kept)

    def __contains__(self, place: int) -> bool:
        """Return whether a request is done."""
        byte, bit = divmod(place, 8)
        return byte < len(self._bits) and bool(self._bits[byte] >> bit & 1)

    def add(self, place: int) -> None:
        """Note that a request is done."""
        byte, bit = divmod(place, 8)
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits)))
        self._bits[byte] |= 1 << bit

    def join(self, others: "DoneRequests") -> None:
        """Note that those are done that others are."""
        bits = others.kept()
        self._bits.extend(bytes(max(0, len(bits) - len(self._bits))))
        for place, byte in enumerate(bits):
            self._bits[place] |= byte

    def kept(self) -> bytes:
        """Return them as Storage keeps them."""
        return bytes(self._bits)
