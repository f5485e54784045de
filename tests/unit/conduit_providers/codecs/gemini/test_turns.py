"""A conversation as Gemini wants it."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.gemini.media import Media
from conduit_providers.codecs.gemini.model_turns import FOREIGN_SIGNATURE
from conduit_providers.codecs.gemini.parts import FORMAT, OWN_ID
from conduit_providers.codecs.gemini.turns import Turns
from conduit_providers.operations.chat import ChatCall, chat_request

Json = dict[str, Any]
USER: Json = {"role": "user", "content": "x"}
PICTURE: Json = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def call(*messages: Json) -> ChatCall:
    """Return a call."""
    raw = orjson.dumps({"model": "a", "messages": messages})
    return Call(chat_request(json=raw), alias="a", model="m")


def turns_of(made: ChatCall, *, is_sealing: bool = True) -> Turns:
    """Return what translates the turns of a call."""
    return Turns(made, "P", Media(made, "P", (), takes_detail=True), is_sealing=is_sealing)


def said(*messages: Json, is_sealing: bool = True) -> list[Json]:
    """Return the turns of a conversation."""
    made = call(*messages)
    return turns_of(made, is_sealing=is_sealing).contents(made.typed.messages)


def assistant(**members: object) -> Json:
    """Return a turn of the model's."""
    return {"role": "assistant", "content": None, **members}


def called(call_id: str, name: str = "f", **members: object) -> Json:
    """Return a call."""
    function = {"name": name, "arguments": "{}"}
    return {"id": call_id, "type": "function", "function": function, **members}


def result(call_id: str, content: Any = "1", **members: object) -> Json:  # noqa: ANN401 # text or parts
    """Return a turn of a tool's."""
    return {"role": "tool", "tool_call_id": call_id, "content": content, **members}


def test_turns_of_one_speaker_are_joined_but_results_stand_apart() -> None:
    """One turn answers all calls of the last one."""
    found = said(
        USER,
        USER,
        assistant(tool_calls=[called("a"), called("b", "g")]),
        result("a"),
        result("b"),
        USER,
        {"role": "user", "content": ""},
    )
    assert [(turn["role"], len(turn["parts"])) for turn in found] == [
        ("user", 2),
        ("model", 2),
        ("user", 2),
        ("user", 1),
    ]
    assert [part["functionResponse"]["name"] for part in found[2]["parts"]] == ["f", "g"]


def test_a_conversation_without_words_is_refused() -> None:
    """The API refuses it, too."""
    for messages in ([], [{"role": "system", "content": "x"}], [{"role": "user", "content": ""}]):
        with pytest.raises(InvalidRequest, match="at least one turn"):
            said(*messages)


def test_instructions_of_all_turns_are_text() -> None:
    """Pictures are none."""
    made = call({"role": "system", "content": "a"}, USER, {"role": "developer", "content": "b"})
    assert turns_of(made).instructions(made.typed.messages) == [{"text": "a"}, {"text": "b"}]
    made = call({"role": "system", "content": [PICTURE]})
    with pytest.raises(UnsupportedCapability, match="only text as instructions"):
        turns_of(made).instructions(made.typed.messages)


def test_thoughts_and_seals_go_back_to_where_they_were() -> None:
    """On the words, or on the call; others' are told as dropped."""
    details = [
        {"type": "reasoning.text", "text": "H", "format": FORMAT, "index": 0},
        {"type": "reasoning.text", "text": "m", "signature": "s", "format": FORMAT, "index": 0},
        {"type": "reasoning.encrypted", "data": "t", "format": FORMAT, "index": 1},
        {"type": "reasoning.encrypted", "data": "u", "id": "a", "format": FORMAT, "index": 2},
        {"type": "reasoning.text", "text": "x", "format": "anthropic-claude-v1"},
    ]
    made = call(USER, assistant(content="Hi", reasoning_details=details, tool_calls=[called("a")]))
    parts = turns_of(made).contents(made.typed.messages)[1]["parts"]
    assert parts == [
        {"text": "Hm", "thought": True, "thoughtSignature": "s"},
        {"text": "Hi", "thoughtSignature": "t"},
        {"functionCall": {"name": "f", "args": {}, "id": "a"}, "thoughtSignature": "u"},
    ]
    assert made.dropped == ["messages.reasoning_details"]


