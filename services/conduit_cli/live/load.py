"""Makes calls of a running gateway, several at a time, and measures them."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from statistics import quantiles
from typing import NamedTuple

from conduit_cli.chat import answer
from conduit_cli.gateway import Gateway, GatewayError

_SHARES = {"p50": 50, "p90": 90, "p99": 99}


class Measured(NamedTuple):
    """A call: how long it took, and its first piece, in seconds; why it failed, if it did."""

    seconds: float
    first: float | None = None
    failure: str = ""


def calls(gateway: Gateway, model: str, text: str, count: int, at_once: int) -> Iterator[Measured]:
    """Make calls, and yield each as it ends."""
    with ThreadPoolExecutor(at_once) as pool:
        begun = [pool.submit(measured, gateway, model, text) for _ in range(count)]
        try:
            for each in as_completed(begun):
                yield each.result()
        finally:
            for each in begun:
                each.cancel()


def measured(
    gateway: Gateway, model: str, text: str, timer: Callable[[], float] = time.monotonic
) -> Measured:
    """Make a call, and measure it. Whatever goes wrong with it is its failure."""
    began, first = timer(), None
    try:
        for _ in answer(gateway, model, text):
            first = timer() - began if first is None else first
    except (GatewayError, OSError, ValueError) as error:
        code = getattr(error, "code", "") or type(error).__name__
        return Measured(timer() - began, first, str(code))
    return Measured(timer() - began, first)


def report(found: Sequence[Measured], seconds: float) -> dict[str, object]:
    """Return what calls came to, in milliseconds."""
    good = [each for each in found if not each.failure]
    failures = dict[str, int]()
    for each in found:
        if each.failure:
            failures[each.failure] = failures.get(each.failure, 0) + 1
    firsts = [each.first for each in good if each.first is not None]
    return {
        "calls": len(found),
        "failed": len(found) - len(good),
        "failures": failures,
        "callsPerSecond": round(len(good) / seconds, 2) if seconds > 0 else 0.0,
        "totalMs": _told([each.seconds for each in good]),
        "firstPieceMs": _told(firsts),
    }


def _told(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    # Of one value alone all are that one.
    cuts = quantiles(values, n=100, method="inclusive") if len(values) > 1 else [values[0]] * 99
    found = {name: cuts[place - 1] for name, place in _SHARES.items()} | {"max": max(values)}
    return {name: round(value * 1000, 3) for name, value in found.items()}
