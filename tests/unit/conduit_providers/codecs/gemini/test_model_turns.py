"""The model's turns, as they came where that is known."""

from typing import Any

import orjson
import pytest

from conduit.v1.chat_message_json import chat_message_from_json
from conduit_providers.codecs.gemini.kept_parts import PART_FORMAT
from conduit_providers.codecs.gemini.model_turns import FOREIGN_SIGNATURE, ModelTurns, id_member
from conduit_providers.operations.chat import ChatCall, chat_request

Json = dict[str, Any]
CODE = {"executableCode": {"code": "1"}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def kept(*parts: Json) -> list[Json]:
    """Return details with parts."""
    data = (orjson.dumps(part).decode() for part in parts)
    return [{"type": "reasoning.encrypted", "data": each, "format": PART_FORMAT} for each in data]


def turn(message: Json, *, is_sealing: bool = False) -> tuple[list[Json], list[str]]:
    """Return the parts of a message, and what is dropped of it."""
    call = ChatCall(chat_request(json=b"{}"), alias="m", model="m", provider="Prod")
    turns = ModelTurns(call, "Prod", {}, is_sealing=is_sealing)
    typed = chat_message_from_json({"role": "assistant", **message})
    said = [{"text": part.text} for part in typed.content]
    return turns.parts(typed, said), call.dropped


def test_parts_go_back_in_their_order() -> None:
    """Words, uses of tools and calls, as the answer had them."""
    details = kept({"text": "a"}, CODE, {"functionCall": {"id": "c"}}, {"text": "b"})
    message = {"content": "ab", "reasoning_details": details, "tool_calls": [CALL]}
    parts, dropped = turn(message)
    called = {"functionCall": {"name": "f", "args": {}, "id": "c"}}
    assert parts == [{"text": "a"}, CODE, called, {"text": "b"}]
    assert dropped == []


def test_changed_words_go_without_what_stood_between_them() -> None:
    """It is not known where, and that is reported."""
    parts, dropped = turn({"content": "other", "reasoning_details": kept({"text": "a"}, CODE)})
    assert parts == [{"text": "other"}]
    assert dropped == ["messages.reasoning_details"]


@pytest.mark.parametrize("calls", [None, [CALL]])
def test_calls_are_those_of_the_message(calls: list[Json] | None) -> None:
    """One that is gone is not sent, and one that is new comes last."""
    details = kept(CODE, {"functionCall": {"id": "gone"}})
    parts, _ = turn({"content": None, "reasoning_details": details, "tool_calls": calls})
    assert [list(part) for part in parts] == [["executableCode"], *[["functionCall"]] * bool(calls)]


def test_two_calls_of_one_id_both_go_back() -> None:
    """Some callers give all calls the same one; the provider has the last word on that."""
    details = kept({"functionCall": {"id": "c"}}, CODE, {"functionCall": {"id": "c"}})
    calls = [CALL, {**CALL, "function": {"name": "g", "arguments": "{}"}}]
    parts, _ = turn({"content": None, "reasoning_details": details, "tool_calls": calls})
    first, code, second = parts
    assert code == CODE
    assert [each["functionCall"]["name"] for each in (first, second)] == ["f", "g"]


def test_calls_of_other_models_are_sealed_as_the_documentation_says() -> None:
    """The first of a turn, where the model demands it."""
    parts, _ = turn({"tool_calls": [CALL, {**CALL, "id": "d"}]}, is_sealing=True)
    signatures = [part.get("thoughtSignature") for part in parts]
    assert signatures == [FOREIGN_SIGNATURE, None]


def test_pictures_that_the_model_drew_go_back() -> None:
    """Those that are in the message itself; others are reported."""
    drawn = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    parts, dropped = turn(
        {"content": "See:", "images": [drawn, {"image_url": {"url": "http://x"}}]}
    )
    assert parts == [{"text": "See:"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]
    assert dropped == ["messages.images"]


def test_ids_of_ours_are_not_sent() -> None:
    """The API gave none."""
    assert id_member("call_gemini_1") == {} == id_member("")
    assert id_member("c") == {"id": "c"}


def test_parts_of_a_stream_go_back_without_their_numbers() -> None:
    """Google knows none; they are for accumulators of OpenAI's form."""
    google = {"google": {"parts": [{**CODE, "index": 0}, "x"]}}
    parts, _ = turn({"content": "a", "extra_content": google})
    assert CODE in parts
