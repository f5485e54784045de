"""What the Router leaves for whoever writes the line of a call: over HTTP the bridge, else gRPC."""

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

_NO_FACTS: Mapping[str, object] = MappingProxyType({})

# Of the call of a model that ended last in this context.
ENDED_CALL: ContextVar[Mapping[str, object] | None] = ContextVar("ended_call", default=None)


def take_ended_call() -> Mapping[str, object]:
    """Return what was left, which is gone then; nothing if no call of a model ended."""
    facts = ENDED_CALL.get()
    if facts is None:
        return _NO_FACTS
    ENDED_CALL.set(None)
    return facts
