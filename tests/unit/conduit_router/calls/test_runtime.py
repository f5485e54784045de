"""The parts that all calls share: where a request would go, and why it goes nowhere."""

from pathlib import Path

import pytest
from tests.support.call_bench import BODY, CALLER, Bench
from tests.support.outages import open_for_all
from tests.support.snapshots import ALIAS, compiled, provider, snapshot

from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_providers.operation import Requirements
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.call_scope import admit
from conduit_router.routing.decide import Decision, route_of
from conduit_router.routing.decide import decide as decide_route

CHAT = Requirements(ALIAS, "chat")


def decide(bench: Bench, requirements: Requirements) -> Decision:
    """Decide as a call does."""
    runtime = bench.runtime
    return decide_route(
        route_of(runtime.table.routes, requirements.model),
        requirements,
        runtime.state.view(),
        1,
    )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a runtime with two instances."""
    return Bench(tmp_path)


def test_a_model_that_nobody_serves_does_not_exist(bench: Bench) -> None:
    """It is named, as its caller wrote it."""
    with pytest.raises(ModelNotFound) as missing:
        decide(bench, Requirements("gtp", "chat"))
    assert missing.value.metadata == {"model": "gtp"}


@pytest.mark.parametrize(("given", "used"), [(0, 0), (None, 1)])
def test_a_seed_of_the_callers_is_used_even_if_it_is_zero(
    bench: Bench, given: int | None, used: int
) -> None:
    """Only a missing one is drawn; the bench draws 1."""
    form, options = chat_request(json=BODY), CallOptions(seed=given)
    scope = admit(bench.runtime, OPERATION, form, options, CALLER, stream=False)
    assert scope.plan.decision.seed == used


def test_a_decision_goes_by_the_table_and_the_state_of_the_moment(bench: Bench) -> None:
    """Neither is kept from the call before."""
    open_for_all(bench.state, 1)
    [left] = decide(bench, CHAT).candidates
    assert left.candidate.provider_id == 2
    bench.runtime.table = compiled(snapshot([provider(3)]))
    [only] = decide(bench, CHAT).candidates
    assert only.candidate.provider_id == 3
