"""Starts that cannot be: one line that names the file and what to do, and an exit code."""

import base64
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.support.gateways import CONDUIT, Served, environment
from tests.support.small_disk_gateway import on_small_disk

from conduit_cli.keys import ENCRYPTION, KeyFile

KEY = base64.b64encode(b"k" * 32).decode()
FULL = "No space left on device. Make room on its disk, for bytes and for files, or choose another"
READ_ONLY = "Read-only file system. Let its disk be written, or choose another data directory"
DAMAGED = "Put a backup in its place (conduit restore), or choose another data directory."
MEND = "Mend it, or put a copy of it in its place."
FILL = "dd if=/dev/zero of=filler bs=1k 2>/dev/null"


def refused(data_dir: Path, before: Sequence[str] = (), **env: str) -> str:
    """Start a gateway that cannot start; return the one line that it says."""
    ended = subprocess.run(  # noqa: S603 # our own command
        [
            *(*before, CONDUIT, "serve", "--data-dir", str(data_dir)),
            *("--http-port", "0", "--grpc-port", "0"),
        ],
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # Others are the log's, of processes that were well, or stop without their disk.
    of_log = ('"level":"info"', '"event":"disk_refused"', '"event":"background_failed"')
    said = [x for x in ended.stderr.splitlines() if not any(each in x for each in of_log)]
    assert (ended.returncode, ended.stdout, len(said)) == (1, "", 1), ended.stderr
    return said[0]


@pytest.mark.parametrize(
    ("options", "prepare", "said"),
    [
        pytest.param("size=4m", FILL, f"data: {FULL}", id="full"),
        pytest.param("size=600k", "", f"data: {FULL}", id="less-than-it-takes"),
        pytest.param("size=9m,nr_inodes=12", "", f"data: {FULL}", id="fewer-files-than-it-takes"),
        pytest.param("size=9m,nr_inodes=2", "", f"data/lock: {FULL}", id="no-file"),
        pytest.param("size=4m", "mount -o remount,ro .", f"data: {READ_ONLY}", id="read-only"),
        pytest.param(
            "size=4m",
            "mkdir data && touch data/registry.db && mount -o remount,ro .",
            f"data/lock: {READ_ONLY}",
            id="read-only-with-data",
        ),
    ],
)
def test_a_disk_that_takes_no_gateway_is_named(
    tmp_path: Path, options: str, prepare: str, said: str
) -> None:
    """Before anything is begun that would have to be undone."""
    disk = tmp_path / "disk"
    before = on_small_disk(disk, options, prepare)
    assert f"conduit: {disk}/{said}" in refused(disk / "data", before)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        pytest.param("size=100k", {"registry.db"}, id="the-first-database"),
        pytest.param("size=250k", {"registry.db", "health.db"}, id="a-later-database"),
        pytest.param("size=9m,nr_inodes=6", {"registry.db", "router"}, id="no-files"),
    ],
)
def test_a_disk_that_fills_while_a_gateway_starts_is_named(
    tmp_path: Path, options: str, names: set[str]
) -> None:
    """By the process that met it, through the one that speaks to the user, and once."""
    disk = tmp_path / "disk"
    before = on_small_disk(disk, options, "mkdir data && touch data/older.db")
    line = refused(disk / "data", before, CONDUIT_ENCRYPTION_KEY=KEY)
    assert any(line.startswith(f"conduit: {disk}/data/{name}") for name in names), line
    assert "room" in line
    assert "choose another data directory" in line


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data directory of a gateway that ran."""
    folder = tmp_path_factory.mktemp("served") / "data"
    with Served(folder):
        pass
    return folder


def no_toml(data_dir: Path) -> None:
    """Break a line."""
    KeyFile(data_dir).path.write_text('master_key = "', "utf-8")


def no_utf8(data_dir: Path) -> None:
    """Make it something else."""
    KeyFile(data_dir).path.write_bytes(b"\xff\xfe")


def folder_of_keys(data_dir: Path) -> None:
    """Put a folder in its place."""
    KeyFile(data_dir).path.unlink()
    KeyFile(data_dir).path.mkdir()


def short_key(data_dir: Path) -> None:
    """Lose the end of a key."""
    KeyFile(data_dir).store({ENCRYPTION: KEY[:-5]})


def no_key(data_dir: Path) -> None:
    """Lose the file."""
    KeyFile(data_dir).path.unlink()


def no_database(data_dir: Path) -> None:
    """Overwrite one."""
    (data_dir / "health.db").write_bytes(b"no database" * 100)


@pytest.mark.parametrize(
    ("damage", "name", "said"),
    [
        (no_toml, "keys.toml", f"cannot be read: no TOML (at end of document). {MEND}"),
        (no_utf8, "keys.toml", f"cannot be read: it is no UTF-8. {MEND}"),
        (folder_of_keys, "keys.toml", "Is a directory. Move the folder away, or choose another"),
        (short_key, "keys.toml", f"its encryption key is damaged. {MEND}"),
        (no_key, "keys.toml", "is gone. Put the file back, or set CONDUIT_ENCRYPTION_KEY."),
        (no_database, "health.db", f"file is not a database. {DAMAGED}"),
    ],
)
def test_a_damaged_file_is_named(
    data: Path, tmp_path: Path, damage: Callable[[Path], None], name: str, said: str
) -> None:
    """With what is wrong, where, and what to do; nothing of what stands in it."""
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    damage(copy)
    line = refused(copy)
    assert f"{copy / name}" in line
    assert said in line
    assert KEY[:-5] not in line


def test_a_catalog_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Once, though each process looks for it."""
    where = tmp_path / "catalog"
    line = refused(tmp_path / "data", CONDUIT_CATALOG_DIR=str(where))
    said = "is no folder. Make it, or take the setting away"
    assert line == f"conduit: CONDUIT_CATALOG_DIR: {where} {said}"


def test_a_data_directory_of_somebody_else_is_named(tmp_path: Path) -> None:
    """Whose files this user may neither read nor write, whatever root may."""
    setpriv = shutil.which("setpriv")
    before = [setpriv, "--bounding-set=-dac_override,-dac_read_search"] if setpriv else []
    probe = tmp_path / "probe"
    probe.touch(mode=0)
    tried = subprocess.run([*before, "cat", str(probe)], check=False, capture_output=True)  # noqa: S603 # our own command
    if tried.returncode == 0 or b"Permission denied" not in tried.stderr:
        pytest.skip("this system lets its user read everything")
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0)
    try:
        line = refused(data_dir, before)
    finally:
        data_dir.chmod(0o700)
    said = "Permission denied. Let this user read and write there, or choose another"
    assert f"conduit: {data_dir}/lock: {said}" in line


def test_a_damaged_snapshot_stops_no_start(data: Path, tmp_path: Path) -> None:
    """It is told in one line, and there is a whole one again: the Registry has it."""
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    snapshot = copy / "router" / "snapshot.binpb"
    damage = b"\xff" * 500
    snapshot.write_bytes(damage)
    with Served(copy) as served:
        assert "echo" in served.aliases()
    assert sum("snapshot_unreadable" in line for line in served.log) == 1
    assert "Traceback" not in "".join(served.log)
    assert snapshot.read_bytes() != damage
