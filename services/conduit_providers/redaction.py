"""Keeps a known secret out of what providers say: some repeat the key that they were given."""

import re
from collections.abc import Iterator

import msgspec

from conduit_kernel.errors import ConduitError
from conduit_providers.answer_redaction import AnswerRedactor, is_word, spellings
from conduit_providers.json_reading import parsed

REDACTED = "[redacted]"
# Shorter ones are stand-ins such as `none`, and words of every other message.
MIN_SECRET_CHARS = 6
# A text that was shortened may end inside of the secret.
MIN_PREFIX_CHARS = 4
# Of access tokens: the one in use, and those of calls under way.
MOST_TOKENS = 3

_SECRET_MEMBER = re.compile(r"secret|token|key|password", re.IGNORECASE)
_ADDRESS_MEMBER = re.compile(r"(?:uri|url|type)$", re.IGNORECASE)


class Redactor:
    """Replaces one key's secret: the text itself, and of JSON the members that are secret.

    Access tokens that were got for the key are as secret.
    """

    __slots__ = ("_of_key", "_secrets", "_tokens", "answers")

    def __init__(self, secret: str = "") -> None:
        self._of_key = {each for each in _secrets(secret) if len(each) >= MIN_SECRET_CHARS}
        self._tokens: tuple[str, ...] = ()
        # For the bytes of answers; None where there is nothing to take out of them.
        self.answers: AnswerRedactor | None = None
        self._secrets: list[str] = []
        self._spell()

    def __repr__(self) -> str:
        """Show nothing."""
        return "Redactor()"

    def learn(self, token: str) -> None:
        """Take an access token that the provider is sent in the key's place."""
        if token not in self._tokens and len(token) >= MIN_SECRET_CHARS:
            self._tokens = (token, *self._tokens)[:MOST_TOKENS]
            self._spell()

    def text(self, text: str) -> str:
        """Return a text without the secret."""
        for secret in self._secrets:
            text = _without_prefix(text.replace(secret, REDACTED), secret)
        return text

    def covered(self, data: bytes) -> bytes:
        """Return bytes of an answer, as long as they were, without the secret."""
        return data if self.answers is None else self.answers.covered(data)

    def frame(self, frame: str | bytes) -> str | bytes:
        """Return a message of a session likewise."""
        if self.answers is None:
            return frame
        if isinstance(frame, bytes):
            return self.answers.covered(frame)
        data = frame.encode()
        return frame if self.answers.covered(data) is data else self.text(frame)

    def clean(self, error: ConduitError) -> None:
        """Take the secret out of an error that was built from a provider's words."""
        if not self._secrets:
            return
        error.message = self.text(error.message)
        error.args = (error.message,)
        error.metadata = {name: self.text(value) for name, value in error.metadata.items()}

    def _spell(self) -> None:
        known = {*self._of_key, *self._tokens}
        # The longest first, because one may contain another.
        spelt = {spelling for each in known for spelling in spellings(each)}
        self._secrets = sorted(known | spelt, key=len, reverse=True)
        told = [spelling for each in known if not is_word(each) for spelling in spellings(each)]
        self.answers = AnswerRedactor(told) if told else None


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
