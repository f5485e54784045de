"""Pieces of files, as they are kept."""

import pytest

from conduit_kernel.not_found_errors import FileNotFound
from conduit_kernel.secrets import Vault
from conduit_router.files.pieces import Place, opened, sealed

VAULT = Vault(bytes(range(32)))
PLACE = Place(virtual_key_id=3, file_id="file-a", number=7)
PIECE = b'{"custom_id": "a", "body": {"model": "m"}}\n' * 1000


def test_a_piece_is_kept_sealed_and_in_less_room() -> None:
    """Nothing of it can be read in what is kept."""
    kept = sealed(PIECE, PLACE, VAULT)
    assert len(kept) < len(PIECE) / 10
    assert b"custom_id" not in kept
    assert opened(kept, PLACE, VAULT) == PIECE


@pytest.mark.parametrize(
    "other",
    [PLACE._replace(virtual_key_id=4), PLACE._replace(file_id="file-b"), PLACE._replace(number=8)],
    ids=["another owner", "another file", "another place"],
)
def test_a_piece_opens_for_its_own_place_alone(other: Place) -> None:
    """So that no row of the database can be passed off as another."""
    with pytest.raises(FileNotFound):
        opened(sealed(PIECE, PLACE, VAULT), other, VAULT)


def test_a_former_key_opens_what_it_sealed() -> None:
    """Until it is taken away, and the file with it."""
    kept = sealed(PIECE, PLACE, VAULT)
    assert opened(kept, PLACE, Vault(bytes(32), bytes(range(32)))) == PIECE
    with pytest.raises(FileNotFound) as refused:
        opened(kept, PLACE, Vault(bytes(32)))
    assert refused.value.metadata == {"file_id": "file-a"}
