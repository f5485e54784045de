"""Calls are measured, and failures counted, not hidden."""

import json

from tests.support.gateway_answers import answering

from conduit_cli.live.load import Measured, calls, measured, report

PIECE = json.dumps({"choices": [{"delta": {"content": "hi"}}]})
GOOD = f"data: {PIECE}\n\ndata: [DONE]\n\n".encode()


def test_calls_are_made_and_measured() -> None:
    """As many as asked for, each with its first piece."""
    with answering(200, GOOD) as gateway:
        found = list(calls(gateway, "echo", "hello", count=7, at_once=3))
    assert len(found) == 7
    assert all(not each.failure and each.first is not None for each in found)
    assert all((each.first or 0) <= each.seconds for each in found)


def test_a_call_that_fails_has_its_reason() -> None:
    """The gateway's, or that there is none."""
    error = json.dumps({"error": {"message": "no", "code": "rate_limited"}}).encode()
    with answering(429, error) as gateway:
        assert measured(gateway, "echo", "x").failure == "rate_limited"
    with answering(200, b"data: broken\n\n") as gateway:
        assert measured(gateway, "echo", "x").failure == "JSONDecodeError"
    assert measured(gateway, "echo", "x").failure == "ConnectionRefusedError"


def test_a_report_tells_shares_of_the_good_ones() -> None:
    """Failures are counted by their reasons, and are in no time."""
    good = [Measured(number / 1000, number / 2000) for number in range(1, 101)]
    found = report([*good, Measured(99.0, None, "timeout")], seconds=2.0)
    assert (found["calls"], found["failed"], found["failures"]) == (101, 1, {"timeout": 1})
    assert found["callsPerSecond"] == 50.0
    assert found["totalMs"] == {"p50": 50.5, "p90": 90.1, "p99": 99.01, "max": 100.0}
    assert report([], seconds=0.0)["totalMs"] == {}
    assert report([Measured(0.5, 0.1)], seconds=1.0)["totalMs"] == {
        **dict.fromkeys(("p50", "p90", "p99", "max"), 500.0)
    }
