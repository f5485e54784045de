"""The file `keys.toml` of a data directory: the keys that were made for its owner."""

import base64
import fcntl
import json
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from pathlib import Path

from conduit_kernel.file_errors import in_words

FILE_NAME = "keys.toml"
MASTER, ENCRYPTION, VIRTUAL, SET_UP = "master_key", "encryption_key", "virtual_key", "is_set_up"
# With commas between them, the last one first.
FORMER = "former_encryption_keys"
_HEAD = """\
# Made by `conduit serve`. Whoever can read this can use and change your gateway.
# Keep a copy: without the encryption key, stored provider keys cannot be read any more.
"""
ENCRYPTION_KEY_BYTES = 32
_PUT_BACK = "Mend it, or put a copy of it in its place."
# Names that need no quotes; its owner may have added others.
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class KeysUnusable(Exception):
    """The keys of a data directory cannot be used; the message says what to do."""


class KeyFile:
    """The keys of one data directory: strings by name, and whether the first start is done.

    Reads and writes are whole: another process sees the file before or after, never between.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir
        self.path = data_dir / FILE_NAME

    def read(self) -> dict[str, str | bool]:
        """Return what is stored; nothing if there is no file. KeysUnusable if it is damaged."""
        try:
            stored = tomllib.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise KeysUnusable(in_words(error)) from error
        except UnicodeDecodeError as error:
            raise KeysUnusable(
                f"{self.path} cannot be read: it is no UTF-8. {_PUT_BACK}"
            ) from error
        except tomllib.TOMLDecodeError as error:
            # Where, and nothing of what stands there.
            _, _, place = str(error).rpartition("(")
            raise KeysUnusable(
                f"{self.path} cannot be read: no TOML ({place}. {_PUT_BACK}"
            ) from error
        return {name: value for name, value in stored.items() if isinstance(value, str | bool)}

    def make_missing(self, given: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
        """Return master and encryption key and the names of those that nobody was shown.

        They were made now, or by a first start that came to no good end. `given` keys win and are
        not stored. KeysUnusable if the encryption key is damaged, or gone while data that needs it
        is there.
        """
        stored = self.read()
        known = {name: str(stored[name]) for name in (MASTER, ENCRYPTION) if name in stored}
        if ENCRYPTION in known.keys() - given.keys() and not _is_whole(known[ENCRYPTION]):
            raise KeysUnusable(f"{self.path}: its encryption key is damaged. {_PUT_BACK}")
        known |= given
        made: dict[str, str] = {}
        if MASTER not in known:
            made[MASTER] = secrets.token_urlsafe(32)
        if ENCRYPTION not in known:
            self._refuse_beside_data()
            made[ENCRYPTION] = new_encryption_key()
        if made:
            self.store(made)
        unseen = made.keys() if stored.get(SET_UP) is True else made.keys() | stored.keys()
        return known | made, (unseen & {MASTER, ENCRYPTION}) - given.keys()

    def store(self, values: Mapping[str, str | bool]) -> None:
        """Add values to what is stored, for the owner's eyes only."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stored = {**self.read(), **values}
        lines = (f"{_key(name)} = {_toml(value)}\n" for name, value in stored.items())
        new = self.path.with_suffix(f".{os.getpid()}")
        try:
            number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "w", encoding="utf-8") as out:
                out.write(_HEAD + "".join(lines))
                out.flush()
                os.fsync(out.fileno())
            new.replace(self.path)
        except OSError as error:
            # A write that fails names no file.
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        finally:
            new.unlink(missing_ok=True)

    def replace_encryption_key(self, new: str) -> None:
        """Store a new encryption key, and the one before it among the former ones.

        KeysUnusable if there is none, as that is then given by somebody else.
        """
        if ENCRYPTION not in self.read():
            raise KeysUnusable(f"{self.path} has no encryption key: whoever gives it changes it.")
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            # Of two who do this at once, neither may overwrite the other's key.
            fcntl.flock(folder, fcntl.LOCK_EX)
            stored = self.read()
            former = [str(stored[name]) for name in (ENCRYPTION, FORMER) if stored.get(name)]
            self.store({ENCRYPTION: new, FORMER: ",".join(former)})
            # Before anything is sealed with it.
            os.fsync(folder)
        finally:
            os.close(folder)

    def make_private(self) -> bool:
        """Take the file from everybody but its owner; say whether others could read it."""
        if not self.path.is_file() or self.path.stat().st_mode & 0o077 == 0:
            return False
        self.path.chmod(0o600)
        return True

    def _refuse_beside_data(self) -> None:
        if any(self._folder.glob("*.db")):
            raise KeysUnusable(
                f"{self._folder} has data, but {self.path} with its encryption key is gone. "
                "Put the file back, or set CONDUIT_ENCRYPTION_KEY."
            )


def new_encryption_key() -> str:
    """Return a fresh encryption key, in base64."""
    return base64.b64encode(os.urandom(ENCRYPTION_KEY_BYTES)).decode()


def _is_whole(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == ENCRYPTION_KEY_BYTES
    except ValueError:
        return False


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def _toml(value: str | bool) -> str:  # noqa: FBT001 # what a file may hold
    # TOML has the strings of JSON, without pairs of surrogates and with DEL escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
