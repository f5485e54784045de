"""How a session begins: at once, or by its caller's first event, which names the model."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from conduit_kernel.errors import DeadlineExceeded
from conduit_providers.calls import Form
from conduit_providers.operation import SessionMessages
from conduit_providers.session_codec import SessionEvent
from conduit_router.context import CallerContext
from conduit_router.virtual_keys import check_model

Messages = AsyncIterator[Any]


class SessionBeginning:
    """Finds how one session begins; ask for `opening` and `said` once all of `told` was sent."""

    def __init__(
        self, said: Messages, messages: SessionMessages, caller: CallerContext, seconds: float
    ) -> None:
        """Take what the caller says behind the start, and how long a first event is waited for."""
        self.said = said
        # None where the caller left before it was known.
        self.opening: Form[Any] | None = None
        self._messages = messages
        self._caller = caller
        self._seconds = seconds
        # Whether the caller was greeted, and the provider has not done so yet.
        self._is_greeted = False

    async def told(self) -> AsyncGenerator[Any, None]:
        """Yield what the caller is told before it is known with whom the session is."""
        messages = self._messages
        if not messages.begins_with_event:
            self.opening = messages.opening(None)
            return
        # From here on events are read; whom they go to is known after the first one.
        yield messages.started()[0]
        greeting = messages.greeting(self._caller.request_id.replace("req_", "sess_", 1))
        if greeting is not None:
            self._is_greeted = True
            yield messages.message_of(greeting)
        if (event := await self._first_event()) is None:
            return
        self.opening = messages.opening(event)
        check_models(messages, self.opening, self._caller)
        if greeting is not None:
            self.said = _again(event, self.said)

    def new(self, events: Sequence[SessionEvent]) -> Sequence[SessionEvent]:
        """Return a provider's events without a second greeting."""
        if not self._is_greeted or not events:
            return events
        first, *rest = events
        self._is_greeted = False
        return rest if self._messages.is_greeting(first) else events

    async def _first_event(self) -> Any | None:  # noqa: ANN401 # of each RPC its own
        """Return the message of the caller's first event; None if the caller leaves."""
        try:
            async with asyncio.timeout(self._seconds):
                return await anext(self.said, None)
        except TimeoutError:
            late = f"No event began the session within {self._seconds:.0f} s"
            raise DeadlineExceeded(late, attempts="0") from None


def check_models(messages: SessionMessages, event: Form[Any], caller: CallerContext) -> None:
    """Raise ModelNotAllowed for an event that brings in a model which the caller may not use."""
    if caller.caller.allowed is not None:
        for model in messages.models_in(event):
            check_model(caller.caller, model)


async def _again(
    first: Any,  # noqa: ANN401 # of each RPC its own
    rest: Messages,
) -> AsyncGenerator[Any, None]:
    """Yield an event that was read before all others."""
    yield first
    async for message in rest:
        yield message
