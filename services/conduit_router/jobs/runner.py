"""Runs jobs: calls that take more than one exchange with the provider."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import structlog

from conduit_kernel.errors import ConduitError, UpstreamError, UpstreamTimeout
from conduit_kernel.http import Headers, Origin, Response, Timeouts
from conduit_providers.codec import Decoder
from conduit_providers.jobs import Job, JobRequest, StreamingJob
from conduit_providers.spec import ProviderSpec
from conduit_providers.wire import GrpcRequest, HttpRequest, HttpResponse, SocketRequest
from conduit_router.jobs.grpc_calls import GrpcCalls
from conduit_router.jobs.socket_calls import SocketCalls
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.time_left import left_of
from conduit_router.upstream.transport import Transport

ResultT = TypeVar("ResultT")

# How long a job may take to be cancelled, behind the caller's back.
CANCEL_SECONDS = 15.0
# How long the end of a stream waits for what is left to tell, such as the counts.
CLOSING_SECONDS = 5.0
CONNECT_SECONDS = 10.0
# How long what a provider makes is waited for once its caller no longer does, so as to delete it.
LATE_SECONDS = 60.0
_PORTS = {"http": 80, "https": 443}


class _Way(Protocol):
    """A way to make requests of one kind."""

    async def ask(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: Any,  # noqa: ANN401 # of its kind
        timeouts: Timeouts,
    ) -> tuple[HttpResponse, Headers]: ...

    async def open(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: Any,  # noqa: ANN401 # as above
        timeouts: Timeouts,
    ) -> Response: ...


class JobRunner:
    """Runs jobs at upstream targets."""

    def __init__(self, transport: Transport, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock
        # Held, because the loop only knows tasks weakly.
        self._cancelling: set[asyncio.Task[None]] = set()

    async def run(
        self, job: Job[ResultT], upstream: UpstreamTarget, spec: ProviderSpec, seconds: float
    ) -> tuple[ResultT, Headers]:
        """Return what a job comes to within so many seconds, and its last answer's headers.

        UpstreamError, by class, if it fails. What was begun is cancelled if an exchange fails,
        the time is up or the caller leaves.
        """
        ends = self._clock() + seconds
        cancel: JobRequest | None = None
        headers = Headers.of(())
        exchange: asyncio.Task[tuple[HttpResponse, Headers]] | None = None
        try:
            step = next(job)
            while True:
                cancel = step.cancel or cancel
                late = LATE_SECONDS if step.deletion is not None else 0.0
                exchange = asyncio.create_task(self._exchange(step, upstream, spec, ends + late))
                try:
                    if late and await self._is_late(exchange, ends):
                        self._behind(self._call_off(job, step, exchange, cancel, upstream, spec))
                        raise _too_late(upstream)
                    answer, headers = await asyncio.shield(exchange)
                except UpstreamError as error:
                    step = self._tell(job, error, cancel, upstream, spec)
                except ConduitError:
                    # A lack of ours, which is no reason to let the provider work for nobody.
                    self.cancel(cancel, upstream, spec)
                    raise
                except asyncio.CancelledError:
                    self._behind(self._call_off(job, step, exchange, cancel, upstream, spec))
                    raise
                else:
                    step = job.send(answer)
        except StopIteration as end:
            result: ResultT = end.value
            return result, headers
        finally:
            # One that failed refers to its error, which refers to this frame with its request.
            exchange = None

    async def open(
        self,
        job: Job[StreamingJob[Any]],
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        timeouts: Timeouts,
    ) -> tuple[Response, "RunningJob"]:
        """Begin a job and open its stream. Close the response and the job, always.

        Everything until the head of the stream is within the time of a head.
        """
        began = self._clock()
        opened, _ = await self.run(job, upstream, spec, timeouts.header)
        running = RunningJob(self, opened, upstream, spec)
        try:
            rest = left_of(timeouts, self._clock() - began)
            there = _toward(opened.step, upstream)
            request = opened.step.request
            response = await self._way_of(request).open(there, spec, request, rest)
        except BaseException:
            running.abandon()
            raise
        return response, running

    def cancel(self, step: JobRequest | None, upstream: UpstreamTarget, spec: ProviderSpec) -> None:
        """Cancel what was begun; nobody waits for it."""
        if step is not None:
            self._behind(self._cancel(step, upstream, spec))

    async def close(self, seconds: float) -> None:
        """Wait until everything that is being cancelled is, but no longer than so many seconds."""
        if self._cancelling:
            _, late = await asyncio.wait(self._cancelling, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _is_late(self, exchange: asyncio.Task[Any], ends: float) -> bool:
        """Wait for an exchange until the time is up, and let it go on; return whether it does."""
        await asyncio.wait({exchange}, timeout=ends - self._clock())
        return not exchange.done()

    def _way_of(self, request: HttpRequest | GrpcRequest | SocketRequest) -> _Way:
        """Return what makes requests of a kind."""
        transport = self._transport
        if isinstance(request, GrpcRequest):
            return GrpcCalls(transport.connector)
        return SocketCalls(transport) if isinstance(request, SocketRequest) else transport

    async def _exchange(
        self, step: JobRequest, upstream: UpstreamTarget, spec: ProviderSpec, ends: float
    ) -> tuple[HttpResponse, Headers]:
        there = _toward(step, upstream)
        if step.after_seconds:
            await asyncio.sleep(max(0.0, min(step.after_seconds, ends - self._clock())))
        left = ends - self._clock()
        if left <= 0:
            raise _too_late(upstream)
        way = self._way_of(step.request)
        return await way.ask(there, spec, step.request, _within(left))

    def _tell(
        self,
        job: Job[ResultT],
        error: UpstreamError,
        cancel: JobRequest | None,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
    ) -> JobRequest:
        """Pass a failed exchange on to its job; return its next step, if it goes on."""
        try:
            return job.throw(error)
        except UpstreamError:
            self.cancel(cancel, upstream, spec)
            raise
        finally:
            # As above.
            del error

    async def _call_off(  # noqa: PLR0917 # all that a job is made with
        self,
        job: Job[ResultT],
        step: JobRequest,
        exchange: asyncio.Task[tuple[HttpResponse, Headers]],
        cancel: JobRequest | None,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
    ) -> None:
        """Cancel what a job has begun, or is just beginning; only those of HTTP begin anything."""
        try:
            if cancel is None and isinstance(step.request, HttpRequest):
                # Only the answer says what there is to be cancelled.
                async with asyncio.timeout(CANCEL_SECONDS if step.deletion is None else None):
                    answer, _ = await exchange
                cancel = step.deletion(answer) if step.deletion else job.send(answer).cancel
        except StopIteration as end:
            cancel = end.value.step.cancel if isinstance(end.value, StreamingJob) else None
        except (UpstreamError, TimeoutError):
            return
        finally:
            exchange.cancel()
            await asyncio.gather(exchange, return_exceptions=True)
            job.close()
        if cancel is not None:
            await self._cancel(cancel, upstream, spec)

    async def _cancel(self, step: JobRequest, upstream: UpstreamTarget, spec: ProviderSpec) -> None:
        # The provider may be through with it, and it costs no more than it would have.
        with contextlib.suppress(UpstreamError):
            await self._exchange(step, upstream, spec, self._clock() + CANCEL_SECONDS)

    def _behind(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._cancelling.add(task)
        task.add_done_callback(self._cancelled)

    def _cancelled(self, task: asyncio.Task[None]) -> None:
        self._cancelling.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Nobody waits for it, so that only an operator can learn of it.
            structlog.get_logger("calls").warning("job_cancel_failed", exc_info=error)


class RunningJob:
    """A job behind a streamed answer."""

    __slots__ = ("_jobs", "_opened", "_spec", "_upstream")

    def __init__(
        self,
        jobs: JobRunner,
        opened: StreamingJob[Any],
        upstream: UpstreamTarget,
        spec: ProviderSpec,
    ) -> None:
        self._jobs = jobs
        self._opened = opened
        self._upstream = upstream
        self._spec = spec

    @property
    def decoder(self) -> Decoder[Any]:
        """Return what reads the stream."""
        return self._opened.decoder

    async def conclude(self) -> Any:  # noqa: ANN401 # each operation has its own events
        """Return what is left to tell after a complete stream."""
        closing = self._opened.closing
        events, _ = await self._jobs.run(closing, self._upstream, self._spec, CLOSING_SECONDS)
        return events

    def abandon(self) -> None:
        """Cancel the job, because nobody waits for the rest."""
        self._opened.closing.close()
        self._jobs.cancel(self._opened.step.cancel, self._upstream, self._spec)


def _too_late(upstream: UpstreamTarget) -> UpstreamTimeout:
    name = upstream.provider_name
    return UpstreamTimeout(f"{name} did not finish its work in time", provider=name)


def _within(seconds: float) -> Timeouts:
    return Timeouts(min(CONNECT_SECONDS, seconds), seconds, seconds, seconds)


def _toward(step: JobRequest, upstream: UpstreamTarget) -> UpstreamTarget:
    """Return the target with the same key to where a step goes."""
    if not step.origin:
        return upstream
    url = urlsplit(step.origin)
    origin = Origin(url.scheme, url.hostname or "", url.port or _PORTS[url.scheme])
    # Paths of jobs do not come twice, so there is nothing to prepare for later.
    return replace(upstream, origin=origin, base_path="", prepared={})
