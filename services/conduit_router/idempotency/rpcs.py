"""RPCs whose calls may have an idempotency key."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from conduit_kernel.http import Upload
from conduit_kernel.limits import check_length
from conduit_router.context import CallCaps, CallerContext, limits_of, options_of
from conduit_router.idempotency.calls import IdempotentCalls, KeyedCall, MakeCall
from conduit_router.idempotency.fingerprints import fingerprint_of

Rpc = Callable[[Any, CallerContext], Any]


class KeyedRpc:
    """Has the calls of an RPC that have an idempotency key made once; others are made as ever."""

    def __init__(self, method: MethodDescriptor, calls: IdempotentCalls, caps: CallCaps) -> None:
        """Take the RPC, what makes calls once, and the most that callers may ask for."""
        self._name = method.name
        self._response = GetMessageClass(method.output_type)
        self._calls = calls
        self._caps = caps

    def unary(self, rpc: Rpc) -> Rpc:
        """Return an RPC with one answer, made once for each key."""

        def call(request: Any, caller: CallerContext) -> Awaitable[Any]:  # noqa: ANN401 # of each RPC its own
            answer: Awaitable[Any]
            if not has_key(request):
                answer = rpc(request, caller)
                return answer
            return self.answer(request, caller, partial(one, rpc, request, caller))

        return call

    def streaming(self, rpc: Rpc) -> Rpc:
        """Return an RPC with many messages, made once for each key."""

        def call(request: Any, caller: CallerContext) -> AsyncIterator[Any]:  # noqa: ANN401 # as above
            messages: AsyncIterator[Any]
            if not has_key(request):
                messages = rpc(request, caller)
                return messages
            return self.stream(request, caller, partial(rpc, request, caller))

        return call

    async def answer(  # the request, who asks, and how it is made
        self,
        request: Message,
        caller: CallerContext,
        make: MakeCall,
        files: Sequence[Upload] = (),
    ) -> Any:  # noqa: ANN401 # as above
        """Return the one message of a call."""
        return await self._calls.answer(await self._call(request, caller, make, files))

    async def stream(
        self,
        request: Message,
        caller: CallerContext,
        make: MakeCall,
        files: Sequence[Upload] = (),
    ) -> AsyncGenerator[Any, None]:
        """Yield the messages of a call."""
        messages = self._calls.stream(await self._call(request, caller, make, files))
        try:
            async for message in messages:
                yield message
        finally:
            await messages.aclose()

    async def _call(
        self, request: Message, caller: CallerContext, make: MakeCall, files: Sequence[Upload]
    ) -> KeyedCall:
        options = options_of(request)
        assert options is not None  # noqa: S101 # it has a key
        check_length(options, "idempotency_key")
        return KeyedCall(
            caller.caller.virtual_key_id,
            options.idempotency_key.strip(),
            await fingerprint_of(self._name, request, files),
            self._response,
            make,
            limits_of(options, self._caps, caller.caller.caps).total,
            # Files are there as long as who brought them.
            outlasts_caller=not files,
        )


def has_key(request: Any) -> bool:  # noqa: ANN401 # as above
    """Return whether a request has an idempotency key."""
    return bool(request.options.idempotency_key.strip())


async def one(rpc: Callable[..., Awaitable[Any]], *asked: object) -> AsyncGenerator[Any, None]:
    """Yield the one answer of an RPC."""
    yield await rpc(*asked)
