"""Keeps a known secret out of what providers say: some repeat the key that they were given."""

import re
from collections.abc import Iterator

import msgspec

from conduit_kernel.errors import ConduitError
from conduit_providers.json_reading import parsed

REDACTED = "[redacted]"
# Shorter ones are stand-ins such as `none`, and words of every other message.
MIN_SECRET_CHARS = 6
# A text that was shortened may end inside of the secret.
MIN_PREFIX_CHARS = 4

_SECRET_MEMBER = re.compile(r"secret|token|key|password", re.IGNORECASE)
_ADDRESS_MEMBER = re.compile(r"(?:uri|url|type)$", re.IGNORECASE)


class Redactor:
    """Replaces one key's secret: the text itself, and of JSON the members that are secret."""

    __slots__ = ("_secrets",)

    def __init__(self, secret: str = "") -> None:
        found = {each for each in _secrets(secret) if len(each) >= MIN_SECRET_CHARS}
        # The longest first, because one may contain another.
        self._secrets = sorted(found, key=len, reverse=True)

    def __repr__(self) -> str:
        """Show nothing."""
        return "Redactor()"

    def text(self, text: str) -> str:
        """Return a text without the secret."""
        for secret in self._secrets:
            text = _without_prefix(text.replace(secret, REDACTED), secret)
        return text

    def clean(self, error: ConduitError) -> None:
        """Take the secret out of an error that was built from a provider's words."""
        if not self._secrets:
            return
        error.message = self.text(error.message)
        error.args = (error.message,)
        error.metadata = {name: self.text(value) for name, value in error.metadata.items()}


def _secrets(secret: str) -> Iterator[str]:
    if not secret.startswith("{"):
        yield secret
        return
    try:
        yield from _members(parsed(secret.encode()), is_secret=False)
    except msgspec.DecodeError:
        yield secret


def _members(value: object, *, is_secret: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            is_secret = bool(_SECRET_MEMBER.search(name) and not _ADDRESS_MEMBER.search(name))
            yield from _members(member, is_secret=is_secret)
    elif isinstance(value, str) and is_secret:
        yield value


def _without_prefix(text: str, secret: str) -> str:
    """Return a text without the beginning of a secret at its end."""
    bare = text.rstrip("….")
    for length in range(min(len(secret) - 1, len(bare)), MIN_PREFIX_CHARS - 1, -1):
        if bare.endswith(secret[:length]):
            return bare[:-length] + REDACTED
    return text
