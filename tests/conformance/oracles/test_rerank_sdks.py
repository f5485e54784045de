"""The official SDKs as oracles of rerankings: what they send we send, what they read we read."""

from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import orjson
import pytest
from botocore.config import Config
from cohere import AsyncClientV2
from tests.support.sdk_oracle import Sent, Upstream, given, upstream, we_send
from tests.support.wire_cases import SECRET, case_named
from tests.support.wire_server import sent_of, serving

Json = dict[str, Any]
# By wire case, what a user of Cohere's SDK writes for the same.
COHERE: dict[str, Json] = {
    "plain": {},
    "top_n": {"top_n": 2, "max_tokens_per_doc": 512, "priority": 1},
    "relevant_spans": {"top_n": 1, "relevant_spans": {"mode": "enabled"}},
}


def request_of(case: str) -> Json:
    """Return what a caller of Conduit asks in a case."""
    found = case_named(case)
    return {**found.request, "model": found.model}


@pytest.mark.parametrize("name", COHERE)
async def test_cohere_is_asked_and_read_as_its_sdk_does(name: str) -> None:
    """Query, documents, limits and places are the SDK's for the same call."""
    case = f"Cohere/rerank/{name}"
    asked = request_of(case)
    async with serving(case) as (received, address), httpx.AsyncClient(timeout=20) as http:
        answer = await AsyncClientV2(api_key=SECRET, base_url=address, httpx_client=http).rerank(
            model=asked["model"],
            query=asked["query"],
            documents=asked["documents"],
            **COHERE[name],
        )
    assert received == [sent_of(case)]
    ours = case_named(case).result
    assert [(r.index, r.relevance_score) for r in answer.results] == places(ours["answer"])
    assert answer.meta
    assert answer.meta.billed_units
    assert answer.meta.billed_units.search_units == ours["usage"]["search_units"]


def places(answer: Json) -> list[tuple[int, float]]:
    """Return the numbers and the scores of an answer."""
    return [(result["index"], result["relevance_score"]) for result in answer["results"]]


def text_source(text: str) -> Json:
    """Return a text as Bedrock's SDK has it."""
    return inline({"type": "TEXT", "textDocument": {"text": text}})


def json_source(title: str, text: str) -> Json:
    """Return a document of the case `structured`, less the member that is not compared."""
    return inline({"type": "JSON", "jsonDocument": {"title": title, "text": text}})


def inline(document: Json) -> Json:
    """Return a document as a source."""
    return {"type": "INLINE", "inlineDocumentSource": document}


def boto_call(name: str) -> Json:
    """Return what a user of boto3 writes for a wire case."""
    asked = request_of(f"Bedrock/rerank/{name}")
    sources = [
        text_source(each) if isinstance(each, str) else json_source(each["title"], each["text"])
        for each in asked["documents"]
    ]
    configuration: Json = {
        "modelConfiguration": {
            "modelArn": f"arn:aws:bedrock:us-west-2::foundation-model/{asked['model']}"
        },
        "numberOfResults": asked.get("top_n", len(sources)),
    }
    if name == "cohere_parameters":
        limit = {"max_tokens_per_doc": asked["max_tokens_per_doc"]}
        configuration["modelConfiguration"]["additionalModelRequestFields"] = limit
    return {
        "queries": [{"type": "TEXT", "textQuery": {"text": asked["query"]}}],
        "sources": sources,
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": configuration,
        },
    }


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Upstream]:
    """Answer as a wire case of Bedrock's was answered."""
    with upstream(f"Bedrock/rerank/{request.param}") as started:
        yield started


@pytest.mark.parametrize(
    ("server", "name"),
    [(name, name) for name in ("plain", "amazon", "cohere_parameters", "structured")],
    indirect=["server"],
)
def test_bedrock_is_asked_and_read_as_its_sdk_does(server: Upstream, name: str) -> None:
    """The same path and body, which the service's own model accepts, and the same places."""
    client: Any = boto3.client(
        "bedrock-agent-runtime",
        region_name="us-west-2",
        endpoint_url=server.address,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="secret-of-the-test",  # of nobody
        config=Config(retries={"total_max_attempts": 1}),
    )
    answer = client.rerank(**boto_call(name))
    client.close()
    (theirs,) = server.received
    sent = case_named(f"Bedrock/rerank/{name}").sent
    assert (sent.method, sent.path) == (theirs.method, theirs.path)
    assert orjson.loads(sent.body) == theirs.body
    found = [(each["index"], each["relevanceScore"]) for each in answer["results"]]
    assert found == places(given(f"Bedrock/rerank/{name}")["answer"])


def test_vllm_is_asked_as_cohere_is() -> None:
    """The server says of itself that it reads what Cohere's SDK sends."""
    documents = ["a", "b"]
    asked = {"model": "m", "query": "q", "documents": documents, "top_n": 1}
    ours = we_send("vLLM", "rerank", asked, prefix="/v1")
    assert ours == Sent("POST", "/v1/rerank", ours.headers, asked)
