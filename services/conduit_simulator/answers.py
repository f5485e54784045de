"""Answers as a behaviour has them: what goes wrong before one, and in one."""

import random
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice

from conduit_kernel.http import Exchange, Field, Stream
from conduit_simulator import chat
from conduit_simulator.behaviour import Behaviour
from conduit_simulator.errors import ApiError, error_for
from conduit_simulator.limits import REQUESTS_PER_MINUTE, RateLimits

# How long `hang` and `stall` hold a caller that does not give up.
SILENCE_SECONDS = 600.0
# Lets what was written arrive before the connection is cut.
_CUT_SECONDS = 0.01
Fields = tuple[Field, ...]
EVENTS: Fields = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
)


class Answers:
    """Sends answers, and misbehaves."""

    def __init__(
        self,
        limits: RateLimits,
        sleep: Callable[[float], Awaitable[None]],
        chance: random.Random,
    ) -> None:
        self._limits = limits
        self._sleep = sleep
        self._chance = chance

    async def go_ahead(
        self, exchange: Exchange, behaviour: Behaviour, key: str, tokens: int
    ) -> Fields:
        """Do what comes before an answer; the exchange is no longer open if that was all."""
        if behaviour.delay_seconds:
            await self._sleep(behaviour.delay_seconds)
        limit = behaviour.degree if behaviour.fault == "limit" else REQUESTS_PER_MINUTE
        wait = self._limits.count_request(key, limit) if limit else 60.0
        if wait is not None:
            raise error_for(429, retry_after_seconds=int(wait) + 1)
        match behaviour.fault:
            case "status":
                raise error_for(behaviour.degree, behaviour.code, behaviour.retry_after_seconds)
            case "flaky" if self._chance.random() * 100 < behaviour.degree:
                raise error_for(500)
            case "context" if tokens > behaviour.degree:
                raise _too_long(behaviour.degree, tokens)
            case "hang":
                await self._sleep(SILENCE_SECONDS)
                exchange.abort()
            case "reset":
                exchange.abort()
            case _:
                pass
        return self._limits.headers(key, limit)

    async def answer(
        self,
        exchange: Exchange,
        behaviour: Behaviour,
        fields: Fields,
        body: bytes,
        media_type: bytes = b"application/json",
    ) -> None:
        """Send a whole answer."""
        fields = ((b"content-type", media_type), *fields)
        match behaviour.fault:
            case "garbage":
                exchange.respond(200, fields, chat.GARBAGE)
            case "wrong":
                exchange.respond(200, fields, chat.WRONG_TYPE)
            case "cut" | "stall" as fault:
                stream = exchange.start(200, fields)
                stream.write(body[: len(body) // 2])
                await self._sleep(SILENCE_SECONDS if fault == "stall" else _CUT_SECONDS)
                stream.abort()
            case _:
                exchange.respond(200, fields, body)

    async def stream(
        self,
        exchange: Exchange,
        behaviour: Behaviour,
        fields: Fields,
        events: Iterable[bytes],
        media: Fields = EVENTS,
    ) -> None:
        """Send a streamed answer."""
        stream = exchange.start(200, (*media, *fields))
        match behaviour.fault:
            case "cut" | "stall" as fault:
                _write_all(stream, islice(events, behaviour.degree))
                await self._sleep(SILENCE_SECONDS if fault == "stall" else _CUT_SECONDS)
                stream.abort()
            case "garbage":
                _write_all(stream, (*islice(events, behaviour.degree), chat.GARBAGE_EVENT))
            case "wrong":
                _write_all(stream, (*islice(events, behaviour.degree), chat.WRONG_TYPE_EVENT))
            case _:
                await self._send_at_pace(stream, behaviour, events)
        stream.finish()

    async def _send_at_pace(
        self, stream: Stream, behaviour: Behaviour, events: Iterable[bytes]
    ) -> None:
        for index, event in enumerate(events):
            # The first event opens the answer; after the last token nothing is waited for.
            if behaviour.pace_seconds and 1 <= index <= behaviour.chunks:
                await self._sleep(behaviour.pace_seconds)
            stream.write(event)
            await stream.drain()


def _write_all(stream: Stream, events: Iterable[bytes]) -> None:
    for event in events:
        stream.write(event)


def _too_long(limit: int, tokens: int) -> ApiError:
    return ApiError(
        400,
        f"This model's maximum context length is {limit} tokens. However, your messages resulted "
        f"in {tokens} tokens. Please reduce the length of the messages.",
        code="context_length_exceeded",
        param="messages",
    )
