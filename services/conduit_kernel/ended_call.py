"""What the Router leaves for whoever writes the line of a call: over HTTP the bridge, else gRPC."""

from collections.abc import Mapping
from contextvars import ContextVar

# Of the call of a model that ended last in this context. Whoever reads it sets it to None.
ENDED_CALL: ContextVar[Mapping[str, object] | None] = ContextVar("ended_call", default=None)
