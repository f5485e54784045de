"""Calls that are sessions: events both ways until one side ends them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Protocol, Self

from msgspec.structs import replace

from conduit_kernel.errors import (
    ConduitError,
    InvalidRequest,
    StreamInterrupted,
    UpstreamError,
)
from conduit_kernel.http import Headers
from conduit_providers.operation import AnySessionOperation, SessionEnding, SessionMessages
from conduit_providers.quantities import total
from conduit_providers.session_codec import SessionEvent
from conduit_providers.wire import SessionRequest
from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_report import fill_report
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.needed_cost import LEAST_SECONDS, PIECE_SECONDS
from conduit_router.calls.reserving import reserve
from conduit_router.calls.runtime import CallRuntime
from conduit_router.client_secrets import ClientSecretHolder
from conduit_router.context import CallerContext
from conduit_router.guardrails.sessions import SessionGuard, session_guard
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.served_by import CallSummary
from conduit_router.sessions.beginning import Messages, SessionBeginning, check_models
from conduit_router.sessions.charges import SessionCharges
from conduit_router.sessions.spending import SessionSpending
from conduit_router.sessions.upstream_session import SessionLimits, UpstreamSession
from conduit_router.spending.lease_pool import WAIT_SECONDS
from conduit_router.spending.leases import Reservation
from conduit_router.spending.session_cost import session_cost
from conduit_router.upstream.message_socket import MessageSocket


class SessionVoices(Protocol):
    """Translates, in one session, the names of voices that were made here."""

    async def begin(self, first: Any) -> None:  # noqa: ANN401 # of each RPC its own
        """Take the first message, and bind the session to the account of a voice in it."""
        ...

    def said(self, messages: Messages) -> Messages:
        """Yield what the caller says with the provider's names of voices."""
        ...

    def held(self, attempt: Attempt) -> None:
        """Take with whom the session is."""
        ...

    def answered(self, event: SessionEvent) -> SessionEvent:
        """Return what the provider says with our names of voices."""
        ...


class NoVoices(SessionVoices):
    """Leaves all names of voices as they are, where none are made here."""

    def __init__(self, caller: CallerContext) -> None:
        pass

    async def begin(self, first: Any) -> None:  # noqa: ANN401 # of each RPC its own
        """Bind nothing."""

    def said(self, messages: Messages) -> Messages:
        """Return the messages."""
        return messages

    def held(self, attempt: Attempt) -> None:
        """Take nothing."""

    def answered(self, event: SessionEvent) -> SessionEvent:
        """Return the event."""
        return event


class SessionCalls:
    """Makes the calls of one RPC.

    Until a provider holds the session a failed attempt is followed by the next one; after it the
    session ends with its error. What was used is charged, however it ends.
    """

    def __init__(
        self,
        runtime: CallRuntime,
        operation: AnySessionOperation,
        limits: SessionLimits,
        voices: Callable[[CallerContext], SessionVoices],
    ) -> None:
        """Take the operation, and what translates the voices of a caller's session."""
        self._runtime = runtime
        self._operation = operation
        self._limits = limits
        self._voices = voices

    async def __call__(
        self, requests: Messages, caller: CallerContext
    ) -> AsyncGenerator[Any, None]:
        """Yield the provider's events as messages, and then the end."""
        said = aiter(requests)
        first = await anext(said, None)
        if first is None:
            raise InvalidRequest("A session's first message is its start", field="start")
        if isinstance(caller.caller, ClientSecretHolder):
            said = caller.caller.hold(first, said)
        voices = self._voices(caller)
        await voices.begin(first)
        said = voices.said(said)
        messages = self._operation.begin(first)
        beginning = SessionBeginning(said, messages, caller, self._limits.first_event)
        async with aclosing(beginning.told()) as told:
            async for message in told:
                yield message
        if (opening := beginning.opening) is None:
            return
        session = None
        try:
            with admit(
                self._runtime, self._operation, opening, messages.options, caller, stream=False
            ) as scope:
                guard = session_guard(scope, self._runtime.clock)
                if guard is not None:
                    await guard.begin()
                if caller.caller.usage is not None:
                    await reserve(scope)
                attempt, session = await run_attempts(scope, self._open)
                voices.held(attempt)
                with _Held(scope, attempt, session) as held:
                    yield _told(messages.started(), scope.summary(attempt))
                    events = _events(beginning.said, messages, caller, held.spending)
                    held.relay(events if guard is None else guard.said(events))
                    async with aclosing(held.answers(guard)) as answers:
                        async for answered in answers:
                            for event in beginning.new(answered):
                                yield messages.message_of(voices.answered(event))
                    finished, summary = messages.finished(held.ending), held.succeed()
                    summary.guardrails = guard.told if guard is not None else ()
                    yield _told(finished, summary)
        finally:
            # An exit stack would refer to an error that cuts this off, which refers to the call.
            if session is not None:
                await session.close()

    async def _open(self, scope: CallScope, attempt: Attempt) -> UpstreamSession:
        """Ask a candidate to hold the session."""
        name, runtime = scope.operation.name, scope.runtime
        instance, upstream = attempt.candidate.instance, attempt.upstream(name)
        served, call = instance.served[name], scope.call(attempt)
        request = served.codec.to_upstream(call, served.endpoint, upstream.target)
        translator = served.codec.translator(call, served.endpoint, upstream.target)
        began, most = runtime.clock(), min(attempt.first_event, self._limits.opening)
        limits = scope.timeouts(attempt)
        timeouts = replace(limits, connect=min(limits.connect, most), header=most)

        async def connect(request: SessionRequest) -> MessageSocket:
            return await runtime.transport.open_session(upstream, instance.spec, request, timeouts)

        socket = await connect(request)
        session = UpstreamSession(upstream, socket, translator, self._limits, connect)
        await session.open(most - (runtime.clock() - began))
        attempt.is_sent = True
        attempt.waited = runtime.clock() - began
        scope.note_success(attempt, Headers.of(session.answer_fields))
        return session


