"""Changes the encryption key of a running gateway, whose key file is at hand."""

from typing import NamedTuple

from conduit_cli.gateway import Gateway, Json
from conduit_cli.keys import KeyFile, new_encryption_key
from conduit_kernel.secrets import key_id, parse_key

PATH = "/api/encryption-key/rewrap"


class OtherKeyInUse(Exception):
    """The gateway works with another encryption key than the file's."""


class Rewrapping(NamedTuple):
    """The outcome of a change of the encryption key."""

    encryption_key_id: str
    rewrapped: int
    unreadable: int
    # Whether it was one that somebody had begun before, so that no new key was made.
    was_begun: bool


def change_key(gateway: Gateway, key_file: KeyFile) -> Rewrapping:
    """Wrap everything with a new key, or with the last one if that is not done yet.

    OtherKeyInUse, KeysUnusable, and what a Gateway raises.
    """
    first = gateway.call("POST", PATH)
    was_begun = _number(first, "rewrapped") > 0 or not first.get("isDone")
    if was_begun:
        return _finished(gateway, first, was_begun=True)
    key = new_encryption_key()
    key_file.replace_encryption_key(key)
    found = gateway.call("POST", PATH)
    if found.get("encryptionKeyId") != key_id(parse_key(key)):
        raise OtherKeyInUse(
            f"The gateway does not work with the encryption key of {key_file.path}: it is given "
            "by the environment, or this is another gateway. Nothing was wrapped with the new key."
        )
    return _finished(gateway, found, was_begun=False)


def _finished(gateway: Gateway, found: Json, *, was_begun: bool) -> Rewrapping:
    count = _number(found, "rewrapped")
    while not found.get("isDone"):
        found = gateway.call("POST", PATH)
        count += _number(found, "rewrapped")
    used = str(found.get("encryptionKeyId", ""))
    return Rewrapping(used, count, _number(found, "unreadable"), was_begun)


def _number(answer: Json, name: str) -> int:
    return int(answer.get(name) or 0)
