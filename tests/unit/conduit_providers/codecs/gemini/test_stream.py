"""The events of Gemini's streams, which end without an end mark."""

from typing import Any

import orjson
import pytest

from conduit.v1.chat_pb2 import FINISH_REASON_STOP, FINISH_REASON_TOOL_CALLS
from conduit_kernel.errors import ContentPolicy, StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.chat_events import ChatEvents
from conduit_providers.codecs.gemini.stream import MAX_CHOICES, GeminiChatDecoder
from conduit_providers.operations.chat import chat_request
from conduit_providers.quantities import plain

Json = dict[str, Any]


def decoder(n: int = 1) -> GeminiChatDecoder:
    """Return a fresh decoder of a call that asks for the counts."""
    raw = chat_request(json=b'{"model":"a","messages":[],"n":%d}' % n)
    return GeminiChatDecoder(
        Call(
            raw, alias="a", model="m", stream=True, include_usage=True, provider="Lumen", created=7
        )
    )


def said(text: str = "", index: int = 0, **members: object) -> Json:
    """Return a candidate."""
    parts = [{"text": text}] if text else []
    return {"index": index, "content": {"parts": parts}, **members}


def sse(*candidates: Json, **members: object) -> bytes:
    """Return an event."""
    return b"data: %b\n\n" % orjson.dumps({"candidates": list(candidates), **members})


def words(events: ChatEvents | None) -> list[tuple[int, str]]:
    """Return what is said, by choice."""
    chunks = events.chunks if events else ()
    return [(c.index, c.delta.content) for chunk in chunks for c in chunk.choices]


def test_a_stream_has_a_head_words_a_reason_and_counts() -> None:
    """The reason and the counts are told at the end."""
    reader = decoder()
    head = {"responseId": "r", "modelVersion": "gemini-x", "createTime": "2026-11-23T12:00:00Z"}
    assert words(reader.feed(sse(said("Hi"), **head))) == [(0, ""), (0, "Hi")]
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 2}
    assert reader.feed(sse(said("!", finishReason="STOP"), usageMetadata=usage)) is not None
    assert not reader.done
    found = reader.close()
    assert found is not None
    assert {(c.id, c.model, c.created) for c in found.chunks} == {("r", "gemini-x", 1795435200)}
    assert found.chunks[0].choices[0].finish_reason == FINISH_REASON_STOP
    assert found.chunks[1].usage.total_tokens == 5
    assert (reader.done, reader.usage) == (True, plain(3, 2))


def test_an_answer_that_does_not_say_when_it_was_made_has_our_time() -> None:
    """Or says the year 1, as servers in Go do that do not know."""
    for time in ("", "soon", "0001-01-01T00:00:00Z"):
        events = decoder().feed(sse(said("Hi"), responseId="r", createTime=time))
        assert events is not None
        assert events.chunks[0].created == 7


def test_each_choice_ends_by_itself() -> None:
    """By its number, or by its place where there is none."""
    reader = decoder(2)
    call = {"parts": [{"functionCall": {"name": "f"}}]}
    reader.feed(sse(said("a", finishReason="STOP")))
    assert not reader.has_finished
    other: Json = {"content": call, "finishReason": "STOP"}
    reader.feed(sse(said(), other))
    found = reader.close()
    assert found is not None
    assert [(c.choices[0].index, c.choices[0].finish_reason) for c in found.chunks] == [
        (0, FINISH_REASON_STOP),
        (1, FINISH_REASON_TOOL_CALLS),
    ]


@pytest.mark.parametrize(
    ("n", "events"),
    [
        (1, [said("Hi")]),
        (2, [said("Hi", finishReason="STOP")]),
        (1, [said("a", 0, finishReason="STOP"), said("b", 1)]),
    ],
)
def test_a_stream_in_which_a_choice_did_not_end_was_cut_off(n: int, events: list[Json]) -> None:
    """Whatever the others did."""
    reader = decoder(n)
    for each in events:
        reader.feed(sse(each))
    with pytest.raises(StreamInterrupted):
        reader.close()


def test_what_is_told_beside_the_words_is_told() -> None:
    """Sources, ratings and probabilities."""
    grounding = {
        "groundingChunks": [{"web": {"uri": "u"}}],
        "groundingSupports": [{"segment": {"endIndex": 2}, "groundingChunkIndices": [0]}],
    }
    likely = {"chosenCandidates": [{"token": "H"}]}
    events = decoder().feed(sse(said("Hi", groundingMetadata=grounding, logprobsResult=likely)))
    assert events is not None
    cited, extras = events.chunks[-2].choices[0], events.chunks[-1].choices[0]
    assert orjson.loads(cited.delta.annotations_json)[0]["url_citation"]["url"] == "u"
    assert orjson.loads(extras.logprobs_json)["content"][0]["token"] == "H"
    assert b"grounding_metadata" in extras.unknown_json


def test_failures_in_the_stream_are_failures() -> None:
    """Of the prompt, of the model, of the service."""
    for body, kind in (
        (b'{"promptFeedback":{"blockReason":"SAFETY"}}', ContentPolicy),
        (b'{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}', UpstreamError),
        (b'{"error":{"code":503,"message":"No."}}', UpstreamError),
        (b"nonsense", UpstreamError),
    ):
        # Nothing was said, so that another candidate can still be asked.
        with pytest.raises(kind):
            decoder().feed(b"data: %b\n\n" % body)


def test_choices_are_bounded() -> None:
    """No stream makes us keep more than anybody asks for."""
    reader = decoder()
    for index in range(MAX_CHOICES):
        reader.feed(sse(said("x", index)))
    # One event that makes no sense is left out.
    assert reader.feed(sse(said("x", MAX_CHOICES))) is None
    with pytest.raises(UpstreamError, match="more answers"):
        reader.feed(sse(said("x", MAX_CHOICES)))


def test_entries_of_lists_are_numbered_by_choice() -> None:
    """OpenAI's accumulator raises at the second list without."""
    code: Json = {"executableCode": {"code": "1", "language": "PYTHON"}}
    drawn: Json = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    event = sse(*({"index": i, "content": {"parts": [code, drawn]}} for i in (0, 1)))
    reader, found = decoder(2), list[Json]()
    for _ in range(2):
        events = reader.feed(event)
        assert events is not None
        deltas = [choice.delta for chunk in events.chunks for choice in chunk.choices]
        found += [orjson.loads(delta.unknown_json) for delta in deltas if delta.unknown_json]
    images = [each["images"][0]["index"] for each in found if "images" in each]
    parts = [
        each["extra_content"]["google"]["parts"][0]["index"]
        for each in found
        if "extra_content" in each
    ]
    assert images == parts == [0, 0, 1, 1]
