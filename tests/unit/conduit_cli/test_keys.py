"""The file of a data directory's keys: private, whole, and never replaced while data needs it."""

import base64
import errno
import os
import stat
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.disk import creates, refuse

from conduit_cli.keys import ENCRYPTION, FORMER, MASTER, SET_UP, VIRTUAL, KeyFile, KeysUnusable


def test_missing_keys_are_made_once(tmp_path: Path) -> None:
    """Long enough, different each time, and for the owner's eyes only."""
    keys = KeyFile(tmp_path / "data")
    first, made = keys.make_missing({})
    assert made == {MASTER, ENCRYPTION}
    assert len(base64.b64decode(first[ENCRYPTION])) == 32
    assert len(first[MASTER]) >= 32
    assert keys.make_missing({})[0] == first
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.path.parent.stat().st_mode) == 0o700
    assert KeyFile(tmp_path / "other").make_missing({})[0] != first


def test_keys_are_new_until_a_start_was_whole(tmp_path: Path) -> None:
    """One that ended before it could show them leaves that to the next."""
    keys = KeyFile(tmp_path)
    keys.make_missing({})
    assert keys.make_missing({})[1] == {MASTER, ENCRYPTION}
    assert keys.make_missing({MASTER: "given"})[1] == {ENCRYPTION}
    keys.store({SET_UP: True})
    assert keys.make_missing({})[1] == set()


def test_given_keys_win_and_are_not_stored(tmp_path: Path) -> None:
    """They are in somebody else's care."""
    keys = KeyFile(tmp_path)
    found, made = keys.make_missing({MASTER: "given"})
    assert (found[MASTER], made) == ("given", {ENCRYPTION})
    assert MASTER not in keys.read()
    assert keys.make_missing({MASTER: "a", ENCRYPTION: "b"}) == (
        {MASTER: "a", ENCRYPTION: "b"},
        set(),
    )


def test_a_lost_encryption_key_is_not_replaced(tmp_path: Path) -> None:
    """A new one would open nothing of what is there, and the file's absence would be hidden."""
    (tmp_path / "registry.db").touch()
    with pytest.raises(KeysUnusable, match="Put the file back"):
        KeyFile(tmp_path).make_missing({})
    assert not KeyFile(tmp_path).path.exists()
    assert KeyFile(tmp_path).make_missing({ENCRYPTION: "given"})[1] == {MASTER}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"master_key = ", "no TOML (at end of document)"),
        (b"\xff\xfe", "it is no UTF-8"),
        (b"[[", "no TOML (at end of document)"),
        (b'a = "x"\na = "y"', "no TOML (at end of document)"),
        (b"a = 1\nb = sk-secret\n", "no TOML (at line 2, column 5)"),
    ],
)
def test_a_damaged_file_is_told_and_kept(tmp_path: Path, data: bytes, why: str) -> None:
    """Whoever has a copy can mend it, and knows where; nothing of it is shown."""
    keys = KeyFile(tmp_path)
    keys.path.write_bytes(data)
    for use in (keys.read, lambda: keys.make_missing({}), lambda: keys.store({VIRTUAL: "v"})):
        with pytest.raises(KeysUnusable) as caught:
            use()
        assert str(caught.value).startswith(f"{keys.path} cannot be read: {why}. Mend it, or put")
    assert keys.path.read_bytes() == data


@pytest.mark.parametrize(
    "theirs",
    [
        'note = "\U0001f511 of Zoë"',
        '"two words" = "x"',
        '"" = "empty"',
        '"a.b" = "dotted"',
        'line = "one\\ntwo \\u007f \\\\ \\" "',
        "flag = false",
    ],
)
def test_what_its_owner_added_stays_readable(tmp_path: Path, theirs: str) -> None:
    """A file that cannot be read any more would take the encryption key with it."""
    keys = KeyFile(tmp_path)
    keys.path.write_text(f'encryption_key = "e"\n{theirs}\n', "utf-8")
    before = keys.read()
    keys.store({VIRTUAL: "v", SET_UP: True})
    assert keys.read() == {**before, VIRTUAL: "v", SET_UP: True}
    assert tomllib.loads(keys.path.read_text("utf-8"))[ENCRYPTION] == "e"


def test_a_full_disk_leaves_the_former_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing beside it, whether it is full at the beginning or at the end."""
    keys = KeyFile(tmp_path)
    keys.store({VIRTUAL: "v"})
    for call, when in (("open", creates), ("fsync", lambda *_: True)):
        with monkeypatch.context() as patch:
            refuse(patch, call, errno.ENOSPC, when=when)
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                keys.store({MASTER: "m"})
        assert keys.read() == {VIRTUAL: "v"}
        assert [path.name for path in tmp_path.iterdir()] == ["keys.toml"]


def test_a_file_that_others_could_read_is_taken_from_them(tmp_path: Path) -> None:
    """That it was so is told once."""
    keys = KeyFile(tmp_path)
    assert not keys.make_private()
    keys.store({VIRTUAL: "v"})
    assert not keys.make_private()
    keys.path.chmod(0o644)
    assert keys.make_private()
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert not keys.make_private()


def test_a_new_encryption_key_leaves_the_former_ones(tmp_path: Path) -> None:
    """Nothing that was sealed is lost, however often it changes; all else stays as it was."""
    keys = KeyFile(tmp_path)
    first = keys.make_missing({})[0]
    keys.replace_encryption_key("second")
    keys.replace_encryption_key("third")
    stored = keys.read()
    assert (stored[ENCRYPTION], stored[FORMER]) == ("third", f"second,{first[ENCRYPTION]}")
    assert stored[MASTER] == first[MASTER]


def test_of_changes_at_the_same_time_no_key_is_lost(tmp_path: Path) -> None:
    """Each may be the one that something was sealed with."""
    keys = KeyFile(tmp_path)
    keys.store({ENCRYPTION: "first"})
    names = [f"key-{number}" for number in range(8)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(KeyFile(tmp_path).replace_encryption_key, names))
    stored = keys.read()
    found = [str(stored[ENCRYPTION]), *str(stored[FORMER]).split(",")]
    assert sorted(found) == sorted(["first", *names])


def test_a_key_that_somebody_else_gives_is_not_replaced(tmp_path: Path) -> None:
    """The file has none, so that there is nothing to put a new one in the place of."""
    keys = KeyFile(tmp_path)
    keys.make_missing({ENCRYPTION: "given"})
    with pytest.raises(KeysUnusable, match="whoever gives it"):
        keys.replace_encryption_key("new")
    assert ENCRYPTION not in keys.read()
