"""Gemini's parts as what is new in an answer, and put together again."""

from typing import Any

import msgspec
import orjson
import pytest

from conduit.v1.chat_chunk_pb2 import ChatDelta
from conduit_providers.codecs.gemini.answer import Part
from conduit_providers.codecs.gemini.kept_parts import PART_FORMAT
from conduit_providers.codecs.gemini.parts import FORMAT, PartReader, message_of, sealed_json

Json = dict[str, Any]


def read(*parts: Json) -> list[ChatDelta]:
    """Return what parts add."""
    reader = PartReader("r", 0)
    texts = (msgspec.json.decode(orjson.dumps(part), type=Part) for part in parts)
    return [delta for text in texts if (delta := reader.read(text)) is not None]


def test_words_are_words_and_nothing_is_nothing() -> None:
    """An empty part says nothing."""
    assert [delta.content for delta in read({"text": "a"}, {"text": ""}, {}, {"text": "b"})] == [
        "a",
        "b",
    ]


def test_thoughts_in_a_row_are_one() -> None:
    """Words or calls end it; words that a thought follows are kept in their place."""
    found = read(
        {"text": "Hm", "thought": True},
        {"text": "mm", "thought": True, "thoughtSignature": "s"},
        {"text": "a"},
        {"text": "Ah", "thought": True},
    )
    details = [d for delta in found for d in delta.reasoning_details]
    assert [(d.text, d.signature, d.format, d.index) for d in details] == [
        ("Hm", "", FORMAT, 0),
        ("mm", "s", FORMAT, 0),
        ("", "", PART_FORMAT, 1),
        ("Ah", "", FORMAT, 2),
    ]
    message = message_of(found)
    assert message.reasoning_content == "HmmmAh"
    assert [d.text for d in message.reasoning_details] == ["Hmmm", "", "Ah"]
    assert message.content[0].text == "a"


def test_a_seal_on_words_is_kept_beside_them() -> None:
    """Each has a place of its own."""
    found = read({"text": "a", "thoughtSignature": "s"}, {"text": "", "thoughtSignature": "t"})
    details = [(d.type, d.data, d.index) for delta in found for d in delta.reasoning_details]
    assert details == [("reasoning.encrypted", "s", 0), ("reasoning.encrypted", "t", 1)]
    assert len(message_of(found).reasoning_details) == 2


def test_calls_have_ids_places_and_arguments() -> None:
    """One of ours, where the API gives none; a seal goes with the call."""
    found = read(
        {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s"},
        {"functionCall": {"name": "g", "id": "x", "args": None}},
        {"functionCall": {"name": "h"}},
    )
    calls = [call for delta in found for call in delta.tool_calls]
    assert [(c.index, c.id, c.function.name, c.function.arguments) for c in calls] == [
        (0, "call_gemini_r_0_0", "f", '{"a":1}'),
        (1, "x", "g", "{}"),
        (2, "call_gemini_r_0_2", "h", "{}"),
    ]
    assert calls[0].unknown_json == sealed_json("s")
    assert [call.id for call in message_of(found).tool_calls] == [call.id for call in calls]


def test_pictures_and_sounds_are_told_beside_the_words() -> None:
    """Pictures in OpenRouter's form, others in Google's."""
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    sound = {"inlineData": {"mimeType": "audio/wav", "data": "BBBB"}}
    message = message_of(read({"text": "a"}, picture, sound, picture))
    told = orjson.loads(message.unknown_json)
    assert len(told["images"]) == 2
    assert told["images"][0]["image_url"]["url"] == "data:image/png;base64,AAAA"
    assert told["extra_content"]["google"]["parts"] == [sound]


def test_what_own_tools_did_goes_out_as_it_came() -> None:
    """In order, with its seal; what is no JSON is nothing."""
    code = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "s"}
    done = {"codeExecutionResult": {"outcome": "OUTCOME_OK"}}
    message = message_of(read(code, done))
    assert orjson.loads(message.unknown_json)["extra_content"]["google"]["parts"] == [code, done]
    odd = msgspec.json.decode(b'{"toolCall":{"a":1e999}}', type=Part)
    delta = PartReader("r", 0).read(odd)
    assert delta is not None
    assert orjson.loads(delta.unknown_json)["extra_content"]["google"]["parts"] == [
        {"toolCall": None}
    ]


@pytest.mark.parametrize("name", ["functionResponse", "fileData", "audioTranscription"])
def test_what_openais_answers_have_no_place_for_goes_out_as_it_came(name: str) -> None:
    """And back, among the parts."""
    part = {name: {"displayName": "x"}}
    message = message_of(read({"text": "a"}, part, {"text": "b"}))
    assert orjson.loads(message.unknown_json)["extra_content"]["google"]["parts"] == [part]
    assert message.content[0].text == "ab"


@pytest.mark.parametrize("deltas", [[], [ChatDelta()]])
def test_an_answer_of_nothing_is_a_message_all_the_same(deltas: list[ChatDelta]) -> None:
    """Without words or thoughts."""
    message = message_of(deltas)
    assert not message.content
    assert not message.HasField("reasoning_content")
    assert message.unknown_json == b""


def test_a_hundred_thousand_pieces_of_a_thought_take_no_long_time() -> None:
    """Each is read once; the suite's timeout would tell otherwise."""
    pieces = read(*[{"text": "x" * 200, "thought": True}] * 100_000)
    message = message_of(pieces)
    assert len(message.reasoning_content) == len(message.reasoning_details[0].text) == 20_000_000
