"""Where backups are kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.conduit_cli.backups.s3 import Bucket, serve_bucket

from conduit_cli.backups import stores
from conduit_cli.backups.stores import BackupStore, StoreFailed, is_name, store_of

NAMES = [f"conduit-2026110{n + 1}T000000Z.backup" for n in range(5)]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """Run an object store that the SDK's own variables lead to."""
    with serve_bucket() as (address, found):
        for name, value in (
            ("AWS_ENDPOINT_URL_S3", address),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
            ("AWS_MAX_ATTEMPTS", "1"),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(stores, "ATTEMPTS", 1)
        yield found


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BackupStore:
    """Return a store of each kind."""
    if request.param == "file":
        return store_of(f"file://{tmp_path}/with%20blank")
    request.getfixturevalue("bucket")
    return store_of("s3://backups/conduit/eu")


def test_what_is_stored_is_there_until_it_is_removed(store: BackupStore, tmp_path: Path) -> None:
    """Oldest first, over several pages; removed once or twice."""
    file, back = tmp_path / "file", tmp_path / "back"
    assert store.names() == []
    for name in reversed(NAMES):
        file.write_text(name)
        store.put(file, name)
    assert store.names() == NAMES
    store.get(NAMES[2], back)
    assert back.read_text() == NAMES[2]
    for _ in range(2):
        store.delete(NAMES[0])
    assert store.names() == NAMES[1:]
    with pytest.raises(StoreFailed):
        store.get(NAMES[0], back)


def test_what_is_not_ours_is_not_touched(bucket: Bucket, tmp_path: Path) -> None:
    """Nor is what another gateway has under another prefix."""
    bucket.objects = {
        "conduit/eu/notes.txt": b"x",
        "conduit/eu/deeper/" + NAMES[0]: b"x",
        "conduit/us/" + NAMES[0]: b"x",
        "conduit/eu/" + NAMES[1]: b"x",
    }
    assert store_of("s3://backups/conduit/eu/").names() == [NAMES[1]]
    (tmp_path / "other.txt").touch()
    (tmp_path / f"{NAMES[0]}.partial").touch()
    (tmp_path / NAMES[1]).touch()
    assert store_of(f"file://{tmp_path}").names() == [NAMES[1]]


def test_a_large_backup_goes_in_parts(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is seen once it is whole; what was sent of one that fails is given up."""
    monkeypatch.setattr(stores, "PART_BYTES", 1000)
    file = tmp_path / "file"
    for size in (999, 1000, 2500):
        file.write_bytes(bytes(range(250)) * (size // 250) + b"x" * (size % 250))
        store_of("s3://backups").put(file, NAMES[0])
        assert bucket.objects[NAMES[0]] == file.read_bytes()
    assert sum(each.startswith("PUT") for each in bucket.asked) == 1 + 1 + 3
    bucket.refused_part = 2
    with pytest.raises(StoreFailed, match="AccessDenied"):
        store_of("s3://backups").put(file, NAMES[1])
    assert bucket.uploads == {}
    assert NAMES[1] not in bucket.objects


@pytest.mark.parametrize("status", [403, 500])
def test_a_store_that_refuses_is_told(bucket: Bucket, tmp_path: Path, status: int) -> None:
    """Whatever was asked."""
    bucket.status = status
    store, file = store_of("s3://backups"), tmp_path / "file"
    file.touch()
    for ask in (
        store.names,
        lambda: store.put(file, NAMES[0]),
        lambda: store.get(NAMES[0], file),
        lambda: store.delete(NAMES[0]),
    ):
        with pytest.raises(StoreFailed, match="s3://backups refuses or is away"):
            ask()


def test_a_folder_is_written_for_its_owner_and_not_through_links(tmp_path: Path) -> None:
    """Others may write there as well."""
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_text("backup")
    other.write_text("theirs")
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / f"{NAMES[0]}.partial").symlink_to(other)
    store_of(f"file://{folder}").put(file, NAMES[0])
    assert other.read_text() == "theirs"
    assert (folder / NAMES[0]).read_text() == "backup"
    assert (folder / NAMES[0]).stat().st_mode & 0o777 == 0o600


def test_a_list_without_end_is_given_up(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store could keep a gateway from ever making a backup."""
    monkeypatch.setattr(stores, "MAX_PAGES", 2)
    bucket.objects = dict.fromkeys(NAMES, b"x")
    with pytest.raises(StoreFailed, match="more than 2 pages"):
        store_of("s3://backups").names()


def test_an_address_has_no_credentials() -> None:
    """It is in what is told of a failure, and not told here."""
    with pytest.raises(ValueError, match="has no credentials") as refused:
        store_of("s3://key:hunter2@backups/eu")
    assert "hunter2" not in str(refused.value)


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Here a file stands in its place."""
    file = tmp_path / "file"
    file.touch()
    store = store_of(f"file://{file}")
    for ask in (store.names, lambda: store.put(file, NAMES[0]), lambda: store.delete(NAMES[0])):
        with pytest.raises(StoreFailed, match="cannot be"):
            ask()


def test_names_are_those_that_we_make() -> None:
    """A path is none."""
    assert is_name(NAMES[0])
    for other in (
        "",
        "../" + NAMES[0],
        NAMES[0] + "\n",
        "conduit-1.backup",
        NAMES[0].replace("1101", "1339"),
    ):
        assert not is_name(other)
