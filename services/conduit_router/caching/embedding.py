"""Asks a model for the vector of a text, on behalf of a call."""

import asyncio
import json

import msgspec
import structlog
from msgspec.structs import replace

from conduit.v1.router_requests_pb2 import EmbedResponse
from conduit_kernel.errors import ConduitError
from conduit_providers.operation import AnsweredOperation
from conduit_providers.operations import operation
from conduit_router.caching.vectors import Vector, vector_of
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.unary import UnaryCalls
from conduit_router.context import CallerContext
from conduit_router.routing.cache_policy import SemanticPolicy


class _Embedding(msgspec.Struct):
    embedding: list[float]


class _Embeddings(msgspec.Struct):
    data: list[_Embedding]


class TextEmbedder:
    """Embeds the texts of calls. A call whose text has no vector goes on without one."""

    def __init__(self, runtime: CallRuntime) -> None:
        """Take what calls are made with."""
        embedding = operation("embed")
        assert isinstance(embedding, AnsweredOperation)  # noqa: S101 # as the contract says
        self._embedding = embedding
        self._calls = UnaryCalls(runtime, embedding, EmbedResponse)

    async def embed(self, text: str, scope: CallScope, policy: SemanticPolicy) -> Vector | None:
        """Return the vector of a text, within the policy's time; None where there is none."""
        asked = {"model": policy.model, "input": text, "encoding_format": "float"}
        body = json.dumps(asked).encode()
        try:
            async with asyncio.timeout(min(policy.seconds, max(0.0, scope.left()))):
                form = self._embedding.plain_form(body)
                caller = _on_behalf(scope.caller, policy)
                answer, _ = await self._calls.json_of(form, None, caller)
            [found] = msgspec.json.decode(answer, type=_Embeddings).data
        except (ConduitError, TimeoutError, ValueError, msgspec.MsgspecError) as error:
            reason = error.message if isinstance(error, ConduitError) else type(error).__name__
            log = structlog.get_logger("cache")
            log.warning("text_not_embedded", model=policy.model, reason=reason)
            return None
        return vector_of(found.embedding)


def _on_behalf(caller: CallerContext, policy: SemanticPolicy) -> CallerContext:
    """Return who asks for a vector: the caller, whose text its own guardrails have seen.

    What the operator has embedded is not bound by what the caller may use.
    """
    own = replace(caller.caller, guards=())
    if not policy.is_of_caller:
        own = replace(own, allowed=None, also_allowed=(), providers=None, usage=None)
    return replace(caller, caller=own)
