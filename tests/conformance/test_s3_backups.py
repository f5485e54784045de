"""Backups in S3, with moto as the judge; `make kms` installs and asks it."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from tests.support.moto import serve_moto

from conduit_cli.backups import stores
from conduit_cli.backups.stores import StoreFailed, store_of

NAMES = [f"conduit-2026110{n + 1}T000000Z.backup" for n in range(3)]
# The least that S3 takes as a part that is not the last.
PART = 5 * 1024 * 1024


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run moto; return the URL of a bucket that it has."""
    with serve_moto(monkeypatch, "s3") as region:
        boto3.client("s3", region_name=region).create_bucket(Bucket="backups")
        yield "s3://backups/conduit"


def test_backups_are_stored_listed_fetched_and_removed(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one in parts; a bucket that is not there is said."""
    monkeypatch.setattr(stores, "PART_BYTES", PART)
    store, file, back = store_of(bucket), tmp_path / "file", tmp_path / "back"
    for name, size in zip(NAMES, (0, 1000, 2 * PART + 1), strict=True):
        file.write_bytes(b"x" * size)
        store.put(file, name)
        store.get(name, back)
        assert back.read_bytes() == file.read_bytes()
    assert store.names() == NAMES
    store.delete(NAMES[0])
    assert store.names() == NAMES[1:]
    with pytest.raises(StoreFailed, match="NoSuchBucket"):
        store_of("s3://elsewhere").names()
