"""Keeps a known secret out of answers, which pass as bytes and in pieces."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

REDACTED = b"[redacted]"
# A shorter key without a digit, such as `lm-studio`, is a stand-in, and a word of other answers.
WORD_CHARS = 12
# What is written alike everywhere, as most keys are.
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+")
_ESCAPE = re.compile(r"%[0-9A-F]{2}")
# What writers of JSON escape that need not: PHP's; Go's and Gson's; .NET's.
_ESCAPED: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("/", lambda sign: "\\" + sign),
    ("<>&", lambda sign: f"\\u{ord(sign):04x}"),
    ("<>&='", lambda sign: f"\\u{ord(sign):04x}"),
    ("<>&'+`", lambda sign: f"\\u{ord(sign):04X}"),
)


class AnswerRedactor:
    """Covers secrets in bytes, leaving each as long as it was: frames around it have lengths.

    Provides what `conduit_kernel.http.Response.redactor` needs.
    """

    __slots__ = ("_ends", "_needles")

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the secrets, in all their spellings."""
        found = {each.encode("utf-8", "replace") for each in secrets}
        # The longest first, because one may contain another.
        self._needles = sorted(found, key=len, reverse=True)
        # What a piece ends with inside of one.
        self._ends = bytes({sign for needle in self._needles for sign in needle[:-1]})

    def __repr__(self) -> str:
        """Show nothing."""
        return "AnswerRedactor()"

    def covered(self, data: bytes) -> bytes:
        """Return bytes without the secrets that are whole in them."""
        for needle in self._needles:
            if needle in data:
                cover = REDACTED[: len(needle)].ljust(len(needle), b"*")
                data = data.replace(needle, cover)
        return data

    def unfinished(self, data: bytes) -> int:
        """Return how many bytes at the end may be the beginning of a secret."""
        if not data or data[-1] not in self._ends:
            return 0
        return max(_begun(data, needle) for needle in self._needles)


def _begun(data: bytes, needle: bytes) -> int:
    """Return the length of the longest beginning of a secret that the data ends with."""
    tail, first = data[-(len(needle) - 1) :], needle[:1]
    place = tail.find(first)
    while place >= 0:
        if needle.startswith(tail[place:]):
            return len(tail) - place
        place = tail.find(first, place + 1)
    return 0


def is_word(secret: str) -> bool:
    """Return whether answers may have a key's text without anybody's having repeated the key."""
    return len(secret) < WORD_CHARS and not re.search(r"[0-9]", secret)


def spellings(secret: str) -> Iterator[str]:
    """Yield a secret as it is written in texts, in JSON, and in URLs."""
    if _PLAIN.fullmatch(secret):
        yield secret
        return
    if secret.isprintable():
        # What has ends of lines is in no header, and so with nobody who could repeat it.
        yield secret
    for text in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield text
        for signs, escape in _ESCAPED:
            yield "".join(escape(sign) if sign in signs else sign for sign in text)
    for url in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield url
        yield _ESCAPE.sub(lambda found: found[0].lower(), url)