def test_a_summary_in_pieces_goes_back_whole() -> None:
    """None of them is lost."""
    details = [
        {"type": "reasoning.summary", "summary": text, "format": FORMAT, "index": 0}
        for text in ("a", "b")
    ]
    parts = said(USER, assistant(content="Hi", reasoning_details=details))[1]["parts"]
    assert parts[0] == {"text": "ab", "thought": True}


def test_what_google_said_beside_openais_words_goes_back() -> None:
    """In the members where Google's own dialect of OpenAI has it."""
    code = {"executableCode": {"code": "1"}}
    google = {"google": {"thought_signature": "s", "parts": [code]}}
    parts = said(USER, assistant(extra_content=google))[1]["parts"]
    assert parts == [code, {"text": "", "thoughtSignature": "s"}]
    oddities: list[object] = [7, {"google": 7}, {"google": {"parts": 7}}, []]
    for odd in oddities:
        assert said(USER, assistant(content="Hi", extra_content=odd))[1]["parts"] == [
            {"text": "Hi"}
        ]


def test_calls_of_other_models_have_a_signature_that_says_so() -> None:
    """On the first one; models that demand none get none."""
    messages = (USER, assistant(tool_calls=[called("a"), called("b")]))
    signatures = [part.get("thoughtSignature") for part in said(*messages)[1]["parts"]]
    assert signatures == [FOREIGN_SIGNATURE, None]
    parts = said(*messages, is_sealing=False)[1]["parts"]
    assert not any("thoughtSignature" in part for part in parts)
    sealed = called("b", extra_content={"google": {"thought_signature": "s"}})
    parts = said(USER, assistant(tool_calls=[called("a"), sealed]))[1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [None, "s"]


def test_ids_of_our_own_never_go_to_google() -> None:
    """It gave none."""
    call_id = f"{OWN_ID}r_0_0"
    found = said(USER, assistant(tool_calls=[called(call_id)]), result(call_id))
    assert "id" not in found[1]["parts"][0]["functionCall"]
    assert found[2]["parts"][0]["functionResponse"]["name"] == "f"


@pytest.mark.parametrize(
    ("content", "members", "response"),
    [
        ('{"a":1}', {}, {"a": 1}),
        ("[1]", {}, {"output": "[1]"}),
        ("plain", {}, {"output": "plain"}),
        ("", {}, {"output": ""}),
        ('{"a":1e999}', {}, {"output": '{"a":1e999}'}),
        ('{"a":1}', {"is_error": True}, {"error": '{"a":1}'}),
    ],
)
def test_a_result_is_an_object(content: str, members: Json, response: Json) -> None:
    """As the API documents it."""
    found = said(USER, assistant(tool_calls=[called("a")]), result("a", content, **members))
    assert found[2]["parts"] == [
        {"functionResponse": {"name": "f", "response": response, "id": "a"}}
    ]


def test_pictures_of_a_result_stand_in_it_or_beside_it() -> None:
    """As the model knows it."""
    messages = (USER, assistant(tool_calls=[called("a")]), result("a", [PICTURE]))
    inside = said(*messages)[2]["parts"]
    assert len(inside) == 1
    assert "inlineData" in inside[0]["functionResponse"]["parts"][0]
    beside = said(*messages, is_sealing=False)[2]["parts"]
    assert "inlineData" in beside[1]
    assert "parts" not in beside[0]["functionResponse"]


def test_a_result_without_its_call_needs_a_name() -> None:
    """The API knows functions by their names."""
    assert said(USER, result("z", name="g"))[1]["parts"][0]["functionResponse"]["name"] == "g"
    with pytest.raises(InvalidRequest, match="No turn before calls") as refused:
        said(USER, result("z" * 5000))
    assert len(refused.value.message) < 200


def test_what_has_no_word_is_told() -> None:
    """Names, marks of the cache, unsigned thoughts; a refusal is words."""
    mark = {"type": "ephemeral"}
    made = call(
        {**USER, "name": "ada", "cache_control": mark},
        assistant(refusal="No.", reasoning_content="Hm"),
    )
    assert turns_of(made).contents(made.typed.messages)[1]["parts"] == [{"text": "No."}]
    assert made.dropped == [
        "messages.name",
        "messages.cache_control",
        "messages.reasoning_content",
    ]


def test_what_gemini_does_not_know_is_refused() -> None:
    """Another candidate may know it."""
    custom = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}
    for turn in (
        {"role": "function", "name": "f", "content": "x"},
        assistant(tool_calls=[custom]),
        {"role": "user", "content": [{"type": "hologram"}]},
    ):
        with pytest.raises(UnsupportedCapability):
            said(USER, turn)
