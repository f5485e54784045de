"""The log is told of all calls, and nobody waits for it."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs
from tests.unit.conduit_router.trail.request_ends import some_ends

from conduit.internal.v1.request_log_service_pb2 import LogRequestsRequest
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_router.trail.log_metrics import RequestLogMetrics
from conduit_router.trail.request_log import RequestLog
from conduit_storage.request_log.blocks import requests_in


class Storage:
    """Takes what it is told of, unless it is away or does not like it."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.answer: Callable[[LogRequestsRequest], BaseException | None] = lambda _: None

    async def take(self, request: LogRequestsRequest) -> None:
        """Store requests."""
        if error := self.answer(request):
            raise error
        self.ids += ids_of(request)


def ids_of(request: LogRequestsRequest) -> list[str]:
    """Return the ids of the requests that a message has."""
    in_blocks = [
        each.id for block in request.blocks for each in requests_in(block.facts, block.sizes)
    ]
    return [*request.id, *in_blocks]


def end(log: RequestLog, seed: int, count: int) -> list[str]:
    """Have calls end; return their ids."""
    plain, others = some_ends(seed, count)
    for each in plain:
        log.listener.plain(each)
    for other in others:
        log.listener.eventful(other)
    names = [each.whole().caller.request_id for each in plain]
    return [*names, *(other.caller.request_id for other in others)]


async def test_calls_are_told_together_and_once() -> None:
    """Those of a step, in groups; the next step has nothing to tell."""
    storage = Storage()
    log = RequestLog(storage.take)
    names = end(log, 1, 1200)
    await log.deliver()
    assert sorted(storage.ids) == sorted(names)
    await log.deliver()
    assert (len(storage.ids), log.stored, log.dropped, log.waiting_bytes) == (1200, 1200, 0, 0)


async def test_calls_wait_while_the_log_is_away() -> None:
    """And are told when it is back, before those that ended meanwhile."""
    storage = Storage()
    log = RequestLog(storage.take)
    names = end(log, 1, 5)
    storage.answer = lambda _: ServiceUnavailable("away", service="storage")
    with pytest.raises(ServiceUnavailable):
        await log.deliver()
    more = end(log, 2, 5)
    with pytest.raises(ServiceUnavailable):
        await log.deliver()
    assert log.waiting_bytes > 0
    storage.answer = lambda _: None
    await log.deliver()
    assert sorted(storage.ids[:5]) == sorted(names)
    assert sorted(storage.ids[5:]) == sorted(more)
    assert (log.stored, log.waiting_bytes) == (10, 0)


async def test_the_oldest_that_wait_make_room_and_are_counted() -> None:
    """However long the log is away, no more memory is taken; what is lost is told."""
    storage = Storage()
    log = RequestLog(storage.take, max_waiting_bytes=60_000)
    storage.answer = lambda _: ServiceUnavailable("away", service="storage")
    names = list[str]()
    with capture_logs() as lines:
        for seed in range(30):
            names = end(log, seed, 100)
            with pytest.raises(ServiceUnavailable):
                await log.deliver()
            assert log.waiting_bytes <= 60_000
    storage.answer = lambda _: None
    await log.deliver()
    assert sorted(storage.ids[-100:]) == sorted(names)
    assert log.dropped > 0
    assert log.stored + log.dropped == 3000
    lost = [line["count"] for line in lines if line["event"] == "requests_not_logged"]
    assert sum(lost) == log.dropped


async def test_what_the_log_refuses_holds_up_nobody() -> None:
    """It is counted as lost, and the others go on."""
    storage = Storage()
    log = RequestLog(storage.take)
    names = end(log, 1, 700)
    storage.answer = lambda request: (
        InvalidRequest("no", field="id") if names[0] in ids_of(request) else None
    )
    with capture_logs() as lines:
        await log.deliver()
    assert log.dropped > 0
    assert log.stored + log.dropped == 700
    assert [line["event"] for line in lines] == ["requests_refused"]


async def test_a_stopping_router_does_not_wait_for_a_log_that_is_away() -> None:
    """Nor fails for it."""
    storage = Storage()
    log = RequestLog(storage.take)
    end(log, 1, 3)
    storage.answer = lambda _: ServiceUnavailable("away", service="storage")
    await log.close()
    assert log.stored == 0


async def test_a_stopping_router_waits_for_a_hanging_log_for_a_bounded_time() -> None:
    """The calls that it would be told of are given up with the process."""

    async def hang(_: LogRequestsRequest) -> None:
        await asyncio.Event().wait()

    log = RequestLog(hang, last_seconds=0.01)
    end(log, 1, 3)
    await log.close()
    assert log.stored == 0


async def test_metrics_tell_what_was_stored_and_lost() -> None:
    """Also where it is nothing."""
    storage = Storage()
    log = RequestLog(storage.take, max_waiting_bytes=1)
    end(log, 1, 3)
    await log.deliver()
    samples = {
        (sample.name, sample.labels.get("outcome", "")): sample.value
        for metric in RequestLogMetrics(log).collect()
        for sample in metric.samples
    }
    assert samples == {
        ("conduit_request_log_requests_total", "stored"): 0,
        ("conduit_request_log_requests_total", "dropped"): 3,
        ("conduit_request_log_waiting_bytes", ""): 0,
    }
