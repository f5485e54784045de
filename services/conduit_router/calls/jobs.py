"""Carries flows: calls that are jobs, with more exchanges than one."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

from conduit_kernel.errors import UpstreamError, UpstreamTimeout
from conduit_kernel.http import Headers, Origin, Response
from conduit_providers.calls import ChatEvents
from conduit_providers.codec import ChatDecoder
from conduit_providers.jobs import Job, JobRequest, StreamingJob
from conduit_providers.spec import ProviderSpec
from conduit_providers.wire import HttpResponse
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.transport import Transport

ResultT = TypeVar("ResultT")

# How long a job may take to be taken back, behind the caller's back.
CANCEL_SECONDS = 15.0
# How long the end of a stream waits for what is left to tell, such as the counts.
CLOSING_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443}


class JobRunner:
    """Drives flows at upstream targets."""

    def __init__(self, transport: Transport, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock
        # Held, because the loop only knows tasks weakly.
        self._undoing: set[asyncio.Task[None]] = set()

    async def run(
        self, flow: Job[ResultT], upstream: UpstreamTarget, spec: ProviderSpec, seconds: float
    ) -> tuple[ResultT, Headers]:
        """Return what a flow comes to within so many seconds, and its last answer's headers.

        UpstreamError, by class, if it fails. What was begun is taken back if an exchange fails,
        the time is up or the caller leaves.
        """
        ends = self._clock() + seconds
        cancel: JobRequest | None = None
        headers = Headers.of(())
        try:
            step = next(flow)
            while True:
                cancel = step.cancel or cancel
                exchange = asyncio.create_task(self._exchange(step, upstream, spec, ends))
                try:
                    answer, headers = await asyncio.shield(exchange)
                except UpstreamError as error:
                    step = self._tell(flow, error, cancel, upstream, spec)
                except asyncio.CancelledError:
                    self._behind(self._call_off(flow, exchange, cancel, upstream, spec))
                    raise
                else:
                    step = flow.send(answer)
        except StopIteration as end:
            result: ResultT = end.value
            return result, headers

    async def open(
        self, flow: Job[StreamingJob], upstream: UpstreamTarget, spec: ProviderSpec, seconds: float
    ) -> tuple[Response, "RunningJob"]:
        """Begin a job and open its stream. Close the response and the job, always."""
        ends = self._clock() + seconds
        opened, _ = await self.run(flow, upstream, spec, seconds)
        job = RunningJob(self, opened, upstream, spec)
        try:
            left = max(0.001, ends - self._clock())
            there = _toward(opened.step, upstream)
            response = await self._transport.open(there, spec, opened.step.request, left)
        except BaseException:
            job.abandon()
            raise
        return response, job

    def cancel(self, step: JobRequest | None, upstream: UpstreamTarget, spec: ProviderSpec) -> None:
        """Take back what was begun; nobody waits for it."""
        if step is not None:
            self._behind(self._undo(step, upstream, spec))

    async def close(self, seconds: float) -> None:
        """Wait until everything that is being taken back is, but no longer than so many seconds."""
        if self._undoing:
            _, late = await asyncio.wait(self._undoing, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _exchange(
        self, step: JobRequest, upstream: UpstreamTarget, spec: ProviderSpec, ends: float
    ) -> tuple[HttpResponse, Headers]:
        there = _toward(step, upstream)
        if step.after_seconds:
            await asyncio.sleep(max(0.0, min(step.after_seconds, ends - self._clock())))
        left = ends - self._clock()
        if left <= 0:
            name = upstream.provider_name
            raise UpstreamTimeout(f"{name} did not finish its work in time", provider=name)
        return await self._transport.ask(there, spec, step.request, left, ends)

    def _tell(
        self,
        flow: Job[ResultT],
        error: UpstreamError,
        cancel: JobRequest | None,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
    ) -> JobRequest:
        """Tell a flow of a failed exchange; return its next step, if it goes on."""
        try:
            return flow.throw(error)
        except UpstreamError:
            self.cancel(cancel, upstream, spec)
            raise

    async def _call_off(
        self,
        flow: Job[ResultT],
        exchange: asyncio.Task[tuple[HttpResponse, Headers]],
        cancel: JobRequest | None,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
    ) -> None:
        """Take back what a flow has begun, or is just beginning."""
        try:
            if cancel is None:
                # Only the answer says what there is to be taken back.
                async with asyncio.timeout(CANCEL_SECONDS):
                    answer, _ = await exchange
                    cancel = flow.send(answer).cancel
        except StopIteration as end:
            cancel = end.value.step.cancel if isinstance(end.value, StreamingJob) else None
        except (UpstreamError, TimeoutError):
            return
        finally:
            exchange.cancel()
            await asyncio.gather(exchange, return_exceptions=True)
            flow.close()
        if cancel is not None:
            await self._undo(cancel, upstream, spec)

    async def _undo(self, step: JobRequest, upstream: UpstreamTarget, spec: ProviderSpec) -> None:
        # The provider may be through with it, and it costs no more than it would have.
        with contextlib.suppress(UpstreamError):
            await self._exchange(step, upstream, spec, self._clock() + CANCEL_SECONDS)

    def _behind(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._undoing.add(task)
        task.add_done_callback(self._undoing.discard)


class RunningJob:
    """What is behind a streamed answer."""

    __slots__ = ("_flows", "_opened", "_spec", "_upstream")

    def __init__(
        self, flows: JobRunner, opened: StreamingJob, upstream: UpstreamTarget, spec: ProviderSpec
    ) -> None:
        self._flows = flows
        self._opened = opened
        self._upstream = upstream
        self._spec = spec

    @property
    def decoder(self) -> ChatDecoder:
        """Return what reads the stream."""
        return self._opened.decoder

    async def conclude(self) -> ChatEvents | None:
        """Return what is left to tell after a complete stream."""
        closing = self._opened.closing
        events, _ = await self._flows.run(closing, self._upstream, self._spec, CLOSING_SECONDS)
        return events

    def abandon(self) -> None:
        """Take the job back, because nobody waits for the rest."""
        self._opened.closing.close()
        self._flows.cancel(self._opened.step.cancel, self._upstream, self._spec)


def _toward(step: JobRequest, upstream: UpstreamTarget) -> UpstreamTarget:
    """Return the target with the same key to where a step goes."""
    if not step.origin:
        return upstream
    url = urlsplit(step.origin)
    origin = Origin(url.scheme, url.hostname or "", url.port or _PORTS[url.scheme])
    # Paths of jobs do not come twice, so there is nothing to prepare for later.
    return replace(upstream, origin=origin, base_path="", prepared={})
