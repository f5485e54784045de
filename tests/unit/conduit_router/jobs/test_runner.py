"""Jobs: begun work is cancelled exactly when nobody waits for it any more, and never in vain."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs
from tests.support.scripted_upstream import (
    Act,
    ScriptedUpstream,
    answer,
    hang,
    open_transport,
    reset,
    serve,
)
from tests.support.snapshots import compiled, provider, snapshot
from tests.support.waiting import eventually

from conduit_kernel.errors import ServiceUnavailable, UpstreamError, UpstreamTimeout
from conduit_kernel.http import Exchange, Headers, Timeouts
from conduit_providers.jobs import Job, JobRequest
from conduit_providers.spec import ProviderSpec
from conduit_providers.wire import HttpRequest, HttpResponse
from conduit_router.jobs.runner import JobRunner
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.transport import Transport

CANCEL = JobRequest(HttpRequest("POST", "/cancel"))
BEGIN = JobRequest(HttpRequest("POST", "/begin"))
LOOK = JobRequest(HttpRequest("GET", "/look"), cancel=CANCEL)


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    """Return a transport."""
    async with open_transport() as made:
        yield made


def job(*, may_look_fail: bool = False) -> Job[bytes]:
    """Begin, look once, and come to what was seen."""
    yield BEGIN
    try:
        seen = yield LOOK
    except UpstreamError:
        if not may_look_fail:
            raise
        seen = yield LOOK
    return seen.body


async def run(
    jobs: JobRunner, upstream: ScriptedUpstream, work: Job[bytes], seconds: float = 5.0
) -> bytes:
    """Run a job at the upstream."""
    instance = compiled(snapshot([provider(1, upstream.url)])).instances[1]
    target = instance.keys[0].endpoint("chat")
    result, _ = await jobs.run(work, target, instance.spec, seconds)
    return result


async def test_a_job_comes_to_its_result_and_cancels_nothing(transport: Transport) -> None:
    """What has ended needs no cancelling."""
    async with serve(answer(b"begun"), answer(b"done")) as upstream:
        jobs = JobRunner(transport, lambda: 0.0)
        assert await run(jobs, upstream, job()) == b"done"
        await jobs.close(1)
        assert upstream.paths == ["/begin", "/look"]


async def test_a_failed_look_is_the_jobs_to_survive(transport: Transport) -> None:
    """The error is thrown into it where it stands; one that goes on is not cancelled."""
    async with serve(answer(b"begun"), reset, answer(b"done")) as upstream:
        jobs = JobRunner(transport, lambda: 0.0)
        assert await run(jobs, upstream, job(may_look_fail=True)) == b"done"
        await jobs.close(1)
        assert "/cancel" not in upstream.paths


@pytest.mark.parametrize("cancel", [answer(b"{}"), answer(b"{}", 500), reset])
async def test_a_failed_job_is_cancelled_whatever_comes_of_it(
    transport: Transport, cancel: Act
) -> None:
    """The caller is told why the job failed, not that its cancelling did."""
    async with serve(answer(b"begun"), answer(b"{}", 400), cancel) as upstream:
        jobs = JobRunner(transport, lambda: 0.0)
        with pytest.raises(UpstreamError) as failed:
            await run(jobs, upstream, job())
        await jobs.close(1)
        # On a kept connection that was cut the client asks once more.
        assert list(dict.fromkeys(upstream.paths)) == ["/begin", "/look", "/cancel"]
        assert failed.value.metadata["status"] == "400"


async def test_what_never_began_is_not_cancelled(transport: Transport) -> None:
    """There is nothing whose name could be said."""
    async with serve(answer(b"{}", 400)) as upstream:
        jobs = JobRunner(transport, lambda: 0.0)
        with pytest.raises(UpstreamError):
            await run(jobs, upstream, job())
        await jobs.close(1)
        assert upstream.paths == ["/begin"]


async def test_a_provider_that_hangs_is_cancelled_in_time(transport: Transport) -> None:
    """The job's seconds bound each exchange, and the cancelling has time of its own."""
    async with serve(answer(b"begun"), hang, answer(b"{}")) as upstream:
        jobs = JobRunner(transport, asyncio.get_running_loop().time)
        with pytest.raises(UpstreamTimeout):
            await run(jobs, upstream, job(), seconds=0.2)
        await jobs.close(5)
        assert upstream.paths[-1] == "/cancel"


