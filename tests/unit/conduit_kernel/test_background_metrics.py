"""What loops beside the calls count."""

from prometheus_client import CollectorRegistry
from tests.support.clock import Clock
from tests.support.route_metrics import values

from conduit_kernel.background import Background
from conduit_kernel.background_metrics import BackgroundMetrics
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.exposition import Exposition


async def test_loops_that_fail_are_counted() -> None:
    """Failures of our own apart from absences, and one that is mended fails no more."""
    clock = Clock()
    background = Background(sleep=clock.sleep, clock=clock)
    problems: list[Exception] = [OSError(), ServiceUnavailable("away"), OSError()]

    async def step() -> None:
        if problems:
            raise problems.pop(0)

    background.run("loop", step, every=60.0)
    registry = CollectorRegistry()
    registry.register(BackgroundMetrics([background]))
    exposition = Exposition(registry)
    failing = []
    for seconds in (0.0, 10.0):
        await clock.advance(seconds)
        failing.append(values(await exposition.render(), "conduit_background_failing")[0][1])
    assert failing == [1, 0]
    total = values(await exposition.render(), "conduit_background_failures_total")
    assert [(labels["cause"], value) for labels, value in total] == [("failure", 2), ("absence", 1)]
    await background.stop()
