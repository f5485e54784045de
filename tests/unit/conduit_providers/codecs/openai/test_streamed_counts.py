"""Counts that events tell, here and there, and the chunk that reports them."""

import orjson

from conduit_providers.codecs.openai.streamed_counts import StreamedCounts
from conduit_providers.codecs.openai.usage import read_usage
from conduit_providers.quantities import INPUT, OUTPUT, counted
from conduit_providers.spec import Endpoint

EVENT = b'{"id":"c1","model":"m","choices":[{"index":0,"delta":{}}]}'
REPORT = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def endpoint(**usage: str) -> Endpoint:
    """Return an endpoint whose counts are also at such places."""
    return Endpoint(path="/chat/completions", codec="openai", usage=usage)


def test_nothing_is_reported_of_what_nobody_counted() -> None:
    """Not even that it is nothing."""
    counts = StreamedCounts(endpoint())
    counts.note_event(EVENT)
    counts.count(None, EVENT)
    assert (counts.usage, counts.chunk()) == (None, None)


def test_the_last_report_counts_and_is_told_as_it_came() -> None:
    """In a chunk that is like the event that told it, but for its choices."""
    counts = StreamedCounts(endpoint())
    counts.note_event(EVENT)
    for output in (1, 2):
        report = REPORT | {"completion_tokens": output}
        counts.count(read_usage(report), EVENT)
        counts.note_report(report, EVENT)
    counts.note_event(b'{"id":"another"}')
    assert counts.usage == counted([(INPUT, 3), (OUTPUT, 2)])
    chunk = orjson.loads(counts.chunk() or b"")
    assert (chunk["id"], chunk["choices"], chunk["usage"]) == ("c1", [], REPORT)


def test_counts_elsewhere_in_an_event_are_found() -> None:
    """Where the catalog says that they are."""
    counts = StreamedCounts(endpoint(input_tokens="x.in", output_tokens="x.out"))
    counts.count(None, b'{"x":{"in":3,"out":2}}')
    assert counts.usage == counted([(INPUT, 3), (OUTPUT, 2)])
