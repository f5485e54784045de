"""The frame shows calls, failures, times, tokens and costs, by alias and by provider."""

import click

from conduit_cli.live.frame import frame, lines
from conduit_cli.live.samples import Interval, read

AFTER = """
conduit_calls_total{alias="fast",operation="chat",outcome="OK"} 30
conduit_calls_total{alias="fast",operation="chat",outcome="PROVIDER_ERROR"} 10
conduit_calls_total{alias="slow",operation="chat",outcome="OK"} 2
conduit_call_fallbacks_total{alias="fast",operation="chat"} 4
conduit_attempts_total{provider="A",outcome="OK"} 32
conduit_attempts_total{provider="A",outcome="PROVIDER_ERROR"} 8
conduit_usage_total{provider="A",unit="INPUT_TOKEN"} 100
conduit_usage_total{provider="A",unit="OUTPUT_TOKEN"} 60
conduit_usage_total{provider="A",unit="SECOND"} 1000
conduit_cost_usd_total{provider="A"} 0.01
conduit_provider_status{provider="A",status="healthy"} 1
conduit_provider_status{provider="A",status="unhealthy"} 0
conduit_provider_status{provider="Idle",status="unhealthy"} 1
conduit_attempt_seconds_bucket{provider="A",le="0.2"} 40
conduit_attempt_seconds_bucket{provider="A",le="+Inf"} 40
conduit_http_requests_under_way{route="/v1/chat/completions"} 5
"""


def test_a_frame_tells_of_all_and_of_each() -> None:
    """The busiest alias first; an instance that nobody asks is there with how it is."""
    found = frame(Interval(read("", 0.0), read(AFTER, 2.0)))
    assert (found["callsPerSecond"], found["underWay"]) == (21.0, 5.0)
    assert round(found["failedShare"], 4) == round(10 / 42, 4)
    assert (found["tokensPerSecond"], found["usdPerHour"]) == (80.0, 18.0)
    assert [each["alias"] for each in found["aliases"]] == ["fast", "slow"]
    assert found["aliases"][0]["failedShare"] == 0.25
    assert found["aliases"][0]["fallbacksPerSecond"] == 2.0
    asked, idle = found["providers"]
    assert (asked["status"], asked["attemptsPerSecond"], asked["p50Ms"]) == ("healthy", 20.0, 100.0)
    assert (idle["provider"], idle["status"], idle["p50Ms"]) == ("Idle", "unhealthy", None)
    shown = [click.unstyle(line) for line in lines(found, width=120)]
    assert shown[0] == ("21.0 calls/s, 23.8% failed, 5 under way, 80 tokens/s, $18.0000/h")
    assert any(line.startswith("fast") and "25.0%" in line for line in shown)


def test_a_gateway_at_rest_has_a_frame_too() -> None:
    """Nothing is divided by nothing."""
    found = frame(Interval(read("", 0.0), read("", 1.0)))
    assert (found["callsPerSecond"], found["failedShare"], found["p50Ms"]) == (0, 0.0, None)
    assert "No attempt has ended." in "\n".join(lines(found, width=80))
