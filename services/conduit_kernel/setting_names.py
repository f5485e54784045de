"""The names of all settings, so that one that is misspelt is told rather than ignored."""

import base64
import difflib
from collections.abc import Iterator, Mapping

import structlog

from conduit_kernel.settings import read_settings

PREFIX = "CONDUIT_"
# Read by commands before there are settings, or by those who are not a service.
OF_COMMANDS = frozenset(
    {
        *("CONDUIT_API_KEY", "CONDUIT_READY_FD", "CONDUIT_SHOW_KEYS", "CONDUIT_TRACEABLE"),
        *("CONDUIT_URL", "CONDUIT_WORKERS"),
        *(
            "CONDUIT_BACKUP_URL",
            "CONDUIT_BACKUP_KEY",
            "CONDUIT_BACKUP_HOURS",
            "CONDUIT_BACKUP_KEPT",
        ),
    },
)
_NEEDED = {
    "CONDUIT_MASTER_KEY": "of-no-account",
    "CONDUIT_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
}


class _Asked(Mapping[str, str]):
    """An environment that has next to nothing, and notes what is asked of it."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return _NEEDED[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_NEEDED)

    def __len__(self) -> int:
        return len(_NEEDED)


def known_names() -> frozenset[str]:
    """Return all names that are read from the environment."""
    asked = _Asked()
    read_settings(asked)
    return OF_COMMANDS | {name for name in asked.names if name.startswith(PREFIX)}


def unknown_names(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that look like settings and are none, with what may have been meant."""
    known = known_names()
    return {
        name: "".join(difflib.get_close_matches(name, known, 1))
        for name in sorted(env)
        if name.startswith(PREFIX) and name not in known
    }


def report_unknown_names(env: Mapping[str, str]) -> None:
    """Write a line for each variable that looks like a setting and is none."""
    log = structlog.get_logger("settings")
    for name, meant in unknown_names(env).items():
        log.warning("unknown_setting", name=name, **({"did_you_mean": meant} if meant else {}))
