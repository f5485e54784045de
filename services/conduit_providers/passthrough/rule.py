"""A path that passes through to a provider, as its catalog file names it."""

import re
from functools import cached_property
from urllib.parse import unquote

import msgspec

MODEL = "model"
# What a model's name in a path may be written with; one of dots alone would be another path.
_MODEL = r"(?P<model>(?!\.+(?::|/|$))[A-Za-z0-9._@-]+)"
# The same where requests do not go as they came, but to a path that is written anew.
_ANY_MODEL = r"(?P<model>(?:[A-Za-z0-9._@:~-]|%[0-9A-Fa-f]{2})+)"
_SETTING = r"(?P<\1>[A-Za-z0-9._~-]+)"
_PLACE = re.compile(r"\\{(\w+)\\}")


# `dict` keeps what is derived, which no file says.
class PassthroughRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A path of a provider's, and how a request to it is read and metered. Its method is POST."""

    # Behind the base URL; may have a place for the model, which the body names otherwise. Where the
    # next one is there, it may have places for the instance's settings, which callers have to name.
    path: str
    # Where answers say what was used: a name of `passthrough.usage`.
    usage: str
    # Where requests go, with the instance's settings and the model; empty if they go as they came.
    sends: str = ""
    # By which it is routed, counted and priced: `chat`, or `embed`.
    operation: str = "chat"
    # Whether its answers are streams; elsewhere the body's `stream` says so.
    streams: bool = False
    # Headers of requests that pass, in lower case.
    headers: frozenset[str] = frozenset()
    # Parameters of queries that pass.
    query: frozenset[str] = frozenset()
    # Members of bodies that may not be there: what belongs to others, or ends behind the answer.
    refuses: frozenset[str] = frozenset()

    @cached_property
    def pattern(self) -> "re.Pattern[str]":
        """The paths that it is."""
        model = _ANY_MODEL if self.sends else _MODEL
        text = _PLACE.sub(_SETTING, re.escape(self.path))
        return re.compile(text.replace(_SETTING.replace("\\1", MODEL), model))

    def places_in(self, path: str) -> dict[str, str]:
        """Return what stands in the places of a path: the model, if it is there, and settings."""
        match = self.pattern.fullmatch(path)
        return {name: unquote(text) for name, text in match.groupdict().items()} if match else {}
