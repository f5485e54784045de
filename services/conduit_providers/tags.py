"""What calls belong to, as their charges have it: `name=value`, or `name`."""

from collections.abc import Iterable, Iterator

from conduit_providers.json_reading import known

MAX_TAGS = 32
MAX_TAG_CHARS = 128
# No longer list of members is looked at.
_MAX_METADATA_BYTES = 16_384


def tags_of(user: bytes, metadata: bytes) -> tuple[str, ...]:
    """Return the tags that a body's `user` and `metadata` are, given as JSON; empty for none.

    What is neither a text nor a number is passed over: it may mean something to a provider.
    """
    return unique([*_named("user", user), *_members(metadata)])


def unique(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags as charges have them: each once, in one line, none too long, not too many."""
    found = dict.fromkeys(filter(None, map(_clean, tags)))
    return tuple(found)[:MAX_TAGS]


def _named(name: str, value: bytes) -> Iterator[str]:
    text = _read(value)
    if isinstance(text, str) and text:
        yield f"{name}={text}"


def _members(value: bytes) -> Iterator[str]:
    members = _read(value)
    if not isinstance(members, dict):
        return
    for name, each in members.items():
        if isinstance(each, str | int | float) and not isinstance(each, bool):
            yield f"{name}={each}"


def _read(value: bytes) -> object:
    """Return what JSON says; None where it is too long, or has what nobody can read."""
    return known(value) if 0 < len(value) <= _MAX_METADATA_BYTES else None


def _clean(tag: str) -> str:
    text = tag[:MAX_TAG_CHARS].encode(errors="replace").decode()
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return text.strip()
