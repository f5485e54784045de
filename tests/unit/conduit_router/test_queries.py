"""Which models there are for whom, and where a request would go."""

from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.call_bench import CALLER, Bench
from tests.support.outages import open_for_all
from tests.support.snapshots import compiled, key, mapping, provider, snapshot

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.decision_pb2 import (
    REJECTION_REASON_CIRCUIT_OPEN,
    REJECTION_REASON_PROVIDER_DISABLED,
)
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.routing_policy_pb2 import (
    BALANCING_STRATEGY_ROUND_ROBIN,
    FALLBACK_CONDITION_CONTENT_POLICY,
)
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_router.context import CallerContext
from conduit_router.queries import Queries
from conduit_router.routing.table import Caller

SOURCE = snapshot(
    [provider(1), provider(2, is_enabled=False)],
    mappings=[
        mapping(1, 1, model_alias="open"),
        mapping(2, 1, model_alias="secret"),
        mapping(3, 2, model_alias="asleep"),
    ],
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a runtime with two usable aliases and one that nobody serves now."""
    made = Bench(tmp_path)
    made.runtime.table = compiled(SOURCE)
    return made


def limited(*allowed: str) -> CallerContext:
    """Return a caller who may use some models."""
    caller = Caller(1, is_enabled=True, expires_at=1e18, allowed=allowed)
    return CallerContext(caller, "req_1", "")


async def listed(bench: Bench, caller: CallerContext) -> list[str]:
    """Return the models that a caller sees."""
    answer = await Queries(bench.runtime).ListModels(pb.ListModelsRequest(), caller)
    return [model.id for model in answer.data]


async def test_models_that_a_key_may_not_use_are_not_listed(bench: Bench) -> None:
    """Nor are those that nobody can serve; a key that may use nothing sees nothing."""
    assert await listed(bench, CALLER) == ["open", "secret"]
    assert await listed(bench, limited("op*")) == ["open"]
    assert await listed(bench, limited()) == []


async def test_a_model_that_a_key_may_not_use_does_not_exist_for_it(bench: Bench) -> None:
    """In the words for one that nobody has: what there is cannot be found out by asking."""
    queries, caller = Queries(bench.runtime), limited("open")
    received = []
    for name in ("secret", "nosuch"):
        with pytest.raises(ModelNotFound) as missing:
            await queries.GetModel(pb.GetModelRequest(model=name), caller)
        received.append(missing.value.message.replace(name, "?"))
    assert received[0] == received[1]
    found = await queries.GetModel(pb.GetModelRequest(model="open"), caller)
    assert (found.model.id, found.model.object) == ("open", "model")
    assert "chat" in found.model.capabilities


@pytest.mark.parametrize(
    ("model", "some", "none"),
    [
        ("gpt-4o", {"chat", "tools", "vision"}, {"speak", "embed", "dimensions", "mp3", "voices"}),
        ("gpt-4o-mini-tts", {"speak", "mp3", "create_voice"}, {"chat", "transcribe", "tools"}),
        ("whisper-1", {"transcribe", "translate", "srt"}, {"chat", "speak", "image"}),
        ("gpt-image-2", {"image", "image_edit", "mask"}, {"chat", "speak"}),
        ("text-embedding-3-small", {"embed", "dimensions"}, {"chat", "speak"}),
        ("gpt-realtime-2", {"converse", "realtime"}, {"chat", "speak"}),
        ("nobody-knows-it", {"chat"}, {"speak", "image"}),
    ],
)
async def test_a_model_can_do_what_it_is_for(
    bench: Bench, model: str, some: set[str], none: set[str]
) -> None:
    """As far as its type tells: other operations of the type are other models'."""
    mapped = [mapping(1, 1, model_alias="it", actual_model_name=model)]
    bench.runtime.table = compiled(snapshot([provider(1)], keys=[key(1, 1)], mappings=mapped))
    found = await Queries(bench.runtime).GetModel(pb.GetModelRequest(model="it"), CALLER)
    able = {*found.model.capabilities}
    assert some <= able
    assert not none & able


@pytest.mark.parametrize("provider_type", ["Gemini", "VertexAI"])
@pytest.mark.parametrize(
    ("model", "some", "none"),
    [
        ("gemini-3.1-flash-image", {"chat", "image", "image_edit"}, {"speak", "embed"}),
        ("imagen-5", {"image"}, {"chat", "speak"}),
        ("gemini-3.5-flash", {"chat", "tools"}, {"image", "image_edit", "speak"}),
    ],
)
async def test_a_model_of_google_can_do_what_it_is_for(
    bench: Bench, provider_type: str, model: str, some: set[str], none: set[str]
) -> None:
    """One that draws chats as well; one that chats does not draw."""
    one = provider(1, "https://a.example", provider_type=provider_type)
    one.settings.update({"project": "p", "location": "eu"} if provider_type == "VertexAI" else {})
    mapped = [mapping(1, 1, model_alias="it", actual_model_name=model)]
    bench.runtime.table = compiled(snapshot([one], keys=[key(1, 1)], mappings=mapped))
    found = await Queries(bench.runtime).GetModel(pb.GetModelRequest(model="it"), CALLER)
    able = {*found.model.capabilities}
    assert some <= able
    assert not none & able


async def test_what_a_mapping_says_of_its_model_goes_before(bench: Bench) -> None:
    """Names of models are their operators' to choose, such as those of deployments."""
    said = mapping(1, 1, model_alias="it", actual_model_name="gpt-4o", capabilities=["speak"])
    bench.runtime.table = compiled(snapshot([provider(1)], keys=[key(1, 1)], mappings=[said]))
    found = await Queries(bench.runtime).GetModel(pb.GetModelRequest(model="it"), CALLER)
    assert [*found.model.capabilities] == ["speak"]


async def test_where_nothing_is_told_of_models_each_may_be_for_anything(bench: Bench) -> None:
    """As at servers of any model."""
    source = snapshot(
        [provider(1, provider_type="OpenAICompatible")], keys=[key(1, 1)], mappings=[mapping(1, 1)]
    )
    bench.runtime.table = compiled(source)
    found = await Queries(bench.runtime).GetModel(pb.GetModelRequest(model="gpt"), CALLER)
    assert {"chat", "embed", "speak", "transcribe"} <= {*found.model.capabilities}


async def test_a_model_that_nobody_serves_is_neither_listed_nor_shown(bench: Bench) -> None:
    """What a list leaves out cannot be had by name either; an explanation says why."""
    queries = Queries(bench.runtime)
    assert "asleep" not in await listed(bench, CALLER)
    with pytest.raises(ModelNotFound, match="'asleep' does not exist"):
        await queries.GetModel(pb.GetModelRequest(model="asleep"), CALLER)
    answer = await queries.ExplainRoute(pb.ExplainRouteRequest(model="asleep"), CALLER)
    assert [r.reason for r in answer.decision.rejections] == [REJECTION_REASON_PROVIDER_DISABLED]


async def test_an_explanation_is_what_a_call_would_meet(bench: Bench) -> None:
    """With the seed it was made by, the revision, and what was left out and why."""
    open_for_all(bench.state, 1)
    request = pb.ExplainRouteRequest(model="open", seed=0)
    answer = await Queries(bench.runtime).ExplainRoute(request, CALLER)
    decision = answer.decision
    assert (decision.seed, decision.revision, decision.operation) == (0, 7, "chat")
    assert list(decision.candidates) == []
    assert [r.reason for r in decision.rejections] == [REJECTION_REASON_CIRCUIT_OPEN]


async def test_a_chains_time_is_explained_and_a_missing_one_is_not_zero(bench: Bench) -> None:
    """Unset means the default, which is no time of the chain's."""
    steps = [
        FallbackProvider(provider_id=1, priority=1, timeout=Duration(seconds=2)),
        FallbackProvider(provider_id=2, priority=2),
    ]
    chain = FallbackChain(id=1, model_alias="gpt", is_enabled=True, providers=steps)
    bench.runtime.table = compiled(snapshot([provider(1), provider(2)], chains=[chain]))
    request = pb.ExplainRouteRequest(model="gpt")
    answer = await Queries(bench.runtime).ExplainRoute(request, CALLER)
    first, second = answer.decision.candidates
    assert first.timeout.seconds == 2
    assert not second.HasField("timeout")


async def test_a_model_of_nobodys_is_not_explained(bench: Bench) -> None:
    """It does not exist."""
    with pytest.raises(ModelNotFound):
        await Queries(bench.runtime).ExplainRoute(pb.ExplainRouteRequest(model="x"), CALLER)


async def test_an_explanation_goes_by_the_alias_s_policy_and_takes_no_turn(bench: Bench) -> None:
    """So the next call goes where it said; steps with conditions come last, with these."""
    chain = FallbackChain(
        id=1,
        model_alias="gpt",
        is_enabled=True,
        strategy=BALANCING_STRATEGY_ROUND_ROBIN,
        providers=[
            FallbackProvider(provider_id=1),
            FallbackProvider(provider_id=2),
            FallbackProvider(provider_id=3, conditions=[FALLBACK_CONDITION_CONTENT_POLICY]),
        ],
    )
    bench.runtime.table = compiled(snapshot([provider(i) for i in (1, 2, 3)], chains=[chain]))
    for _ in range(3):
        request = pb.ExplainRouteRequest(model="gpt")
        decision = (await Queries(bench.runtime).ExplainRoute(request, CALLER)).decision
        assert decision.strategy == BALANCING_STRATEGY_ROUND_ROBIN
        assert [each.provider_id for each in decision.candidates] == [1, 2, 3]
    assert decision.candidates[2].conditions == [FALLBACK_CONDITION_CONTENT_POLICY]
