"""Encryption keys that change while a service works with them."""

from pathlib import Path

import pytest
import structlog
from tests.support.key_files import key_file

from conduit_kernel.key_ring import KeyRing
from conduit_kernel.secrets import Vault, key_id, service_token
from conduit_kernel.settings import Settings

ONE, TWO, THREE = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))


def test_a_new_key_opens_at_once_and_seals_later(tmp_path: Path) -> None:
    """So that nobody seals what others cannot open yet."""
    file = key_file(tmp_path, ONE)
    ring = KeyRing([ONE], file.path)
    assert not ring.refresh()
    key_file(tmp_path, TWO, ONE)
    assert ring.refresh()
    assert ring.vault.open(Vault(TWO).seal("sk", "key_1"), "key_1") == "sk"
    assert ring.vault.seal("sk", "key_1").encryption_key_id == ring.current_id == key_id(ONE)
    assert (ring.newest_id, ring.vault.hashes("k")[0]) == (key_id(TWO), Vault(ONE).hash("k"))
    # Until it does, each look says that there is something to do.
    assert ring.refresh()
    ring.advance()
    assert ring.vault.seal("sk", "key_1").encryption_key_id == ring.current_id == key_id(TWO)
    assert ring.vault.open(Vault(ONE).seal("sk", "key_1"), "key_1") == "sk"
    assert not ring.refresh()


def test_a_service_that_starts_goes_by_the_file(tmp_path: Path) -> None:
    """What its parent was told once may be a former key by now; it opens all the same."""
    file = key_file(tmp_path, TWO, THREE)
    settings = Settings(
        data_dir=tmp_path, master_key="master", encryption_key=ONE, key_file=file.path
    )
    ring = KeyRing.of(settings)
    assert ring.current_id == key_id(TWO)
    assert ring.has_former
    for key in (ONE, TWO, THREE):
        assert ring.vault.open(Vault(key).seal("sk", "key_1"), "key_1") == "sk"


def test_the_tokens_of_new_keys_are_taken_once_they_are_looked_for(tmp_path: Path) -> None:
    """A process that began later shows the new one."""
    file = key_file(tmp_path, ONE)
    ring = KeyRing([ONE], file.path)
    key_file(tmp_path, TWO, ONE)
    assert set(ring.service_tokens) == {service_token(ONE)}
    assert set(ring.renewed_tokens()) == {service_token(ONE), service_token(TWO)}


@pytest.mark.parametrize("damage", ["gone", "half", "empty"])
def test_a_file_that_cannot_be_used_changes_nothing(tmp_path: Path, damage: str) -> None:
    """What is known goes on, and the file is read again once it is whole."""
    file = key_file(tmp_path, ONE)
    ring = KeyRing([ONE], file.path)
    text = key_file(tmp_path, TWO, ONE).path.read_text()
    match damage:
        case "gone":
            file.path.unlink()
        case "half":
            file.path.write_text(text[:-30])
        case _:
            file.path.write_text("")
    with structlog.testing.capture_logs() as logs:
        assert not ring.refresh()
    assert [line["event"] for line in logs] == ["key_file_unusable"]
    assert ring.vault.open(Vault(ONE).seal("sk", "key_1"), "key_1") == "sk"
    file.path.write_text(text)
    assert ring.refresh()


def test_without_a_file_nothing_ever_changes() -> None:
    """As where the environment has the key."""
    ring = KeyRing([ONE, TWO])
    assert (ring.refresh(), ring.current_id, ring.has_former) == (False, key_id(ONE), True)
