"""Cohere's JSON of rerankings is read as the contract's typed form, and written back as it was."""

import orjson
import pytest

from conduit.v1.json_runtime import JsonError
from conduit.v1.rerank_json import (
    ranking_from_json,
    ranking_to_json,
    reranking_request_from_json,
    reranking_request_to_json,
)

REQUEST = {
    "model": "rerank-v3.5",
    "query": "capital?",
    "documents": ["Carson City", {"text": "Saipan", "id": 7}, {"title": "Washington"}],
    "top_n": 2,
    "max_tokens_per_doc": 512,
    "priority": 0,
    "return_documents": False,
    "rank_fields": ["title", "text"],
    "relevant_spans": {"mode": "enabled"},
}
RANKING = {
    "id": "1",
    "results": [
        {"index": 2, "relevance_score": 0.99, "relevant_spans": [{"start": 0, "end": 3}]},
        {"index": 0, "relevance_score": 0.0, "document": {"text": "Carson City", "id": 7}},
    ],
    "meta": {
        "billed_units": {"search_units": 1.0, "images": 2},
        "tokens": {"input_tokens": 3.0},
        "api_version": {"version": "2"},
    },
    "warnings": [],
}


def test_requests_are_written_as_they_were_read() -> None:
    """Texts and objects stay what they are, zeros are kept, and unknown members ride along."""
    again = reranking_request_to_json(reranking_request_from_json(REQUEST))
    assert orjson.loads(orjson.dumps(again)) == REQUEST


def test_rankings_are_written_as_they_were_read() -> None:
    """With the spans, the units and whatever else the provider said."""
    assert orjson.loads(orjson.dumps(ranking_to_json(ranking_from_json(RANKING)))) == RANKING


@pytest.mark.parametrize(
    ("documents", "received"),
    [
        ([["a"]], "documents[0] must be a string or an object, not a list"),
        (["a", {"text": 1}], "documents[1].text must be a string, not a number"),
        ("a", "documents must be a list, not a string"),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(documents: object, received: str) -> None:
    """The caller learns which of the documents is wrong."""
    with pytest.raises(JsonError) as caught:
        reranking_request_from_json({"documents": documents})
    assert str(caught.value) == received
