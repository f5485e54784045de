"""Names of tools that are too long for chats."""

from collections.abc import Iterable
from hashlib import sha256

# OpenAI's limit, which its kin share; Anthropic's is 128.
MAX_NAME = 64
_DIGITS = 8


class ToolNames:
    """The names of a request's tools, cut where they are too long, each its own."""

    def __init__(self, names: Iterable[str]) -> None:
        self._given = {cut(name): name for name in names if len(name) > MAX_NAME}

    def given(self, name: str) -> str:
        """Return the name that the caller gave a tool which the model calls."""
        return self._given.get(name, name)


def cut(name: str) -> str:
    """Return a name that is short enough: the same one in each turn."""
    if len(name) <= MAX_NAME:
        return name
    digest = sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{name[: MAX_NAME - _DIGITS - 1]}_{digest}"
