"""The encryption keys that a service works with, also while its key file changes.

A key that the file names anew is known at once, so that secrets open and hashes match. Secrets are
sealed with it later, once all others know it as well.
"""

from collections.abc import Iterable
from pathlib import Path

import structlog

from conduit_kernel.key_file import read_key_file
from conduit_kernel.secrets import Vault, key_id, service_token
from conduit_kernel.settings import Settings

# By which a file is another one: its number, size and time.
_Mark = tuple[int, int, int]


class KeyRing:
    """The keys of one service, and the vault that works with them."""

    def __init__(self, keys: Iterable[bytes], path: Path | None = None) -> None:
        """Take the current key, then former ones; where there is a key file, its order counts."""
        self._keys = tuple(keys)
        self._newest = self._keys[0]
        self._path = path
        self._mark: _Mark | None = None
        self.vault = Vault(*self._keys)
        self.refresh()
        self.advance()

    @classmethod
    def of(cls, settings: Settings) -> "KeyRing":
        """Return the keys of a process by its settings."""
        keys = (settings.encryption_key, *settings.former_encryption_keys)
        return cls(keys, settings.key_file)

    @property
    def current_id(self) -> str:
        """The public name of the key that seals."""
        return key_id(self._keys[0])

    @property
    def newest_id(self) -> str:
        """The public name of the key that the file calls the current one."""
        return key_id(self._newest)

    @property
    def has_former(self) -> bool:
        """Return whether another key may have wrapped what there is."""
        return len(self._keys) > 1

    @property
    def service_tokens(self) -> tuple[str, ...]:
        """The tokens between our services that are taken."""
        return tuple(map(service_token, self._keys))

    def renewed_tokens(self) -> tuple[str, ...]:
        """Return the tokens that are taken by what the key file says now."""
        self.refresh()
        return self.service_tokens

    def refresh(self) -> bool:
        """Learn the keys that the file has by now; return whether there is one to advance to."""
        try:
            found = self._changed()
        except (OSError, ValueError) as error:
            # What is known goes on.
            log = structlog.get_logger("key_ring")
            log.warning("key_file_unusable", path=str(self._path), detail=str(error))
            found = []
        if found:
            self._newest = found[0]
            self._take((*self._keys, *found))
        return self._newest != self._keys[0]

    def advance(self) -> None:
        """Have secrets sealed with the file's current key from now on."""
        self._take((self._newest, *self._keys))

    def _take(self, keys: Iterable[bytes]) -> None:
        self._keys = tuple(dict.fromkeys(keys))
        self.vault.take(*self._keys)

    def _changed(self) -> list[bytes]:
        """Return the keys of the file; nothing if it is as it was."""
        if self._path is None:
            return []
        found = self._path.stat()
        mark = (found.st_ino, found.st_size, found.st_mtime_ns)
        if mark == self._mark:
            return []
        keys = read_key_file(self._path)
        self._mark = mark
        return keys