class _Held:
    """Ends an attempt's session, once it is open; enter it, and `succeed`."""

    def __init__(self, scope: CallScope, attempt: Attempt, session: UpstreamSession) -> None:
        self._scope = scope
        self._attempt = attempt
        self._session = session
        self._charges = SessionCharges(scope, attempt, session.translator)
        # What holds the budgets of a key that has hard ones; None for others.
        self.spending = self._made_spending()
        self._is_settled = False

    @property
    def ending(self) -> SessionEnding:
        """Say what it came to."""
        translator = self._session.translator
        others = total(translator.other_usage.values())
        reason = self._session.end_reason
        return SessionEnding(self._charges.seconds, translator.usage, others, reason)

    def relay(self, said: AsyncGenerator[SessionEvent, None]) -> None:
        """Begin to send what the caller says, as long as the budgets cover it."""
        self._session.relay(said, None if self.spending is None else self.spending.watch())

    async def answers(
        self, guard: SessionGuard | None
    ) -> AsyncGenerator[Sequence[SessionEvent], None]:
        """Yield what the provider says, as far as guardrails let it pass; raises as they do."""
        while (events := await self._session.next()) is not None:
            if self.spending is not None:
                self.spending.note_use()
            yield events if guard is None else await guard.heard(events)
        if guard is not None:
            yield await guard.rest()

    def _made_spending(self) -> SessionSpending | None:
        scope, candidate = self._scope, self._attempt.candidate
        if not scope.needed or scope.reserved is None:
            return None
        runtime, caller = scope.runtime, scope.caller.caller
        card = runtime.recorder.prices.card(candidate.provider_id, candidate.model)

        async def more(cost: int) -> Reservation:
            return await runtime.reserver.more(caller, cost, WAIT_SECONDS)

        return SessionSpending(
            self._charges,
            scope.reserved,
            more,
            runtime.clock,
            piece=session_cost(card, PIECE_SECONDS) or 0,
            least=session_cost(card, LEAST_SECONDS) or 0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Note what was used, unless that is done; the caller's leaving is a good end."""
        if self._is_settled:
            return
        if isinstance(error, UpstreamError):
            # Some providers repeat the key that they were given.
            self._attempt.key.redactor.clean(error)
            self._settle(is_whole=False)
            if not isinstance(error, StreamInterrupted):
                # Of those the scope tells.
                self._scope.runtime.outcomes.failed(
                    self._attempt.candidate,
                    self._attempt.key,
                    error,
                    self._scope.caller.caller.virtual_key_id,
                )
        elif isinstance(error, GeneratorExit | asyncio.CancelledError | ConduitError):
            self.succeed()
        else:
            self._settle(is_whole=False)

    def succeed(self) -> CallSummary:
        """End the attempt; say what was done and what it cost."""
        self._settle(is_whole=True)
        summary = self._scope.succeed(self._attempt)
        if summary.cost_nano_usd is not None:
            summary.cost_nano_usd += self._charges.cost
        return summary

    def _settle(self, *, is_whole: bool) -> None:
        """Note what was used: by the session's model, and by others on charges of their own."""
        self._is_settled = True
        if self.spending is not None:
            self.spending.end()
        self._charges.settle(is_whole=is_whole)


async def _events(
    said: Messages,
    messages: SessionMessages,
    caller: CallerContext,
    spending: SessionSpending | None,
) -> AsyncGenerator[SessionEvent, None]:
    async for message in said:
        event = messages.event_of(message)
        check_models(messages, event, caller)
        if spending is not None:
            # Callers may send sound faster than it is spoken.
            await spending.look()
        yield event


def _told(message: tuple[Any, Any], summary: CallSummary) -> Any:  # noqa: ANN401 # of each RPC its own
    """Return a message with what was done in its report."""
    fill_report(message[1], summary)
    return message[0]
