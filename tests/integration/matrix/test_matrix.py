"""One conversation through all sixteen types: equal in shape, and rightly charged.

A part of the conversation is asked three times: as the type's recorded case asks it, over HTTP and
typed over gRPC; and as one and the same conversation with the official SDK, where nothing but the
alias differs between types. The upstream answers what the case recorded.
"""

from collections.abc import Collection
from fractions import Fraction

import pytest
from tests.integration.matrix.parts import (
    PARTS,
    TYPES,
    Json,
    Sent,
    missing_claims,
)
from tests.integration.matrix.performance import WAYS, Performance, Scene
from tests.integration.matrix.shapes import assert_shape, said, said_in, told

from conduit.v1 import charge_pb2 as pb
from conduit_providers.catalog import load_catalog
from conduit_providers.quantities import CACHE_READS, INPUT_LEAVES, LEAVES, OUTPUT_LEAVES

pytestmark = pytest.mark.asyncio(loop_scope="module")

CATALOG = load_catalog()
DEADLINE = "cancel-after"
EVERY_PART = [(name, part) for name in TYPES for part in PARTS]


def scene_of(performance: Performance, provider_type: str, part: str) -> Scene:
    """Return a scene. Skips, with the reason, what the type does not claim."""
    missing = missing_claims(CATALOG.find(provider_type), part)
    if missing:
        pytest.skip(f"{provider_type} does not claim {', '.join(sorted(missing))}")
    return performance.scene(provider_type, part)


def finish_of(part: str) -> str:
    """Return why the model stops at the end of a part."""
    return "tool_calls" if part.endswith("tools") else "stop"


def usage_of(scene: Scene) -> Json:
    """Return the counts that the case recorded, by our names."""
    return dict(scene.usage_case.result["usage"])


async def test_the_matrix_has_the_sixteen_types_of_the_seed() -> None:
    """Each is a type of the catalog, by its own name, and can chat."""
    assert len(set(TYPES)) == 16
    for name in TYPES:
        assert CATALOG.find(name).name == name
        assert "chat" in CATALOG.find(name).endpoints


@pytest.mark.parametrize(("provider_type", "part"), EVERY_PART)
async def test_answers_have_one_shape(
    performance: Performance, provider_type: str, part: str
) -> None:
    """OpenAI's members, types and order, whatever the provider says and however it was asked."""
    scene = scene_of(performance, provider_type, part)
    for way in WAYS:
        assert_shape(scene.result(way), finish_of(part))


@pytest.mark.parametrize(("provider_type", "part"), EVERY_PART)
async def test_every_way_says_what_the_case_says(
    performance: Performance, provider_type: str, part: str
) -> None:
    """The same id, words, calls, reason and counts in JSON and in types."""
    scene = scene_of(performance, provider_type, part)
    result = scene.case.result
    if "events" in result:
        expected = said_in(result["events"])
    else:
        [choice] = result["answer"]["choices"]
        expected = told(choice["message"], choice["finish_reason"])
    name = result["events"][0]["id"] if "events" in result else result["answer"]["id"]
    units = units_of(usage_of(scene))
    for way in WAYS:
        heard = scene.result(way)
        assert said(heard) == expected, way
        # A job has an id that the case of its stream does not show.
        assert heard.name == name or scene.is_job
        for usage in (heard.usage, heard.report_usage):
            if usage is not None:
                assert usage["prompt_tokens"] == tokens_of(units, INPUT_LEAVES)
                assert usage["completion_tokens"] == tokens_of(units, OUTPUT_LEAVES)
                cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
                assert cached == tokens_of(units, CACHE_READS)


@pytest.mark.parametrize(("provider_type", "part"), EVERY_PART)
async def test_the_provider_is_asked_as_it_expects(
    performance: Performance, provider_type: str, part: str
) -> None:
    """One request, of the case's method and path, with the case's proof and the case's body."""
    scene = scene_of(performance, provider_type, part)
    expected = Sent.of(scene.case)
    for way in WAYS:
        scene.result(way)
        first, *more = scene.seen[way]
        assert (first.method, first.path) == (expected.method, expected.path)
        assert fitting(first, expected, scene) == expected.headers
        if way != "sdk" and is_verbatim(scene):
            assert first.body == expected.body, way
        assert bool(more) is scene.is_job
        assert all(each.method == "GET" for each in more)


def fitting(sent: Sent, expected: Sent, scene: Scene) -> dict[str, str]:
    """Return the headers that the case has too; a signature is checked by the upstream itself."""
    found = {name: sent.headers.get(name, "") for name in expected.headers}
    if scene.stage.upstream.signs:
        found["authorization"] = expected.headers["authorization"]
    if found.get(DEADLINE):
        # A case has no caller, and so none who waits for so long.
        found[DEADLINE] = expected.headers[DEADLINE]
    return found


def is_verbatim(scene: Scene) -> bool:
    """Whether the case's call was made as it is: no media was at hand that nobody fetches."""
    return scene.stage.upstream.inlines_media or not scene.case.fetched


@pytest.mark.parametrize(("provider_type", "part"), EVERY_PART)
async def test_each_call_is_charged_once_and_exactly(
    performance: Performance, provider_type: str, part: str
) -> None:
    """Units as the provider counted them, at the operator's price, to the right account."""
    scene = scene_of(performance, provider_type, part)
    units = units_of(usage_of(scene))
    for way in WAYS:
        scene.result(way)
        [charge] = performance.charges[scene.request_id(way)]
        assert {line.unit: line.quantity for line in charge.lines if line.quantity} == units
        assert charge.cost_nano_usd == cost_of(units, scene.stage.prices)
        assert charge.price_version.startswith("rule:")
        assert charge.usage_source == pb.USAGE_SOURCE_PROVIDER
        assert charge.is_complete
        assert (charge.provider_id, charge.provider_type) == (
            scene.stage.provider_id,
            provider_type,
        )
        assert charge.key_id == scene.stage.key_id
        assert charge.provider_account_group == f"{provider_type}-account"
        assert (charge.model_alias, charge.actual_model_name) == (scene.alias, scene.case.model)
        assert (charge.operation, charge.virtual_key_id) == ("chat", performance.virtual_key_id)


async def test_nothing_else_is_charged(performance: Performance) -> None:
    """The ledger has the calls of the matrix, and no others."""
    asked = {scene.request_id(way) for scene in performance.scenes.values() for way in WAYS}
    assert set(performance.charges) <= asked
    assert len(asked) > 150


def units_of(counts: Json) -> dict[int, int]:
    """Return what is charged for the leaves that a case names."""
    units = {leaf.name: leaf.unit for leaf in LEAVES.values()}
    return {units[name]: count for name, count in counts.items() if name in units}


def tokens_of(units: dict[int, int], leaves: Collection[int]) -> int:
    """Count the tokens of some leaves."""
    return sum(count for unit, count in units.items() if unit in leaves)


def cost_of(units: dict[int, int], prices: tuple[int, int, int]) -> int:
    """Return nano-dollars, added exactly and rounded once, half up."""
    read, written, cached = prices
    of_unit = {
        **dict.fromkeys(INPUT_LEAVES, read),
        **dict.fromkeys(OUTPUT_LEAVES, written),
        **dict.fromkeys(CACHE_READS, cached),
    }
    exact = sum(Fraction(count * of_unit[unit], 1000) for unit, count in units.items())
    return int(exact + Fraction(1, 2))
