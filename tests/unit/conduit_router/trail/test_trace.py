"""What callers are told of their attempts: bounded, and no names of others."""

from pathlib import Path

import pytest
from tests.support.call_bench import BODY, CALLER, Bench
from tests.support.snapshots import compiled, key, provider, snapshot

from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import UpstreamError
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.trail.trace import MAX_CHARACTERS, trace_of, traced

ASKED = CallOptions(trace=True)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench with two instances."""
    return Bench(tmp_path)


def admitted(bench: Bench, options: CallOptions | None = ASKED) -> CallScope:
    """Admit a chat that asks for a trace."""
    return admit(bench.runtime, OPERATION, chat_request(json=BODY), options, CALLER, stream=False)


def fail(bench: Bench, scope: CallScope) -> None:
    """Have the next attempt fail, after a quarter of a second."""
    attempt = bench.begun(scope)
    attempt.is_sent = True
    bench.now += 0.25
    error = UpstreamError("words of a provider", status="503")
    scope.end_attempt(attempt, error)
    scope.plan.failed(error, may_retry=False)


def test_each_attempt_is_told_in_order(bench: Bench) -> None:
    """With what it met and how long it took; the text has none of anybody's words."""
    with admitted(bench) as scope:
        fail(bench, scope)
        bench.now += 1.0
        attempt = bench.begun(scope)
        attempt.is_sent, attempt.waited = True, 0.125
        bench.now += 0.5
        under_way = scope.summary(attempt).trace
        ended = scope.succeed(attempt).trace
    failed = (
        '"provider-1";key="key_1";model="model-1";sent=?1;pause=0.000;total=250.000'
        ";code=PROVIDER_ERROR;status=503"
    )
    good = (
        '"provider-2";key="key_2";model="model-2";sent=?1'
        ";pause=1000.000;first=125.000;total=500.000"
    )
    assert ended == under_way == f"{failed}, {good}"


def test_nobody_is_told_who_did_not_ask(bench: Bench) -> None:
    """Neither in the report nor in the error."""
    for options in (None, CallOptions()):
        with admitted(bench, options) as scope:
            assert scope.summary(bench.begun(scope)).trace == ""
            assert traced(scope) == {}


def test_an_error_tells_the_same(bench: Bench) -> None:
    """Of a call that failed at all candidates."""
    error = UpstreamError("it failed", provider="provider-2")
    with pytest.raises(UpstreamError), admitted(bench) as scope:  # noqa: PT012 # it must end in there
        fail(bench, scope)
        fail(bench, scope)
        raise error
    assert error.metadata["trace"] == trace_of(scope)
    assert error.metadata["trace"].count("code=PROVIDER_ERROR") == 2


def test_those_that_were_not_asked_have_no_names(bench: Bench) -> None:
    """How many, and why."""
    others = [provider(number, is_enabled=False, name=f"secret {number}") for number in (8, 9)]
    bench.runtime.table = compiled(snapshot([provider(1), *others], keys=[key(1, 1)]))
    with admitted(bench) as scope:
        assert trace_of(scope) == "rejected;reason=PROVIDER_DISABLED;count=2"


def test_a_name_ends_no_string_and_no_line(bench: Bench) -> None:
    """Whatever an operator calls an instance."""
    odd = provider(1, name='a"b\\c\r\nü' + "x" * 500)
    bench.runtime.table = compiled(snapshot([odd], keys=[key(1, 1)]))
    with admitted(bench) as scope:
        text = trace_of(scope, bench.begun(scope))
    assert text.startswith('"a\\"b\\\\c???xx')
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 500


def test_the_text_is_bounded(bench: Bench) -> None:
    """And says how many are left out."""
    with admitted(bench) as scope:
        for _ in range(30):
            scope.note_failure(bench.begun(scope), UpstreamError("it failed"))
            scope.plan.restart(scope.plan.decision)
            scope.plan.attempts = 0
        text = trace_of(scope)
    assert 1500 < len(text) <= MAX_CHARACTERS
    told = text.count("code=PROVIDER_ERROR")
    assert text.endswith(f", more;count={30 - told}")
