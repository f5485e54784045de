"""Names of Google Cloud's voices: the locale, the family and the voice's own.

https://docs.cloud.google.com/text-to-speech/docs/list-voices-and-types
"""

import re
from typing import NamedTuple

# Such as `en-US-Chirp3-HD-Kore`, `cmn-CN-Wavenet-A`, `es-419-...`.
_NAME = re.compile(r"([a-z]{2,3}-[A-Z0-9]{2,3})-(.+)-([^-]+)")


class VoiceName(NamedTuple):
    """The parts of a voice's name."""

    locale: str
    family: str
    own: str


def parted(name: str) -> VoiceName | None:
    """Return the parts of a whole name; None if it is none."""
    found = _NAME.fullmatch(name)
    return VoiceName(*found.groups()) if found else None
