"""HTTP/2 frame by frame: gRPC callers that begin messages and do not end them (RFC 9113, 7541)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
INITIAL_WINDOW_SIZE = 4
FIRST_WINDOW = 65_535
FRAME_BYTES = 16_384
PREFIX_BYTES = 5


def frame(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    """Write a frame."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def head(path: str, metadata: Sequence[tuple[str, str]]) -> bytes:
    """Write the fields of a call, each as a literal that nobody keeps."""
    fields = [
        *((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x")),
        *(("content-type", "application/grpc"), ("te", "trailers"), *metadata),
    ]
    return b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields
    )


class Begun:
    """Calls on a connection, each with a message of so many bytes of which the last never comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._room = FIRST_WINDOW
        self._first_room = FIRST_WINDOW
        self._rooms: dict[int, int] = {}
        self._changed = asyncio.Event()
        self.ended = set[int]()
        self.sent = 0
        writer.write(PREFACE + frame(SETTINGS, 0))

    async def send(
        self, path: str, metadata: Sequence[tuple[str, str]], size: int, calls: int
    ) -> None:
        """Send all that may be sent of each message, side by side, until all is or they end."""
        fields = head(path, metadata)
        left = {2 * number + 1: size + PREFIX_BYTES - 1 for number in range(calls)}
        for stream in left:
            self._rooms[stream] = self._first_room
            self._writer.write(frame(HEADERS, stream, fields, END_HEADERS))
            self._data(stream, left, b"\0" + size.to_bytes(4))
        while left := {each: rest for each, rest in left.items() if rest and self._lives(each)}:
            self._changed.clear()
            moved = False
            for stream, rest in left.items():
                piece = min(rest, FRAME_BYTES, self._room, self._rooms[stream])
                if piece > 0 and self._lives(stream):
                    self._data(stream, left, bytes(piece))
                    moved = True
            await (self._writer.drain() if moved else self._changed.wait())

    def _lives(self, stream: int) -> bool:
        return stream not in self.ended

    def _data(self, stream: int, left: dict[int, int], data: bytes) -> None:
        self._writer.write(frame(DATA, stream, data))
        left[stream] -= len(data)
        self._rooms[stream] -= len(data)
        self._room -= len(data)
        self.sent += len(data)

    async def listen(self) -> None:
        """Read frames until the other side ends the connection, or all of its calls."""
        try:
            while True:
                start = await self._reader.readexactly(9)
                payload = await self._reader.readexactly(int.from_bytes(start[:3]))
                self._take(start[3], start[4], int.from_bytes(start[5:]), payload)
                self._changed.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.ended |= self._rooms.keys()
            self._changed.set()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            self._writer.write(frame(SETTINGS, 0, flags=ACK))
            for at in range(0, len(payload), 6):
                if int.from_bytes(payload[at : at + 2]) == INITIAL_WINDOW_SIZE:
                    self._resize(int.from_bytes(payload[at + 2 : at + 6]))
        elif kind == PING and not flags & ACK:
            self._writer.write(frame(PING, 0, payload, ACK))
        elif kind == WINDOW_UPDATE and stream:
            self._rooms[stream] += int.from_bytes(payload)
        elif kind == WINDOW_UPDATE:
            self._room += int.from_bytes(payload)
        elif kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM):
            self.ended.add(stream)

    def _resize(self, room: int) -> None:
        for stream in self._rooms:
            self._rooms[stream] += room - self._first_room
        self._first_room = room


@asynccontextmanager
async def begun(port: int) -> AsyncIterator[Begun]:
    """Connect, and close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    calls = Begun(reader, writer)
    listening = asyncio.create_task(calls.listen())
    try:
        yield calls
    finally:
        writer.close()
        await listening
