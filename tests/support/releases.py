"""What releases left: a folder of `tests/releases` each, with databases as text, and settings."""

import contextlib
import dataclasses
import hashlib
import json
import sqlite3
from pathlib import Path

from tests.support.release_life import Left

from conduit_kernel.setting_names import known_names

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "releases"
LEFT, MIGRATIONS, SETTINGS = "left.json", "migrations.json", "settings.json"
_KEY_START = "condt_"
SERVICES = ("billing", "health", "registry", "storage")


def write(data_dir: Path, left: Left, folder: Path) -> None:
    """Write the databases of a gateway, also while it runs, and what it left."""
    folder.mkdir(parents=True, exist_ok=True)
    for service in SERVICES:
        with (
            contextlib.closing(sqlite3.connect(data_dir / f"{service}.db")) as running,
            contextlib.closing(sqlite3.connect(":memory:")) as copied,
        ):
            running.backup(copied)
            text = "\n".join(copied.iterdump())
        (folder / f"{service}.sql").write_text(f"{text}\n", "utf-8")
    # Without their beginning they look like nobody's keys.
    secrets = {who: secret.removeprefix(_KEY_START) for who, secret in left.secrets.items()}
    _write_json(folder / LEFT, dataclasses.asdict(left) | {"secrets": secrets})
    _write_json(folder / MIGRATIONS, {service: digests(service) for service in SERVICES})
    _write_json(folder / SETTINGS, sorted(known_names()))


def read(folder: Path, data_dir: Path) -> Left:
    """Make the databases in a data directory, and return what was left beside them."""
    for service in SERVICES:
        with contextlib.closing(sqlite3.connect(data_dir / f"{service}.db")) as database:
            database.executescript((folder / f"{service}.sql").read_text("utf-8"))
    left = Left(**json.loads((folder / LEFT).read_text("utf-8")))
    left.secrets = {who: f"{_KEY_START}{secret}" for who, secret in left.secrets.items()}
    return left


def digests(service: str) -> dict[str, str]:
    """Return a service's migrations as they are, by their names."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(migrations_of(service).glob("v*.py"))
    }


def migrations_of(service: str) -> Path:
    """Return the folder of a service's migrations."""
    return ROOT / "services" / f"conduit_{service}" / "migrations"


def _write_json(path: Path, value: object) -> None:
    path.write_text(f"{json.dumps(value, indent=1, ensure_ascii=False)}\n", "utf-8")
