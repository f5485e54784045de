"""A provider's streamed answer, from its head to its end."""

import asyncio
import contextlib
from typing import Any, NoReturn

from conduit_kernel.errors import StreamInterrupted, UpstreamError, UpstreamTimeout
from conduit_kernel.http import QUIET_TIMES, Headers, HttpError, IdleTimeout, Response
from conduit_providers.codec import Decoder
from conduit_providers.quantities import Quantities
from conduit_router.jobs.runner import RunningJob
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.transport_errors import raise_interrupted, raise_unreachable

# How long the end of the body may follow the last event, for the connection to be kept.
SETTLE_SECONDS = 0.25
# How long counts may follow the reason to stop, from a provider that does not end its stream.
COUNTS_SECONDS = 2.0
# So many bytes in a second are more than signs of life.
PROGRESS_BYTES = 1024
# What of an answer may wait for its first token.
MAX_HEAD_BYTES = 64 * 1024


class UpstreamStream:
    """Reads the events of one answer. Always `close` it."""

    __slots__ = (
        *("_decoder", "_ends_at", "_idle", "_job", "_response", "_said_at", "_upstream"),
        "is_complete",
    )

    def __init__(
        self,
        upstream: UpstreamTarget,
        response: Response,
        decoder: Decoder[Any],
        *,
        idle: float,
        job: RunningJob | None = None,
    ) -> None:
        """Take the longest silence, in seconds, and the job that the answer is of, if it is one."""
        self._upstream = upstream
        self._response = response
        self._decoder = decoder
        self._idle = idle
        # Until it is concluded or abandoned.
        self._job = job
        # About when the answer itself went on last; heads before it have another limit.
        self._said_at: float | None = None
        # When nothing more is waited for, once the reason to stop is there.
        self._ends_at: float | None = None
        self.is_complete = False

    @property
    def usage(self) -> Quantities | None:
        """Return what the provider reported so far."""
        return self._decoder.usage

    @property
    def emitted(self) -> int:
        """Return about how many tokens were handed out so far."""
        return self._decoder.emitted

    @property
    def skipped(self) -> int:
        """Return how many malformed events were left out."""
        return self._decoder.skipped

    @property
    def headers(self) -> Headers:
        """Return the answer's headers."""
        return self._response.headers

    def begin(self) -> None:
        """Note that the answer itself has begun."""
        self._said_at = asyncio.get_running_loop().time()

    def at_hand(self) -> Any:  # noqa: ANN401 # each operation has its own events
        """Return the events of what has arrived, None if there are none yet: wait for the `next`.

        UpstreamError as there.
        """
        decoder, response = self._decoder, self._response
        if not response.parts or decoder.done:
            return None
        data = response.take()
        return decoder.feed(data) if data else None

    async def next(self) -> Any:  # noqa: ANN401 # as above
        """Return the next events, None at the end. UpstreamError or HttpError if it breaks off."""
        decoder, response, quiet = self._decoder, self._response, None
        while not decoder.done:
            while not (response.parts or response.done):
                if decoder.has_finished:
                    return await self._last()
                await response.wake_slot
            try:
                data = response.take()
            except HttpError:
                if not decoder.has_finished:
                    raise
                # Only counts can have been lost.
                data = b""
            if not data:
                if not response.done:
                    # All of it may be the beginning of a secret.
                    continue
                rest = decoder.close()
                self.is_complete = True
                return rest
            if (found := decoder.feed(data)) is not None:
                self._note(found)
                return found
            quiet = self._still_quiet(quiet, len(data))
        self.is_complete = True
        job, self._job = self._job, None
        return await job.conclude() if job is not None else None

    def _still_quiet(self, quiet: tuple[float, int] | None, size: int) -> tuple[float, int]:
        """Return since when bytes come without an event, and how many. IdleTimeout after too long.

        Those of an event that is not whole yet are many; comments and pings are few.
        """
        now = asyncio.get_running_loop().time()
        since, received = quiet or (now, 0)
        seconds, received = now - since, received + size
        if seconds > QUIET_TIMES * self._idle and received < seconds * PROGRESS_BYTES:
            raise self._silence(seconds)
        return since, received

    def _note(self, found: Any) -> None:  # noqa: ANN401 # as above
        """Note that the answer goes on. IdleTimeout if all that comes for too long says nothing."""
        if self._said_at is None:
            return
        now = asyncio.get_running_loop().time()
        # What is usual is not looked into each time.
        if (seconds := now - self._said_at) > self._idle:
            if not found.is_head:
                self._said_at = now
            elif seconds > QUIET_TIMES * self._idle:
                raise self._silence(seconds)

    def _silence(self, seconds: float) -> IdleTimeout:
        where = self._upstream.provider_name
        return IdleTimeout(f"{where} sent no event for {seconds:.0f} s, only signs of life")

    async def _last(self) -> Any:  # noqa: ANN401 # as above
        """Return what follows the reason to stop; an end if nothing does, and the stream stays."""
        decoder, response = self._decoder, self._response
        if self._ends_at is None:
            self._ends_at = asyncio.get_running_loop().time() + COUNTS_SECONDS
        with contextlib.suppress(HttpError, TimeoutError):
            async with asyncio.timeout_at(self._ends_at):
                while not decoder.done and (data := await response.next()):
                    if (found := decoder.feed(data)) is not None:
                        return found
        rest = decoder.close()
        self.is_complete = True
        return rest

    async def settle(self) -> None:
        """Read the rest of the body, if it comes at once, so that the connection can be kept."""
        if self._response.done:
            self.close()
            return
        with contextlib.suppress(HttpError, TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while not self._response.done:
                    await self._response.next()
        self.close()

    def close(self) -> None:
        """Let the provider know that nobody listens any more, unless it is through."""
        self._response.close()
        if self._job is not None and not self.is_complete:
            self._job.abandon()
            self._job = None

    def interrupted(self, error: Exception) -> NoReturn:
        """Raise what a failure after the first events means."""
        if isinstance(error, HttpError):
            raise_interrupted(error, self._upstream)
        name = self._upstream.provider_name
        failure = error
        if not isinstance(failure, StreamInterrupted):
            failure = StreamInterrupted(f"The stream from {name} failed: {error}", provider=name)
        # Some providers repeat the key that they were given.
        self._upstream.redactor.clean(failure)
        try:
            raise failure from (None if failure is error else error)
        finally:
            # An error that refers to this frame, which refers to it, would keep the request's body.
            del failure, error

    def unopened(self, error: BaseException) -> NoReturn:
        """Close the stream; raise what a failure before the first events means."""
        self.close()
        name = self._upstream.provider_name
        if isinstance(error, HttpError):
            raise_unreachable(error, self._upstream)
        if isinstance(error, TimeoutError):
            message = f"{name} began no answer in time"
            raise UpstreamTimeout(message, provider=name, limit="first_token") from error
        if isinstance(error, StreamInterrupted):
            # Nothing was passed on yet, so another attempt may still succeed.
            raise UpstreamError(error.message, **error.metadata) from error
        try:
            raise error
        finally:
            # As above.
            del error


async def first_events(stream: UpstreamStream, seconds: float) -> Any:  # noqa: ANN401 # as above
    """Return the first events that say something, within so many seconds, and those before.

    UpstreamError, by class, if none come: many providers name the speaker before they know whether
    they can answer.
    """
    try:
        following = stream.at_hand()
        if following is not None and not following.is_head:
            # Most begin with something to say, and wait for nothing.
            stream.begin()
            return following
        async with asyncio.timeout(max(0.001, seconds)):
            if following is None:
                following = await stream.next()
            found, size = [following], 0
            while following is not None and following.is_head:
                size += following.size
                if size >= MAX_HEAD_BYTES:
                    break
                following = await stream.next()
                if following is not None:
                    found.append(following)
            stream.begin()
            return _joined(found)
    except BaseException as error:  # noqa: BLE001 # whatever it is, the stream must be closed
        stream.unopened(error)


def _joined(found: list[Any]) -> Any:  # noqa: ANN401 # as above
    """Return pieces in one: two by two, as each joint copies what it joins."""
    while len(found) > 1:
        joined = [one.with_more(other) for one, other in zip(found[::2], found[1::2], strict=False)]
        found = joined + found[len(joined) * 2 :]
    return found[0]
