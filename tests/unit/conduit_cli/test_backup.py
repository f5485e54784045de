"""Backups: what they hold, and what is none."""

import contextlib
import hashlib
import json
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from conduit_cli.backup import MANIFEST, BackupFailed, back_up, restore
from conduit_cli.keys import ENCRYPTION, MASTER, KeyFile

ROWS = 500


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data directory with a database, keys and an undelivered charge."""
    folder = tmp_path / "data"
    KeyFile(folder).store({MASTER: "m", ENCRYPTION: "e"})
    with contextlib.closing(sqlite3.connect(folder / "billing.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE charges (id INTEGER PRIMARY KEY, text TEXT)")
        rows = ((i, "x" * 1_000) for i in range(ROWS))
        database.executemany("INSERT INTO charges VALUES (?, ?)", rows)
        database.commit()
    spool = folder / "router" / "spool" / "0a1b"
    spool.mkdir(parents=True)
    (spool / "0000000001.spool").write_bytes(b"charge")
    (spool / "lock").touch()
    (folder / "router" / "snapshot.binpb").write_bytes(b"made anew")
    return folder


def count(folder: Path) -> int:
    """Count the charges of a database."""
    with contextlib.closing(sqlite3.connect(folder / "billing.db")) as database:
        return int(database.execute("SELECT count(*) FROM charges").fetchone()[0])


def test_what_is_restored_is_what_was_there(tmp_path: Path, data: Path) -> None:
    """Databases, keys and charges, for nobody else's eyes; what makes itself anew stays out."""
    made = back_up(data, tmp_path / "b.zip")
    found = restore(tmp_path / "b.zip", tmp_path / "new")
    assert made == found
    assert made.has_encryption_key
    names = ["router/spool/0a1b/0000000001.spool", "keys.toml", "billing.db"]
    assert made.files == names
    new = tmp_path / "new"
    assert sorted(p.relative_to(new).as_posix() for p in new.rglob("*") if p.is_file()) == sorted(
        names
    )
    assert count(new) == ROWS
    assert KeyFile(new).read() == KeyFile(data).read()
    assert (new / names[0]).read_bytes() == b"charge"
    assert {p.stat().st_mode & 0o077 for p in (tmp_path / "b.zip", new, *new.rglob("*"))} == {0}


def test_a_database_that_is_written_is_copied_whole(tmp_path: Path, data: Path) -> None:
    """As of one moment: a row that is there has all that came before it."""
    stop = threading.Event()

    def write() -> None:
        with contextlib.closing(sqlite3.connect(data / "billing.db", timeout=30)) as database:
            at = ROWS
            while not stop.is_set():
                database.execute("INSERT INTO charges VALUES (?, ?)", (at, "y" * 1_000))
                database.commit()
                at += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        back_up(data, tmp_path / "b.zip")
    finally:
        stop.set()
        writer.join()
    restore(tmp_path / "b.zip", tmp_path / "new")
    with contextlib.closing(sqlite3.connect(tmp_path / "new" / "billing.db")) as database:
        [(rows, last)] = database.execute("SELECT count(*), max(id) FROM charges").fetchall()
    assert rows == last + 1 >= ROWS


def test_a_key_from_the_environment_is_told_to_be_missing(tmp_path: Path, data: Path) -> None:
    """It is in no file."""
    (data / "keys.toml").unlink()
    assert not back_up(data, tmp_path / "b.zip").has_encryption_key


