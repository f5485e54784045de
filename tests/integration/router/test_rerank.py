"""Rerankings through a router: both forms, failover between dialects, and what is charged."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.support.snapshots import ALIAS, key, mapping, provider, snapshot
from tests.support.wire_cases import case_named

from conduit.v1 import charge_pb2
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.rerank_pb2 import RerankingRequest
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_kernel.http import Exchange, HttpServer

JSON = [(b"content-type", b"application/json")]
DOCUMENTS = ["Carson City", "Saipan", "Washington", "death"]
STRUCTURED = [{"title": str(number), "text": text} for number, text in enumerate(DOCUMENTS)]


class Upstream:
    """Answers as the providers of the wire cases did, by path."""

    def __init__(self) -> None:
        self.address = ""
        self.seen: list[tuple[str, Any]] = []
        # Statuses other than 200, by path, for good.
        self.refusals: dict[str, int] = {}
        # By path: Cohere's, and the one of vLLM and Text Embeddings Inference.
        self.cases = {"/v2/rerank": "Cohere/rerank/plain", "/v1/rerank": "Together/rerank/plain"}

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        self.seen.append((exchange.path, orjson.loads(exchange.body)))
        status = self.refusals.get(exchange.path, 200)
        answer = case_named(self.cases[exchange.path]).received.body
        refused = b'{"message":"as asked for by the test"}'
        exchange.respond(status, JSON, answer if status == 200 else refused)  # of HTTP

    @property
    def paths(self) -> list[str]:
        """Where it was asked."""
        return [path for path, _ in self.seen]


@pytest.fixture
async def rankers() -> AsyncIterator[Upstream]:
    """Run the providers."""
    upstream = Upstream()
    server = HttpServer(upstream)
    await server.start("127.0.0.1", 0)
    upstream.address = f"http://127.0.0.1:{server.port}"
    yield upstream
    await server.drain(0.1)


async def run(bench: Runner, rankers: Upstream, *types: str) -> Bench:
    """Run a router with an instance of each type, in order of priority."""
    endings = {"Cohere": "", "Together": "/v1", "OpenAI": "/v1"}
    instances = [
        provider(number, rankers.address + endings[kind], provider_type=kind, priority=number)
        for number, kind in enumerate(types, 1)
    ]
    return await bench(
        snapshot(
            instances,
            keys=[key(each.id, each.id) for each in instances],
            mappings=[mapping(each.id, each.id, priority=each.id) for each in instances],
        )
    )


async def rerank(
    router: Bench, documents: Sequence[object] = DOCUMENTS, **members: object
) -> pb.RerankResponse:
    """Ask for an order, in JSON."""
    asked = {"model": ALIAS, "query": "capital?", "documents": documents, **members}
    response: pb.RerankResponse = await router.stub.Rerank(
        pb.RerankRequest(json=orjson.dumps(asked)), METADATA
    )
    return response


def order(response: pb.RerankResponse) -> list[int]:
    """Return the documents' numbers in the order of an answer."""
    return [result["index"] for result in orjson.loads(response.json)["results"]]


async def test_json_is_answered_in_json(bench: Runner, rankers: Upstream) -> None:
    """The provider's own answer, with its id and its units; the provider is asked for its model."""
    router = await run(bench, rankers, "Cohere")
    response = await rerank(router)
    assert order(response) == [2, 0, 1, 3]
    assert orjson.loads(response.json)["meta"]["billed_units"] == {"search_units": 1}
    assert response.report.actual_model_name == "model-1"
    asked = {"model": "model-1", "query": "capital?", "documents": DOCUMENTS}
    assert rankers.seen == [("/v2/rerank", asked)]


async def test_typed_is_answered_typed(bench: Runner, rankers: Upstream) -> None:
    """Messages go in and come out, with the documents that were asked for."""
    router = await run(bench, rankers, "Cohere")
    asked = RerankingRequest(model=ALIAS, query="capital?", return_documents=True)
    for text in DOCUMENTS:
        asked.documents.add(text=text)
    response = await router.stub.Rerank(pb.RerankRequest(reranking=asked), METADATA)
    assert response.WhichOneof("form") == "ranking"
    results = response.ranking.results
    assert [result.index for result in results] == [2, 0, 1, 3]
    assert [result.document.text for result in results[:2]] == ["Washington", "Carson City"]
    assert response.ranking.meta.billed_units.search_units == 1