async def test_a_caller_who_leaves_while_it_begins_has_it_cancelled(transport: Transport) -> None:
    """Only the answer says what there is to cancel, so it is waited for, without the caller."""
    begun = asyncio.Event()

    async def begin(exchange: Exchange) -> None:
        await begun.wait()
        await answer(b"begun")(exchange)

    async with serve(begin, answer(b"{}")) as upstream:
        jobs = JobRunner(transport, lambda: 0.0)
        task = asyncio.create_task(run(jobs, upstream, job()))
        await upstream.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        begun.set()

        async def is_cancelled() -> bool:
            return upstream.paths == ["/begin", "/cancel"]

        await eventually(is_cancelled)
        await jobs.close(1)


def making() -> Job[bytes]:
    """Make something that is deleted by what the answer calls it."""

    def deletion(response: HttpResponse) -> JobRequest:
        return JobRequest(HttpRequest("DELETE", f"/{response.body.decode()}"))

    made = yield JobRequest(HttpRequest("POST", "/make"), deletion=deletion)
    return made.body


async def test_what_nobody_takes_is_deleted(transport: Transport) -> None:
    """Whether its caller leaves or its time is up, once the answer tells what there is."""
    for seconds in (60.0, 0.1):
        made = asyncio.Event()

        async def make(exchange: Exchange, made: asyncio.Event = made) -> None:
            await made.wait()
            await answer(b"thing")(exchange)

        async with serve(make, answer(b"{}")) as upstream:
            jobs = JobRunner(transport, asyncio.get_running_loop().time)
            task = asyncio.create_task(run(jobs, upstream, making(), seconds=seconds))
            await upstream.arrived.wait()
            if seconds > 1:
                task.cancel()
            with pytest.raises((asyncio.CancelledError, UpstreamTimeout)):
                await task
            assert upstream.paths == ["/make"]
            made.set()
            await jobs.close(10)
            assert upstream.paths == ["/make", "/thing"]


async def test_what_was_not_made_is_not_deleted(transport: Transport) -> None:
    """A refusal names nothing, and what somebody takes is theirs."""
    async with serve(answer(b"{}", 400), answer(b"thing")) as upstream:
        jobs = JobRunner(transport, lambda: 0.0)
        with pytest.raises(UpstreamError):
            await run(jobs, upstream, making())
        assert await run(jobs, upstream, making()) == b"thing"
        await jobs.close(1)
        assert upstream.paths == ["/make", "/make"]


async def test_a_cancelling_that_hangs_holds_no_process(transport: Transport) -> None:
    """Closing waits so long and no longer."""
    async with serve(answer(b"begun"), answer(b"{}", 400), hang) as upstream:
        jobs = JobRunner(transport, lambda: 0.0)
        with pytest.raises(UpstreamError):
            await run(jobs, upstream, job())
        async with asyncio.timeout(5):
            await jobs.close(0.1)


class Exhausted(Transport):
    """A transport that has no descriptors left for some paths."""

    paths: tuple[str, ...] = ()

    async def ask(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: HttpRequest,
        timeouts: Timeouts,
    ) -> tuple[HttpResponse, Headers]:
        """Ask, if there is room for it."""
        if request.path in self.paths:
            raise ServiceUnavailable("no means left", service="router")
        return await super().ask(upstream, spec, request, timeouts)


async def test_a_lack_of_ours_cancels_what_was_begun(transport: Transport) -> None:
    """The provider must not work for nobody."""
    transport.__class__ = Exhausted
    transport.paths = ("/look",)  # type: ignore[attr-defined] # of the class it has now
    async with serve(answer(b"begun"), answer(b"{}")) as upstream:
        jobs = JobRunner(transport, lambda: 0.0)
        cancelling = BEGIN._replace(cancel=CANCEL)

        def begun() -> Job[bytes]:
            yield cancelling
            return (yield LOOK).body

        with pytest.raises(ServiceUnavailable):
            await run(jobs, upstream, begun())
        await jobs.close(1)
        assert upstream.paths == ["/begin", "/cancel"]


async def test_a_cancelling_that_crashes_is_logged(transport: Transport) -> None:
    """Nobody waits for it, and nothing else would tell."""
    transport.__class__ = Exhausted
    transport.paths = ("/cancel",)  # type: ignore[attr-defined] # as above
    async with serve(answer(b"begun"), answer(b"{}", 400)) as upstream:
        jobs = JobRunner(transport, lambda: 0.0)
        with capture_logs() as lines:
            with pytest.raises(UpstreamError):
                await run(jobs, upstream, job())
            await jobs.close(1)
            await asyncio.sleep(0)
    assert [line["event"] for line in lines] == ["job_cancel_failed"]