def test_nothing_is_written_over(tmp_path: Path, data: Path) -> None:
    """Neither a backup nor a data directory."""
    back_up(data, tmp_path / "b.zip")
    before = (tmp_path / "b.zip").read_bytes()
    with pytest.raises(BackupFailed, match="exists already"):
        back_up(data, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == before
    with pytest.raises(BackupFailed, match="not empty"):
        restore(tmp_path / "b.zip", data)
    assert count(data) == ROWS


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, data: Path) -> None:
    """Nor does a folder without a gateway."""
    with pytest.raises(BackupFailed, match="cannot be copied"):
        back_up(data, tmp_path / "missing" / "b.zip")
    (data / "registry.db").write_bytes(b"no database" * 100)
    with pytest.raises(BackupFailed, match="cannot be copied"):
        back_up(data, tmp_path / "b.zip")
    with pytest.raises(BackupFailed, match="no databases"):
        back_up(tmp_path / "nowhere", tmp_path / "b.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def changed(source: Path, target: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """Write a backup with other content."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target


def add(name: str) -> Callable[[dict[str, bytes]], object]:
    """Return a change that adds a file, which the manifest names, too."""

    def change(files: dict[str, bytes]) -> None:
        about = json.loads(files[MANIFEST])
        # The checksum of nothing.
        about["files"][name] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        files[MANIFEST] = json.dumps(about).encode()
        files[name] = b""

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda files: files.pop(MANIFEST), "no backup"),
        (lambda files: files.update({MANIFEST: b"{"}), "cannot be restored"),
        (lambda files: files.update({MANIFEST: b'{"format": 2}'}), "newer Conduit"),
        (lambda files: files.update({MANIFEST: b"[]"}), "newer Conduit"),
        (lambda files: files.pop("keys.toml"), "not what it holds"),
        (lambda files: files.update({"extra": b""}), "not what it holds"),
        (lambda files: files.update({"keys.toml": b"else"}), "keys.toml is damaged"),
        (add("../evil"), "no file of a gateway"),
        (add("/etc/evil.db"), "no file of a gateway"),
        (add("router/spool/../../../evil"), "no file of a gateway"),
        (add("router/spool/../evil"), "no file of a gateway"),
        (add("other.db"), ""),
    ],
)
def test_what_is_no_backup_is_not_restored(
    tmp_path: Path, data: Path, change: Callable[[dict[str, bytes]], object], why: str
) -> None:
    """Nothing is left of it, here or elsewhere."""
    back_up(data, tmp_path / "b.zip")
    source = changed(tmp_path / "b.zip", tmp_path / "c.zip", change)
    if why:
        with pytest.raises(BackupFailed, match=why):
            restore(source, tmp_path / "new")
    else:
        # An empty file is an empty database.
        restore(source, tmp_path / "new")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"data", "b.zip", "c.zip"} | (set() if why else {"new"})


def test_what_is_no_file_of_a_gateway_stays_out(tmp_path: Path, data: Path) -> None:
    """A copy that somebody left beside the databases would make the backup one of no gateway."""
    names = back_up(data, tmp_path / "a.zip").files
    shutil.copy(data / "billing.db", data / "billing copy 2.db")
    (data / "Old.db").write_bytes(b"no database" * 100)
    (data / "router" / "spool" / "0a1b" / "left over").touch()
    assert back_up(data, tmp_path / "b.zip").files == names
    assert restore(tmp_path / "b.zip", tmp_path / "new").files == names
    (data / "billing.db").unlink()
    with pytest.raises(BackupFailed, match="no databases"):
        back_up(data, tmp_path / "c.zip")


def test_damaged_keys_are_told_before_anything_is_there(tmp_path: Path, data: Path) -> None:
    """They are of no use, neither in a backup nor in a data directory."""
    back_up(data, tmp_path / "b.zip")

    def damage(files: dict[str, bytes]) -> None:
        about, content = json.loads(files[MANIFEST]), b"no TOML"
        about["files"]["keys.toml"] = hashlib.sha256(content).hexdigest()
        files |= {MANIFEST: json.dumps(about).encode(), "keys.toml": content}

    damaged = changed(tmp_path / "b.zip", tmp_path / "c.zip", damage)
    with pytest.raises(BackupFailed, match=r"c.zip cannot be restored: its keys.toml is damaged$"):
        restore(damaged, tmp_path / "new")
    (data / "keys.toml").write_text("no TOML")
    with pytest.raises(BackupFailed, match=r"keys.toml cannot be read"):
        back_up(data, tmp_path / "d.zip")
    assert {path.name for path in tmp_path.iterdir()} == {"data", "b.zip", "c.zip"}


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_archive_is_told_so(tmp_path: Path, content: bytes) -> None:
    """In a line."""
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(BackupFailed, match="cannot be restored"):
        restore(tmp_path / "b.zip", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]