async def test_search_units_are_charged(bench: Runner, rankers: Upstream) -> None:
    """One line of one search, by the provider's word; without a price the cost is unknown."""
    router = await run(bench, rankers, "Cohere")
    response = await rerank(router)
    assert not response.report.HasField("cost_nano_usd")
    (charge,) = router.charges()
    assert (charge.operation, charge.usage_source) == ("rerank", charge_pb2.USAGE_SOURCE_PROVIDER)
    assert [(line.unit, line.quantity) for line in charge.lines] == [
        (charge_pb2.UNIT_SEARCH_UNIT, 1)
    ]


async def test_what_a_provider_does_not_count_is_charged_in_its_unit(
    bench: Runner, rankers: Upstream
) -> None:
    """Cohere bills searches, so that is what is estimated; Together bills tokens."""
    rankers.cases = {
        "/v2/rerank": "Cohere/rerank/no_meta",
        "/v1/rerank": "Together/rerank/no_usage",
    }
    router = await run(bench, rankers, "Cohere", "Together")
    await rerank(router)
    rankers.refusals["/v2/rerank"] = 401
    await rerank(router, top_n=2)
    first, second = router.charges()
    assert first.usage_source == second.usage_source == charge_pb2.USAGE_SOURCE_ESTIMATE
    assert [line.unit for line in first.lines] == [charge_pb2.UNIT_SEARCH_UNIT]
    assert [line.unit for line in second.lines] == [charge_pb2.UNIT_INPUT_TOKEN]


@pytest.mark.parametrize("status", [401, 404, 429])
async def test_another_dialect_takes_over(bench: Runner, rankers: Upstream, status: int) -> None:
    """What the first provider cannot do the second does, in its own words and units."""
    router = await run(bench, rankers, "Cohere", "Together")
    rankers.refusals["/v2/rerank"] = status
    response = await rerank(router, top_n=2, priority=1)
    assert rankers.paths == ["/v2/rerank", "/v1/rerank"]
    assert order(response) == [2, 0]
    assert (response.report.attempts, response.report.fallbacks) == (2, 1)
    assert list(response.report.dropped) == ["priority"]
    (charge,) = router.charges()
    assert [line.unit for line in charge.lines] == [charge_pb2.UNIT_INPUT_TOKEN]


async def test_objects_go_to_who_reads_them(bench: Runner, rankers: Upstream) -> None:
    """Cohere reads texts alone, so it is not even asked."""
    router = await run(bench, rankers, "Cohere", "Together")
    response = await rerank(router, STRUCTURED, top_n=2, rank_fields=["title", "text"])
    assert rankers.paths == ["/v1/rerank"]
    assert rankers.seen[0][1]["documents"] == STRUCTURED
    assert (response.report.attempts, response.report.fallbacks) == (1, 0)


async def test_objects_that_nobody_reads_are_refused(bench: Runner, rankers: Upstream) -> None:
    """With the capability that is missing, and before anything is sent."""
    router = await run(bench, rankers, "Cohere")
    with pytest.raises(UnsupportedCapability) as raised:
        await rerank(router, STRUCTURED)
    assert "structured_documents" in raised.value.message
    assert rankers.seen == []


async def test_types_that_do_not_rerank_are_passed_over(bench: Runner, rankers: Upstream) -> None:
    """An alias may be of both kinds; only who reranks is asked."""
    router = await run(bench, rankers, "OpenAI", "Cohere")
    await rerank(router)
    assert rankers.paths == ["/v2/rerank"]
    lacking = await run(bench, rankers, "OpenAI")
    with pytest.raises(InvalidRequest):
        await rerank(lacking)


async def test_models_say_that_they_rerank(bench: Runner, rankers: Upstream) -> None:
    """In the list of aliases, where chats and embeddings are told, too."""
    router = await run(bench, rankers, "Cohere")
    listed = await router.stub.ListModels(pb.ListModelsRequest(), METADATA)
    assert "rerank" in listed.data[0].capabilities
