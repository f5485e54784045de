"""Tokens written to a provider's cache are charged by how long they stay there."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from operator import mul
from pathlib import Path

import httpx
from tests.integration.matrix.parts import local_base_path
from tests.integration.matrix.upstreams import Upstream, script_of, serving
from tests.support.billing import METADATA, BillingStub
from tests.support.suite import Suite, running_suite
from tests.support.waiting import eventually
from tests.support.wire_cases import WireCase, case_named

from conduit.v1 import charge_pb2 as pb
from conduit.v1.billing_requests_pb2 import ListChargesRequest
from conduit_kernel.rpc import connect

UNITS = (
    pb.UNIT_INPUT_TOKEN,
    pb.UNIT_CACHED_INPUT_TOKEN,
    pb.UNIT_CACHE_WRITE_TOKEN,
    pb.UNIT_CACHE_WRITE_1H_TOKEN,
    pb.UNIT_OUTPUT_TOKEN,
)
# Nano-dollars of one of each, by the shipped catalog.
OPUS = (5000, 500, 6250, 10000, 25000)
SONNET = (3300, 330, 4125, 6600, 16500)
# The type, the case, how many of each unit it counts, and their prices, None if unknown.
CALLS: list[tuple[str, str, tuple[int, ...], tuple[int, ...] | None]] = [
    # Served at the priority tier, whose price the shipped catalog does not know.
    ("Anthropic", "prompt_cache", (50, 100_000, 148, 100, 503), None),
    ("Anthropic", "stream_prompt_cache", (25, 5, 148, 100, 15), OPUS),
    ("Bedrock", "prompt_cache", (10, 1500, 400, 600, 5), SONNET),
    ("Bedrock", "stream_prompt_cache", (10, 1500, 400, 600, 5), SONNET),
    ("VertexAI", "claude_prompt_cache", (50, 1000, 148, 100, 9), OPUS),
]


@dataclass(frozen=True, slots=True)
class Scene:
    """A case, behind an alias of its own, and the provider that answers it."""

    alias: str
    case: WireCase
    upstream: Upstream

    async def ask(self, client: httpx.AsyncClient, request_id: str) -> httpx.Response:
        """Ask what the case asks, and be answered what it received."""
        self.upstream.play(script_of(self.case, None))
        answer = await client.post(
            "/v1/chat/completions",
            json={**self.case.request, "model": self.alias},
            headers={"x-request-id": request_id},
        )
        assert answer.status_code == 200, answer.text
        return answer


async def set_up(suite: Suite, stack: AsyncExitStack, provider_type: str, name: str) -> Scene:
    """Add an instance with a key and a mapping, for one case."""
    case = case_named(f"{provider_type}/chat/{name}")
    spec = suite.catalog.find(provider_type)
    upstream = await stack.enter_async_context(serving(spec))
    alias = f"{provider_type}-{name}"
    made = await suite.call(
        "POST",
        "/api/providers",
        {
            "name": alias,
            "providerType": provider_type,
            "baseUrl": upstream.origin + local_base_path(suite.catalog, spec),
            "settings": case.settings,
        },
    )
    await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": upstream.key})
    mapping = {"modelAlias": alias, "providerId": made["id"], "actualModelName": case.model}
    await suite.call("POST", "/api/model-provider-mappings", mapping)
    return Scene(alias, case, upstream)


async def charges_of(suite: Suite) -> dict[str, pb.Charge]:
    """Return the last charge of each request."""
    await suite.deliver_charges()
    channel = connect(f"127.0.0.1:{suite.ports()['billing']}")
    try:
        request = ListChargesRequest(page_size=1000)
        page = await BillingStub(channel).ListCharges(request, metadata=METADATA, timeout=20)
    finally:
        await channel.close()
    return {charge.request_id: charge for charge in page.charges}


async def test_each_kind_of_cache_write_is_charged_at_its_own_price(tmp_path: Path) -> None:
    """Five minutes and an hour, whole and streamed, to the nano-dollar; reports count both."""
    async with running_suite(tmp_path) as suite, AsyncExitStack() as stack:
        scenes = [await set_up(suite, stack, *call[:2]) for call in CALLS]
        await suite.settled()
        async with suite.caller() as client:

            async def is_priced() -> bool:
                # The prices of all mapped models come together, so with those of the last.
                return "x-conduit-cost" in (await scenes[-1].ask(client, "early")).headers

            await eventually(is_priced)
            for scene in scenes:
                await scene.ask(client, scene.alias)
        charges = await charges_of(suite)
        report = await suite.call("GET", "/api/usage/costs", params={"groupBy": "model"})
    groups = {group["modelAlias"]: group for group in report["costBreakdown"]}
    for scene, (_, _, counts, prices) in zip(scenes, CALLS, strict=True):
        charge, group = charges[scene.alias], groups[scene.alias]
        counted = {line.unit: line.quantity for line in charge.lines}
        assert counted == dict(zip(UNITS, counts, strict=True))
        if prices is None:
            assert not charge.HasField("cost_nano_usd")
        else:
            assert charge.cost_nano_usd == sum(map(mul, counts, prices))
        assert group["inputTokens"] == sum(counts[:-1]) * group["requests"]
