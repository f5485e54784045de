"""Places and scores of documents."""

from typing import Any

import orjson
import pytest

from conduit.v1.rerank_pb2 import Ranking
from conduit_kernel.errors import UnsupportedCapability, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.rankings import (
    Place,
    RankedPlace,
    as_object,
    checked,
    documents_of,
    places_of,
    ranking_answer,
    texts_of,
)
from conduit_providers.operations.rerank import RerankCall, reranking_request

DOCUMENTS: list[Any] = ["a", "b", {"text": "c"}]


def call(documents: list[Any] = DOCUMENTS, **members: object) -> RerankCall:
    """Return a call."""
    raw = orjson.dumps({"model": "m", "query": "q", "documents": documents, **members})
    return Call(reranking_request(json=raw), alias="m", model="m", provider="P")


def test_places_come_in_order_of_their_scores() -> None:
    """Equal ones as they came; as many as were asked for."""
    places = places_of([RankedPlace(0, 0.1), RankedPlace(2, 0.9), RankedPlace(1, 0.1)])
    assert [place.document for place in checked(places, call())] == [2, 0, 1]
    assert [place.document for place in checked(places, call(top_n=1))] == [2]
    assert [place.document for place in checked(places, call(top_n=9))] == [2, 0, 1]
    assert len(checked([Place(1, 0.5)], call(top_n=1))) == 1


@pytest.mark.parametrize(
    "numbers", [[], [0, 1], [0, 1, 1], [0, 1, 3], [0, 1, -1], [0, 1, 2, 2], [0, 1, 2, 3]]
)
def test_places_that_are_not_right_make_no_sense(numbers: list[int]) -> None:
    """Too few, twice the same, or of no document: an order of that would be a guess."""
    with pytest.raises(UpstreamError, match="one place for each document") as raised:
        checked([Place(number, 0.5) for number in numbers], call())
    assert raised.value.metadata["kind"] == "malformed"


def test_documents_are_the_callers_own() -> None:
    """Sent back where that is asked for, whatever the provider makes of them."""
    places = [Place(number, 1 - number / 10) for number in range(3)]
    told = orjson.loads(ranking_answer(places, call(return_documents=True), None, Ranking()).json)
    assert [each["document"]["text"] for each in told["results"]] == ["a", "b", "c"]
    told = orjson.loads(ranking_answer(places, call(), None, Ranking(id="x")).json)
    assert told["id"] == "x"
    assert all("document" not in each for each in told["results"])


def test_texts_and_objects_with_a_text_alone_are_texts() -> None:
    """Others are for those who compare members."""
    assert texts_of(call(), "P") == ["a", "b", "c"]
    assert as_object(call().typed.documents[0]).text == "a"
    for document in ({"text": "c", "title": "t"}, {"title": "t"}, {"title": 7}, {}):
        with pytest.raises(UnsupportedCapability, match="P ranks texts"):
            texts_of(call([document]), "P")


def test_only_the_members_that_are_to_be_compared_are_taken() -> None:
    """All of them, where none is named."""
    document = {"text": "c", "title": "t", "n": 1}
    assert documents_of(call([document])) == [document]
    assert documents_of(call([document], rank_fields=["title", "x"])) == [{"title": "t"}]
    assert texts_of(call([document], rank_fields=["text"]), "P") == ["c"]
