"""A path that passes through to a provider, as its catalog file names it."""

import re
from functools import cached_property

import msgspec

MODEL = "{model}"
# What a model's name in a path may be written with; one of dots alone would be another path.
_MODEL = r"(?P<model>(?!\.+(?::|/|$))[A-Za-z0-9._@-]+)"


# `dict` keeps what is derived, which no file says.
class PassthroughRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A path of a provider's, and how a request to it is read and metered. Its method is POST."""

    # Behind the base URL; may have a place for the model, which the body names otherwise.
    path: str
    # Where answers say what was used: a name of `passthrough.usage`.
    usage: str
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

    @property
    def names_model(self) -> bool:
        """Return whether the path has a place for the model."""
        return MODEL in self.path

    @cached_property
    def pattern(self) -> "re.Pattern[str]":
        """The paths that it is."""
        before, place, behind = self.path.partition(MODEL)
        return re.compile(re.escape(before) + (_MODEL if place else "") + re.escape(behind))
