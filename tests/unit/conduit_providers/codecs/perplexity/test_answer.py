"""What Perplexity answers, read piece by piece."""

import pytest

from conduit.v1.chat_pb2 import FINISH_REASON_LENGTH, FINISH_REASON_STOP
from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.perplexity.answer import (
    Annotation,
    Counts,
    Details,
    Incomplete,
    Invocations,
    Item,
    Part,
    Reply,
    annotations,
    calls_in,
    failure,
    finish_of,
    signature_member,
    sources,
    text_of,
)
from conduit_providers.quantities import CACHED_INPUT, INPUT, OUTPUT, WEB_SEARCH


def test_what_the_cache_had_is_among_what_was_read() -> None:
    """Searches are counted by the tool that makes them; tools without a price are not."""
    used = {"search_web": Invocations(2), "fetch_url": Invocations(3), "web_search": Invocations()}
    counts = Counts(20, 5, Details(0, 8), used, {"total_cost": 0.1})
    found = counts.quantities()
    assert [found.count(unit) for unit in (INPUT, CACHED_INPUT, OUTPUT, WEB_SEARCH)] == [
        12,
        8,
        5,
        2,
    ]
    usage = counts.usage()
    assert (usage.prompt_tokens, usage.total_tokens) == (20, 25)
    assert b'"total_cost":0.1' in usage.unknown_json
    assert not Counts(1, 1).usage().unknown_json


def test_counts_that_cannot_be_are_marked() -> None:
    """More from the cache than was read at all."""
    assert not Counts(2, 1, Details(0, 8)).quantities().is_consistent


@pytest.mark.parametrize("status", ["failed", "cancelled", "in_progress", "queued", None, "odd"])
def test_what_has_not_ended_well_is_an_error(status: str | None) -> None:
    """An answer that runs on in the background is none."""
    with pytest.raises(UpstreamError):
        finish_of(Reply(status=status), "Lumen")


def test_why_an_answer_ended() -> None:
    """Calls that wait for the caller end it as they do elsewhere."""
    assert finish_of(Reply(status="requires_action"), "Lumen").reason == FINISH_REASON_STOP
    cut = Reply(status="incomplete", incomplete_details=Incomplete("max_output_tokens"))
    assert finish_of(cut, "Lumen").reason == FINISH_REASON_LENGTH
    assert "failed" in str(failure(None, "Lumen"))
    with pytest.raises(UpstreamError, match="overloaded"):
        finish_of(Reply(status="completed", error={"message": "overloaded"}), "Lumen")


def test_places_of_citations_are_those_of_the_whole_text() -> None:
    """What was said may come in several items; files and results have contents of their own."""
    cited = Annotation(0, 2, None, "https://a")
    items = [
        Item("message", [Part("Hello ")]),
        Item("sandbox_read_file", "no words of the answer"),
        Item("message", [Part("you", [cited]), Part(None)]),
    ]
    assert text_of(items) == "Hello you"
    (found,) = annotations(items)
    assert (found["url_citation"]["start_index"], found["url_citation"]["end_index"]) == (6, 8)
    assert not calls_in(items)
    assert not annotations([])


def test_sources_have_the_names_of_sonar() -> None:
    """Each address once; what is no search is none."""
    pages = [{"url": "https://a"}, {"url": "https://a"}, {"title": "without"}]
    items = [Item("search_results", results=pages), Item("sandbox_results", results=[{"url": "x"}])]
    assert sources(items) == {"citations": ["https://a"], "search_results": pages}
    assert sources([]) == {}


def test_signatures_stand_where_callers_hand_them_back() -> None:
    """Nothing stands there for a call without."""
    assert b'"thought_signature":"S"' in signature_member(Item(thought_signature="S"))
    assert signature_member(Item()) == b""
