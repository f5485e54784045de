"""The voices that callers can speak with, of providers that need not be asked."""

from pathlib import Path

import pytest
from tests.support.call_bench import CALLER, Bench
from tests.support.snapshots import compiled, key, mapping, provider, snapshot

from conduit.v1.voice_requests_pb2 import ListVoicesRequest
from conduit_kernel.errors import InvalidRequest, ModelNotAllowed, TooManyCalls
from conduit_router.context import CallerContext
from conduit_router.routing.table import Caller
from conduit_router.virtual_keys import CallsUnderWay
from conduit_router.voices.listing import MAX_LIMIT, Voices

SOURCE = snapshot(
    [provider(1), provider(2, provider_type="Groq"), provider(3, provider_type="Anthropic")],
    keys=[key(number, number) for number in (1, 2, 3)],
    mappings=[
        mapping(1, 1, model_alias="tell", actual_model_name="tts-1"),
        mapping(2, 2, model_alias="sing", actual_model_name="canopylabs/orpheus-v1-english"),
        mapping(3, 3, model_alias="write", actual_model_name="claude-haiku-4-5"),
        mapping(4, 1, model_alias="think", actual_model_name="gpt-4o"),
    ],
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a runtime with two aliases that speak, and two that do not."""
    made = Bench(tmp_path)
    made.runtime.table = compiled(SOURCE)
    return made


async def listed(bench: Bench, caller: CallerContext = CALLER, **wish: str | int) -> list[str]:
    """Return the ids of a page."""
    request = ListVoicesRequest(**wish)  # type: ignore[arg-type] # by name
    answer = await Voices(bench.runtime).ListVoices(request, caller)
    return [voice.id for voice in answer.data]


async def test_voices_are_those_of_the_models_that_a_key_may_use(bench: Bench) -> None:
    """By model where one is named, in order of their ids, page by page."""
    everything = await listed(bench)
    assert everything == sorted(everything)
    told, sung = await listed(bench, model="tell"), await listed(bench, model="sing")
    assert set(everything) == {*told, *sung}
    assert "alloy" in told
    assert await listed(bench, model="think") == []
    assert "alloy" not in sung
    assert [*await listed(bench, limit=2), *await listed(bench, after=everything[1])] == everything
    singer = CallerContext(Caller(1, True, 1e18, ("sing",)), "req_1", "")  # noqa: FBT003 # as the struct has it
    assert await listed(bench, singer) == sung
    with pytest.raises(ModelNotAllowed):
        await listed(bench, singer, model="tell")


async def test_a_key_with_as_many_calls_as_it_may_have_is_told_so(bench: Bench) -> None:
    """The place that a list takes is given back, whatever became of it."""
    bench.runtime.under_way = CallsUnderWay(1)
    await listed(bench)
    with pytest.raises(InvalidRequest):
        await listed(bench, limit=MAX_LIMIT + 1)
    assert bench.runtime.under_way.count == 0
    with bench.runtime.under_way.one_of(CALLER.caller.virtual_key_id), pytest.raises(TooManyCalls):
        await listed(bench)
