"""The operations: one module each, found by the name that the contract gives its RPCs."""

import importlib
from collections.abc import Mapping
from importlib.util import find_spec

from conduit_providers.operation import AnyOperation

# What callers speak beside OpenAI's words, and the operation that it is; no instance has endpoints
# for it.
INBOUND: Mapping[str, str] = {
    "message": "chat",
    "message_count": "chat",
    "response": "chat",
    "response_count": "chat",
    "response_compaction": "chat",
    "completion": "chat",
    "content": "chat",
    "content_count": "chat",
    "token_count": "chat",
}


def operation(name: str) -> AnyOperation | None:
    """Return the operation of this name; None if this version does not do it."""
    module = f"{__name__}.{name}"
    if not name or find_spec(module) is None:
        return None
    found: AnyOperation = importlib.import_module(module).OPERATION
    return found
