"""The last configuration on disk, so that a worker serves while the Registry is away.

Secrets stay sealed in it, as the Registry sent them.
"""

import os
from pathlib import Path

from google.protobuf.message import DecodeError

from conduit.v1.snapshot_pb2 import Snapshot


def load_snapshot(path: Path) -> Snapshot | None:
    """Return the stored configuration, None if there is none that can be read."""
    try:
        return Snapshot.FromString(path.read_bytes())
    except (FileNotFoundError, DecodeError):
        return None


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Store a configuration; a reader sees the old or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Workers of one machine share the file and write it at the same time.
    new = path.with_suffix(f".{os.getpid()}")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(snapshot.SerializeToString())
        out.flush()
        os.fsync(out.fileno())
    new.replace(path)
