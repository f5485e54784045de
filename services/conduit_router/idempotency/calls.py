"""Makes calls with an idempotency key once, whoever asks, how often, at whichever router."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, NamedTuple

import structlog
from google.protobuf.message import Message

from conduit.internal.v1.idempotency_storage_service_pb2 import (
    IDEMPOTENCY_STATE_CLAIMED,
    IDEMPOTENCY_STATE_ENDED,
    IDEMPOTENCY_STATE_OTHER_REQUEST,
    IDEMPOTENCY_STATE_UNDER_WAY,
    ClaimIdempotencyKeyResponse,
    IdempotencyClaim,
)
from conduit_kernel.ended_call import ENDED_CALL
from conduit_kernel.errors import ConduitError, ServiceUnavailable, StorageFull
from conduit_kernel.idempotency_errors import IdempotencyKeyReused
from conduit_kernel.ids import IdSource
from conduit_kernel.secrets import Vault
from conduit_router.idempotency.kept_answers import pack, unpack
from conduit_router.idempotency.recording import Recording, not_kept, under_way
from conduit_router.idempotency.storage import IdempotencyStorage

# Three times within Storage's lease.
RENEW_SECONDS = 6.0
# Between questions after a call at another router; they grow to the longest.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 1.0
# For so long an answer is offered to a Storage that is away.
OFFER_SECONDS = 60.0
# How long a stopping router takes to give keys up.
LAST_SECONDS = 0.3
KEPT, REPLAYED, NOT_KEPT = "kept", "replayed", "not-kept"
# The members of a report that say how limits stood.
_LIMITS = tuple(
    f"{which}_{what}"
    for which in ("limit", "remaining", "reset")
    for what in ("requests", "tokens")
)

MakeCall = Callable[[], AsyncIterator[Any]]


class KeyedCall(NamedTuple):
    """A call with an idempotency key."""

    # Whose key it is.
    virtual_key_id: int
    key: str
    # What is asked.
    fingerprint: bytes
    # Makes an empty response of its RPC.
    response: Callable[[], Any]
    # Yields the messages of the answer.
    make: MakeCall
    # The most time that it has.
    seconds: float
    # Whether it goes on without its caller.
    outlasts_caller: bool = True


class IdempotentCalls:
    """Makes a call for the first who asks with a key; all others get what it came to.

    The call goes on where its caller leaves, who may be about to ask again. What it came to is kept
    before the answer's end goes out. Where Storage cannot say what became of a key, the call is
    made, and its report says that it will be made again: callers are not to be without answers
    because of what would have been kept of them.
    """

    def __init__(
        self,
        storage: IdempotencyStorage,
        vault: Vault,
        new_id: IdSource,
        clock: Callable[[], float],
        *,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        """Take where answers are kept, what seals them, and a clock for all that lasts."""
        self._storage = storage
        self._vault = vault
        self._ids = new_id
        self._clock = clock
        self._renew_seconds = renew_seconds
        self._recordings: dict[tuple[int, bytes], Recording] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("idempotency")

    @property
    def under_way(self) -> int:
        """Return how many calls are made, or answers offered to Storage."""
        return len(self._working)

    async def answer(self, call: KeyedCall) -> Any:  # noqa: ANN401 # of each RPC its own
        """Return the answer of a call that has one message."""
        messages = [message async for message in self.stream(call)]
        return messages[-1]

    async def stream(self, call: KeyedCall) -> AsyncGenerator[Any, None]:
        """Yield the messages of a call's answer.

        IdempotencyKeyReused, IdempotentCallUnderWay or IdempotentResultNotKept where there is none.
        """
        at = call.virtual_key_id, hashlib.sha256(call.key.encode()).digest()
        recording = self._recordings.get(at)
        if recording is None:
            async with aclosing(self._lead(at, call)) as messages:
                async for message in messages:
                    yield message
            return
        if recording.fingerprint != call.fingerprint:
            raise _reused()
        async with aclosing(recording.follow(call.seconds, self._clock)) as messages:
            async for message in messages:
                yield _marked(message, REPLAYED)

    async def close(self) -> None:
        """End the calls that go on without their callers, and give up their keys."""
        working = [*self._working]
        for each in working:
            each.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    async def _lead(self, at: tuple[int, bytes], call: KeyedCall) -> AsyncGenerator[Any, None]:
        recording = self._recordings[at] = Recording(call.fingerprint)
        claim = IdempotencyClaim(virtual_key_id=at[0], key_hash=at[1], id=self._ids.next())
        task = asyncio.create_task(self._work(at, recording, claim, call))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        try:
            async with aclosing(recording.lead()) as messages:
                async for message in messages:
                    yield message
        finally:
            if not call.outlasts_caller and not recording.is_done:
                task.cancel()
            if recording.facts is not None:
                ENDED_CALL.set(recording.facts)

    async def _work(
        self, at: tuple[int, bytes], recording: Recording, claim: IdempotencyClaim, call: KeyedCall
    ) -> None:
        """Make a call, or find what it came to, for all who wait for it."""
        unkept = b""
        error: BaseException | None = None
        try:
            unkept = await self._answered(recording, claim, call)
        except asyncio.CancelledError:
            error = ServiceUnavailable("The router is stopping", service="router")
            raise
        except Exception as problem:  # noqa: BLE001 # whatever it is, it is the callers'
            error = problem
            if not recording.is_led and not isinstance(problem, ConduitError):
                self._log.exception("idempotent_call_failed")
        finally:
            recording.facts = ENDED_CALL.get()
            if not unkept:
                # Before anybody hears of the end, and asks again.
                del self._recordings[at]
            recording.end(error)
            # What it was raised through has this frame.
            del error
        if unkept:
            try:
                await self._offer(claim, unkept)
            finally:
                del self._recordings[at]

    async def _answered(
        self, recording: Recording, claim: IdempotencyClaim, call: KeyedCall
    ) -> bytes:
        """Record what a call comes to; return what Storage has still to keep of it."""
        standing = await self._standing(claim, call)
        if standing is None:
            await self._record(recording, None, call)
            return b""
        if standing.state == IDEMPOTENCY_STATE_CLAIMED:
            async with self._claimed(claim):
                return await self._record(recording, claim, call)
        if standing.state == IDEMPOTENCY_STATE_ENDED:
            await self._replay(recording, standing.result, call)
            return b""
        if standing.state == IDEMPOTENCY_STATE_OTHER_REQUEST:
            raise _reused()
        if standing.state == IDEMPOTENCY_STATE_UNDER_WAY:
            raise under_way()
        raise not_kept()

    async def _standing(
        self, claim: IdempotencyClaim, call: KeyedCall
    ) -> ClaimIdempotencyKeyResponse | None:
        """Return how a key stands, once no other router works at it; None if nobody can say."""
        until, pause = self._clock() + call.seconds, FIRST_PAUSE_SECONDS
        while True:
            try:
                standing = await self._storage.claim(claim, call.fingerprint)
            except (ServiceUnavailable, StorageFull) as error:
                self._log.warning("idempotency_key_unclaimed", reason=error.message)
                return None
            left = until - self._clock()
            if standing.state != IDEMPOTENCY_STATE_UNDER_WAY or left <= 0:
                return standing
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    @asynccontextmanager
    async def _claimed(self, claim: IdempotencyClaim) -> AsyncIterator[None]:
        """Keep a claim for as long as its call is made; give it up if that fails."""
        renewing = asyncio.create_task(self._renew(claim))
        try:
            yield
        except BaseException:
            # Where Storage is away, the claim ends by itself.
            with suppress(ConduitError, TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._storage.release(claim)
            raise
        finally:
            renewing.cancel()

    async def _renew(self, claim: IdempotencyClaim) -> None:
        while True:
            await asyncio.sleep(self._renew_seconds)
            with suppress(ConduitError):
                await self._storage.renew(claim)

    async def _record(
        self, recording: Recording, claim: IdempotencyClaim | None, call: KeyedCall
    ) -> bytes:
        """Record a call as it is made; return what Storage has still to keep of it."""
        unkept, word = b"", NOT_KEPT if claim is None else KEPT
        async with aclosing(_closable(call.make())) as messages:
            async for message in messages:
                if claim is not None and _is_last(message):
                    is_kept, unkept = await self._keep(recording, claim, message)
                    word = KEPT if is_kept else NOT_KEPT
                await recording.add(_marked(message, word))
                if not recording.is_whole and not recording.is_led:
                    # Nobody reads it, and nobody could have it again.
                    break
        if claim is not None and not recording.is_whole:
            await self._storage.keep(claim, b"")
        return unkept

    async def _keep(
        self, recording: Recording, claim: IdempotencyClaim, last: Message
    ) -> tuple[bool, bytes]:
        """Have Storage keep an answer; return whether it does, and what is to be offered again."""
        if not recording.is_whole:
            return False, b""
        packed = pack([*recording.messages, last])
        sealed = self._vault.seal_answer(packed, _owner(claim))
        try:
            return await self._storage.keep(claim, sealed), b""
        except ConduitError as error:
            self._log.warning("idempotent_answer_waits", reason=error.message)
            return False, sealed

    async def _offer(self, claim: IdempotencyClaim, sealed: bytes) -> None:
        """Offer Storage an answer that it could not take; meanwhile callers here have it."""
        until = self._clock() + OFFER_SECONDS
        while self._clock() < until:
            await asyncio.sleep(LONGEST_PAUSE_SECONDS)
            with suppress(ConduitError):
                await self._storage.keep(claim, sealed)
                return
        self._log.error("idempotent_answer_given_up")

    async def _replay(self, recording: Recording, sealed: bytes, call: KeyedCall) -> None:
        owner = _owner_of(call.virtual_key_id)
        packed = self._vault.open_answer(sealed, owner)
        if packed is None:
            raise not_kept()
        for message in unpack(packed, call.response):
            await recording.add(_marked(message, REPLAYED))


def _owner(claim: IdempotencyClaim) -> str:
    return _owner_of(claim.virtual_key_id)


def _owner_of(virtual_key_id: int) -> str:
    return f"virtual_key_{virtual_key_id}"


def _reused() -> IdempotencyKeyReused:
    message = "This idempotency key came with another request before"
    return IdempotencyKeyReused(message, field="options.idempotencyKey")


def _is_last(message: Message) -> bool:
    """Return whether an answer ends with a message: its only one, or the one that says so."""
    fields = message.DESCRIPTOR.fields_by_name
    return "finished" not in fields or message.HasField("finished")


def _marked(message: Any, word: str) -> Any:  # noqa: ANN401 # of each RPC its own
    """Return a message whose reports, if it has any, say what was done with the key."""
    marked = None
    for name in ("report", "started", "finished"):
        if name not in message.DESCRIPTOR.fields_by_name or not message.HasField(name):
            continue
        if marked is None:
            # Others have the same message, with another word.
            marked = type(message)()
            marked.CopyFrom(message)
        held = getattr(marked, name)
        report = held.report if name == "finished" else held
        report.idempotency = word
        if word == REPLAYED:
            # Of the first call's minute.
            for field in _LIMITS:
                report.ClearField(field)
    return message if marked is None else marked


async def _closable(messages: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Yield messages, and end their source when the last reader does."""
    try:
        async for message in messages:
            yield message
    finally:
        if isinstance(messages, AsyncGenerator):
            await messages.aclose()
