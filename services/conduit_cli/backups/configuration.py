"""When backups are made, where they go, and how many are kept: from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conduit_kernel.secrets import parse_key

if TYPE_CHECKING:
    from conduit_cli.backups.stores import BackupStore

URL, KEY = "CONDUIT_BACKUP_URL", "CONDUIT_BACKUP_KEY"
HOURS, KEPT = "CONDUIT_BACKUP_HOURS", "CONDUIT_BACKUP_KEPT"
DEFAULT_HOURS, DEFAULT_KEPT = 24, 14
MAX_HOURS, MAX_KEPT = 8784, 10_000


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """The operator's wishes: where to, how often, how many."""

    store: "BackupStore"
    key: bytes = field(repr=False)
    every_seconds: float
    # The newest ones that stay.
    kept: int


def backup_settings(env: Mapping[str, str]) -> BackupSettings | None:
    """Return what an environment says; None without a URL. ValueError if it cannot be."""
    if not env.get(URL):
        return None
    # Its library takes its time, which a gateway without a store does not spend.
    from conduit_cli.backups.stores import store_of  # noqa: PLC0415

    try:
        store = store_of(env[URL])
    except ValueError as error:
        raise ValueError(f"{URL}: {error}") from None
    hours = _number(env, HOURS, DEFAULT_HOURS, MAX_HOURS)
    kept = _number(env, KEPT, DEFAULT_KEPT, MAX_KEPT)
    return BackupSettings(store, backup_key(env), hours * 3600, kept)


def backup_key(env: Mapping[str, str]) -> bytes:
    """Return the key of backups. ValueError without one."""
    if not env.get(KEY):
        raise ValueError(
            f"{KEY} is missing: backups in a store are encrypted with it, and open with no other. "
            "Make one with `openssl rand -base64 32`, and keep it elsewhere"
        )
    try:
        return parse_key(env[KEY])
    except ValueError as error:
        raise ValueError(str(error).replace("CONDUIT_ENCRYPTION_KEY", KEY)) from None


def _number(env: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= most:
        raise ValueError(f"{name} must be a whole number from 1 to {most:,}")
    return int(text)
