"""The most tokens that a call may use."""

from pathlib import Path

import pytest
from tests.support.call_bench import CALLER, Bench

from conduit.internal.v1.price_pb2 import Price, UnitPrice
from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.call_scope import admit
from conduit_router.calls.needed_tokens import needed_tokens
from conduit_router.spending.worst_cost import UNSAID_CONTEXT

TEXT = b'"messages":[{"role":"user","content":"hello"}]'
IMAGE = (
    b'"messages":[{"role":"user","content":[{"type":"image_url","image_url":'
    b'{"url":"https://x.example/a.png"}}]}]'
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a runtime with two candidates; of one the context is known."""
    made = Bench(tmp_path)
    prices = [UnitPrice(unit=UNIT_INPUT_TOKEN, nano_usd_per_million=1)]
    known = {"provider_id": 1, "actual_model_name": "model-1", "version": "v"}
    made.recorder.prices.load([Price(unit_prices=prices, context_window=200_000, **known)])  # type: ignore[arg-type] # its own
    return made


def needed(bench: Bench, body: bytes) -> int:
    """Return what a chat needs."""
    form = chat_request(json=body)
    with admit(bench.runtime, OPERATION, form, None, CALLER, stream=False) as scope:
        said = scope.worst_case, scope.requirements, scope.decision
        return needed_tokens(bench.recorder.prices, *said)


def test_a_call_that_says_how_much_it_writes_needs_that_and_what_it_reads(bench: Bench) -> None:
    """For each of its choices; no token is less than a byte."""
    body = b'{"model":"gpt","max_tokens":10,"n":3,%b}' % TEXT
    assert needed(bench, body) == len(body) + 30


def test_one_that_does_not_say_may_fill_the_largest_context(bench: Bench) -> None:
    """Of any of its candidates."""
    body = b'{"model":"gpt",%b}' % TEXT
    assert needed(bench, body) == len(body) + 200_000


def test_of_images_nobody_knows_how_many_tokens_they_are(bench: Bench) -> None:
    """They may fill the context."""
    assert needed(bench, b'{"model":"gpt","max_tokens":10,%b}' % IMAGE) >= UNSAID_CONTEXT + 10
