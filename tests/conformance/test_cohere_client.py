"""The official Cohere SDK as a client of rerankings: another `base_url`, and nothing else."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from cohere import AsyncClientV2
from cohere.core.api_error import ApiError
from tests.support.sdk_oracle import Upstream, upstream
from tests.support.suite import Suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENTS = ["Carson City", "Saipan", "Washington", "death"]
# Dollars for a search: those that Cohere asks for 1,000 of them are 2.
PRICE = 0.002


@pytest.fixture(scope="module")
def provider() -> Iterator[Upstream]:
    """Run a provider that counts three search units."""
    with upstream("Cohere/rerank/several_units") as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ranker(suite: Suite, provider: Upstream) -> int:
    """Add the provider under the alias `ranker`; return its id."""
    made = await suite.call(
        "POST",
        "/api/providers",
        {"name": "Cohere", "providerType": "Cohere", "baseUrl": provider.address},
    )
    number = int(made["id"])
    await suite.call("POST", f"/api/providers/{number}/keys", {"apiKey": "any"})
    mapping = {"modelAlias": "ranker", "providerId": number, "actualModelName": "rerank-v3.5"}
    await suite.call("POST", "/api/model-provider-mappings", mapping)
    await suite.settled()
    return number


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[AsyncClientV2]:
    """Return the SDK's client, pointed at the bridge."""
    async with httpx.AsyncClient(timeout=20) as http:
        yield AsyncClientV2(api_key=suite.virtual_key, base_url=suite.url, httpx_client=http)


async def test_documents_are_put_in_order(
    client: AsyncClientV2, ranker: int, provider: Upstream
) -> None:
    """The SDK reads Conduit's answer as Cohere's, and Cohere gets what the SDK sent."""
    assert ranker
    answer = await client.rerank(model="ranker", query="capital?", documents=DOCUMENTS, top_n=4)
    assert [result.index for result in answer.results] == [2, 0, 1, 3]
    assert answer.meta
    assert answer.meta.billed_units
    assert answer.meta.billed_units.search_units == 3  # as the case has it
    sent = {"model": "rerank-v3.5", "query": "capital?", "documents": DOCUMENTS, "top_n": 4}
    assert (provider.received[-1].path, provider.received[-1].body) == ("/v2/rerank", sent)


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
async def test_search_units_cost_what_the_operator_says(
    suite: Suite, ranker: int, path: str
) -> None:
    """At both paths: three units at the price of a unit, told with the answer."""
    rule = {
        "providerId": ranker,
        "modelPattern": "rerank-*",
        "costCalculationType": "PerSearchUnit",
        "costPerUnit": PRICE,
    }
    made = await suite.call("POST", "/api/model-costs", rule)
    assert made["costCalculationType"] == "PerSearchUnit"
    asked = {"model": "ranker", "query": "capital?", "documents": DOCUMENTS}

    async def is_priced() -> bool:
        async with suite.caller() as caller:
            answer = await caller.post(path, json=asked)
        assert answer.status_code == httpx.codes.OK
        cost = answer.headers.get("x-conduit-cost")
        return cost is not None and float(cost) == pytest.approx(3 * PRICE)

    await eventually(is_priced)
    await suite.call("DELETE", f"/api/model-costs/{made['id']}")


async def test_refusals_are_the_sdks_errors(client: AsyncClientV2, ranker: int) -> None:
    """What Conduit refuses reaches the caller with its status and its words."""
    assert ranker
    with pytest.raises(ApiError) as unknown:
        await client.rerank(model="no-such-model", query="q", documents=DOCUMENTS)
    assert unknown.value.status_code == httpx.codes.NOT_FOUND
    with pytest.raises(ApiError) as empty:
        await client.rerank(model="ranker", query="q", documents=[])
    assert empty.value.status_code == httpx.codes.BAD_REQUEST
    assert "documents must not be empty" in str(empty.value.body)
