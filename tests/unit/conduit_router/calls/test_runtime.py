"""The parts that all calls share: where a request would go, and why it goes nowhere."""

from pathlib import Path

import pytest
from tests.support.call_bench import Bench
from tests.support.snapshots import ALIAS, compiled, provider, snapshot

from conduit_kernel.errors import ModelNotFound, ProviderUnhealthy
from conduit_providers.operation import Requirements

CHAT = Requirements(ALIAS, "chat")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a runtime with two instances."""
    return Bench(tmp_path)


def test_a_model_that_nobody_serves_does_not_exist(bench: Bench) -> None:
    """It is named, as its caller wrote it."""
    with pytest.raises(ModelNotFound) as missing:
        bench.runtime.decide(Requirements("gtp", "chat"), None, "")
    assert missing.value.metadata == {"model": "gtp"}


def test_a_seed_of_the_callers_is_used_even_if_it_is_zero(bench: Bench) -> None:
    """Only a missing one is drawn; the bench draws 1."""
    assert bench.runtime.decide(CHAT, 0, "").seed == 0
    assert bench.runtime.decide(CHAT, None, "").seed == 1


def test_a_decision_goes_by_the_table_and_the_state_of_the_moment(bench: Bench) -> None:
    """Neither is kept from the call before."""
    for _ in range(5):
        bench.state.failed(1)
    [left] = bench.runtime.decide(CHAT, None, "").candidates
    assert left.candidate.provider_id == 2
    bench.runtime.table = compiled(snapshot([provider(3)]))
    [only] = bench.runtime.decide(CHAT, None, "").candidates
    assert only.candidate.provider_id == 3


def test_nothing_to_try_is_explained(bench: Bench) -> None:
    """By the state that left nothing."""
    for number in (1, 2):
        for _ in range(5):
            bench.state.failed(number)
    decision = bench.runtime.decide(CHAT, None, "")
    assert decision.candidates == ()
    assert isinstance(bench.runtime.no_candidate(CHAT, decision), ProviderUnhealthy)
