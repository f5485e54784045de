"""The command that changes the encryption key, against a gateway that answers as it likes."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.gateway_answers import answering
from tests.support.key_files import key_file

from conduit_cli.commands import conduit
from conduit_cli.keys import ENCRYPTION, FORMER, KeyFile
from conduit_cli.rewrapping import OtherKeyInUse, Rewrapping, change_key
from conduit_kernel.secrets import key_id, parse_key

OLD = bytes(range(32))
IDLE = {"encryptionKeyId": key_id(OLD), "rewrapped": 0, "isDone": True}


def used(keys: KeyFile) -> str:
    """Return the name of the file's key."""
    return key_id(parse_key(str(keys.read()[ENCRYPTION])))


def answers(*given: Callable[[], Mapping[str, object]]) -> Callable[[], bytes]:
    """Return what answers one after the other."""
    left = list(given)
    return lambda: json.dumps(left.pop(0)()).encode()


def test_a_new_key_wraps_until_nothing_is_left(tmp_path: Path) -> None:
    """The file has it first: whatever ends then, nothing is sealed with a key that is lost."""
    keys = key_file(tmp_path, OLD)
    replies = answers(
        lambda: IDLE,
        lambda: {"encryptionKeyId": used(keys), "rewrapped": 500, "isDone": False},
        lambda: {"encryptionKeyId": used(keys), "rewrapped": 20, "unreadable": 1, "isDone": True},
    )
    with answering(200, replies) as gateway:
        done = change_key(gateway, keys)
    assert done == Rewrapping(used(keys), 520, 1, was_begun=False)
    assert used(keys) != key_id(OLD)
    assert parse_key(str(keys.read()[FORMER])) == OLD


@pytest.mark.parametrize(("rewrapped", "is_done"), [(3, True), (0, False)])
def test_what_was_begun_is_finished_without_another_key(
    tmp_path: Path,
    rewrapped: int,
    is_done: bool,  # noqa: FBT001 # of a table
) -> None:
    """Each run would leave one more former key otherwise."""
    keys = key_file(tmp_path, OLD)
    replies = answers(
        lambda: {**IDLE, "rewrapped": rewrapped, "isDone": is_done},
        lambda: {**IDLE, "rewrapped": 2},
    )
    with answering(200, replies) as gateway:
        done = change_key(gateway, keys)
    assert (done.was_begun, done.rewrapped) == (True, rewrapped + (0 if is_done else 2))
    assert used(keys) == key_id(OLD)


def test_a_gateway_with_another_key_is_told_apart(tmp_path: Path) -> None:
    """It has been given one by the environment, or is elsewhere."""
    with (
        answering(200, json.dumps(IDLE).encode()) as gateway,
        pytest.raises(OtherKeyInUse, match="Nothing was wrapped"),
    ):
        change_key(gateway, key_file(tmp_path, OLD))


def test_the_command_says_what_was_done_and_what_to_keep(tmp_path: Path) -> None:
    """With the key's public name, and without the key."""
    keys = key_file(tmp_path, OLD)
    replies = answers(
        lambda: IDLE,
        lambda: {"encryptionKeyId": used(keys), "rewrapped": 2, "unreadable": 1, "isDone": True},
    )
    with answering(200, replies) as gateway:
        url = f"http://127.0.0.1:{gateway._port}/at"  # noqa: SLF001 # of the test's server
        words = ["keys", "rewrap", "--url", url, "--key", "master", "--data-dir", str(tmp_path)]
        found = CliRunner().invoke(conduit, words)
    assert found.exit_code == 0
    assert f"2 providers' keys are wrapped with {used(keys)}" in found.output
    assert "1 could not be read" in found.output
    assert str(keys.path) in found.output
    assert str(keys.read()[ENCRYPTION]) not in found.output


def test_without_a_key_of_its_own_the_command_says_who_has_it(tmp_path: Path) -> None:
    """In one line."""
    with answering(200, json.dumps(IDLE).encode()) as gateway:
        url = f"http://127.0.0.1:{gateway._port}/at"  # noqa: SLF001 # as above
        words = ["keys", "rewrap", "--url", url, "--key", "master", "--data-dir", str(tmp_path)]
        found = CliRunner().invoke(conduit, words)
    assert (found.exit_code, "whoever gives it changes it" in found.output) == (1, True)
