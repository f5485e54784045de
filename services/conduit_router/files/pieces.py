"""The form in which files are kept: pieces, each compressed and sealed for its place and owner."""

import zlib
from typing import NamedTuple

from conduit_kernel.http.limits import MIB
from conduit_kernel.not_found_errors import FileNotFound
from conduit_kernel.secrets import Vault

PIECE_BYTES = MIB
# Lines of JSON repeat themselves; more effort takes longer and saves little.
_LEVEL = 1


class Place(NamedTuple):
    """A piece's place: in which file of whose."""

    virtual_key_id: int
    file_id: str
    number: int

    @property
    def owner(self) -> str:
        """Return for what alone the piece opens."""
        return f"piece_{self.number}_of_{self.file_id}_of_virtual_key_{self.virtual_key_id}"


def sealed(piece: bytes, place: Place, vault: Vault) -> bytes:
    """Return a piece as it is kept."""
    return vault.seal_answer(zlib.compress(piece, _LEVEL), place.owner)


def opened(kept: bytes, place: Place, vault: Vault) -> bytes:
    """Return a piece as it was sent. FileNotFound if it cannot be read any more."""
    found = vault.open_answer(kept, place.owner)
    if found is None:
        message = f"The file {place.file_id} was kept with an encryption key that is gone"
        raise FileNotFound(message, file_id=place.file_id)
    return zlib.decompress(found)
