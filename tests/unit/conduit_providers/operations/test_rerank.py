"""What a reranking requires, how one that is none is refused, and what is counted for it."""

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.codecs import codec_named
from conduit_providers.operation import Requirements
from conduit_providers.operations.rerank import OPERATION, SEARCH_UNIT, reranking_request
from conduit_providers.quantities import INPUT

BASE: dict[str, object] = {"model": "m", "query": "q", "documents": ["a", "b"]}


def requirements(**members: object) -> Requirements:
    """Read a reranking."""
    return OPERATION.requirements(orjson.dumps(BASE | members), stream=False)


def test_texts_require_nothing_special() -> None:
    """A text is a text, also as the only member of an object."""
    for documents in (["a"], [{"text": "a"}, "b"]):
        found = requirements(documents=documents)
        assert (found.model, found.operation) == ("m", "rerank")
        assert not found.capabilities


def test_objects_require_a_provider_that_reads_them() -> None:
    """Unless the members to compare are the text alone."""
    documents = [{"title": "A", "text": "a"}]
    assert requirements(documents=documents).capabilities == {"structured_documents"}
    assert not requirements(documents=documents, rank_fields=["text"]).capabilities


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"documents": []}, "documents"),
        ({"documents": [1]}, "documents[0]"),
        ({"documents": "a"}, "documents"),
        ({"query": None}, "query"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": "2"}, "top_n"),
    ],
)
def test_what_is_no_reranking_is_refused_with_its_field(
    members: dict[str, object], field: str
) -> None:
    """No provider is asked for it."""
    with pytest.raises(InvalidRequest) as raised:
        requirements(**members)
    assert raised.value.metadata["field"] == field


def test_what_is_no_json_is_refused() -> None:
    """It is not taken for a request of some other form."""
    with pytest.raises(MalformedJson):
        OPERATION.requirements(b"{", stream=False)


@pytest.mark.parametrize(
    ("codec", "documents", "searches"),
    [
        ("cohere_rerank", ["a"] * 100, 1),
        ("cohere_rerank", ["a"] * 101, 2),
        # 501 tokens with the query's, so each is two.
        ("cohere_rerank", ["a" * 2001] * 60, 2),
        ("bedrock_rerank", ["a" * 2001] * 60, 1),
        ("bedrock_rerank", ["a" * 2049] * 60, 2),
    ],
)
def test_searches_are_estimated_by_documents_and_their_length(
    codec: str, documents: list[str], searches: int
) -> None:
    """A search is of up to 100 documents; those longer than a chunk count as several."""
    form = reranking_request(json=orjson.dumps(BASE | {"documents": documents}))
    usage = OPERATION.estimate(form, None, 0, codec_named(codec), None)
    assert usage.leaves == ((SEARCH_UNIT, searches),)


@pytest.mark.parametrize("codec", ["openai_rerank", "huggingface_rerank"])
def test_tokens_are_estimated_with_the_query_once_for_each_document(codec: str) -> None:
    """Models read pairs of a query and a document; four characters are a token."""
    members = {"query": "q" * 8, "documents": ["a" * 12, {"text": "b" * 4}]}
    form = reranking_request(json=orjson.dumps(BASE | members))
    estimated = OPERATION.estimate(form, None, 0, codec_named(codec), None)
    assert estimated.leaves[0][0] == INPUT
    assert estimated.count(INPUT) >= 5 + 3
    texts = reranking_request(json=orjson.dumps(BASE | members | {"documents": ["a" * 12]}))
    assert OPERATION.estimate(texts, None, 0, codec_named(codec), None).leaves == ((INPUT, 5),)


@pytest.mark.parametrize(
    ("documents", "searches"), [(["a"], 1), (["a"] * 101, 2), (["a" * 50_000], 2)]
)
def test_the_worst_case_covers_both_ways_of_billing(documents: list[str], searches: int) -> None:
    """Whichever unit has a price, no reservation is too small."""
    form = reranking_request(json=orjson.dumps(BASE | {"documents": documents}))
    worst = OPERATION.worst_case(form, requirements())
    assert worst.is_bounded
    assert worst.usage.count(INPUT) == len(form.json) + len(documents)
    assert worst.usage.count(SEARCH_UNIT) == searches
    for codec in ("cohere_rerank", "openai_rerank"):
        for unit, count in OPERATION.estimate(form, None, 0, codec_named(codec), None).leaves:
            assert count <= worst.usage.count(unit)


def test_what_no_provider_will_be_asked_is_still_bounded() -> None:
    """A request that does not fit the contract is refused later, with its field."""
    form = reranking_request(json=orjson.dumps(BASE | {"max_tokens_per_doc": "many"}))
    assert OPERATION.worst_case(form, requirements()).usage.count(INPUT) == len(form.json)
