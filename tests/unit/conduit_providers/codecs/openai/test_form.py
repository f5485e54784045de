"""Chunks and messages that break OpenAI's form, and what callers get of them."""

from typing import Any

import msgspec
import orjson
import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.openai.chat import CODEC
from conduit_providers.codecs.openai.form import (
    ChunkChoice,
    ChunkForm,
    with_messages_formed,
)
from conduit_providers.codecs.openai.options import ChatOptions
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.spec import Endpoint

Json = dict[str, Any]
PLAIN = Endpoint("openai_chat", "/chat", options=ChatOptions())
CALL = ChatCall(chat_request(json=b"{}"), alias="m", model="m", provider="P")
ROLE: Json = {"role": "assistant"}
HEAD: Json = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


class _Chunk(msgspec.Struct):
    choices: list[ChunkChoice]


def chunk(*choices: Json) -> bytes:
    """Return a chunk."""
    return orjson.dumps({**HEAD, "choices": choices})


def piece(delta: Json, index: int = 0, finish: str | None = None) -> Json:
    """Return a choice of a chunk."""
    return {"index": index, "delta": delta, "finish_reason": finish}


def kept_by(form: ChunkForm, event: bytes) -> bytes:
    """Return what callers get of a chunk."""
    return form.kept(msgspec.json.decode(event, type=_Chunk).choices, event)


def formed(*choices: Json) -> list[Json]:
    """Return what callers get of choices, each in a chunk of its own."""
    form = ChunkForm("P")
    return [orjson.loads(kept_by(form, chunk(each)))["choices"][0] for each in choices]


def deltas(*said: Json) -> list[Json]:
    """Return what callers get of what is said, piece after piece, behind the first one."""
    return [choice["delta"] for choice in formed(piece(ROLE), *map(piece, said))[1:]]


GOOD: list[Json] = [
    {"role": "assistant", "content": ""},
    {"content": "a", "reasoning_content": "b"},
    {"annotations": [{"index": 0}], "images": None, "extra_content": []},
    {},
]


def test_what_is_in_form_keeps_its_bytes() -> None:
    """Most chunks are; nothing is written anew."""
    form = ChunkForm("P")
    for event in (*map(chunk, map(piece, GOOD)), chunk(piece({}, finish="stop"))):
        spaced = event.replace(b",", b" , ")
        assert kept_by(form, spaced) is spaced


def test_pieces_of_a_known_call_keep_their_bytes() -> None:
    """Agents' answers consist of them."""
    form = ChunkForm("P")
    begin = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    kept_by(form, chunk(piece({"tool_calls": [begin]})))
    event = chunk(piece({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}))
    assert kept_by(form, event) is event


@pytest.mark.parametrize("choice", [{"index": 0}, {"delta": None}, {"index": None, "delta": {}}])
def test_a_choice_has_its_index_and_a_delta(choice: Json) -> None:
    """The examples of every SDK read `choices[0].delta`; Azure's filter sends none."""
    filtered = {**choice, "content_filter_results": {"hate": {"filtered": False}}}
    (found,) = formed(filtered)
    assert found == {**filtered, "index": 0, "delta": ROLE, "finish_reason": None}


def test_choices_without_an_index_are_told_apart_by_their_place() -> None:
    """And know it themselves, for whoever reads on."""
    event = chunk({"delta": {"content": "a"}}, {"delta": {"content": "b"}})
    choices = msgspec.json.decode(event, type=_Chunk).choices
    found = orjson.loads(ChunkForm("P").kept(choices, event))["choices"]
    assert [choice["index"] for choice in found] == [choice.index for choice in choices] == [0, 1]


@pytest.mark.parametrize(
    "said", [{}, {"content": "a"}, {"role": None}, {"role": "", "refusal": None}]
)
def test_the_first_piece_of_a_choice_names_the_role(said: Json) -> None:
    """Without one, what accumulators put together is refused as the next turn."""
    first, more, other = formed(piece(said), piece({"content": "b"}), piece(said, index=1))
    assert first == piece({**said, **ROLE})
    assert more == piece({"content": "b"})
    assert other == piece({**said, **ROLE}, index=1)
    (called, *_) = formed(piece(calling("{}")))
    assert called["delta"]["role"] == "assistant"


@pytest.mark.parametrize(
    "again",
    [
        b'{"choices":[{"index":0,"delta":{"role":"assistant","content":"b"},"finish_reason":null}]}',
        b'{"choices": [{"index": 0, "delta": {"role": "assistant", "content": "b"}}]}',
        b'{"choices":[{"index":0,"delta":{"content":"b","role":"assistant"}}]}',
        b'{"choices":[{"index":0,"delta":{"role":"model","content":"b"}}],"x":{"role":1}}',
    ],
)
def test_the_role_is_said_once(again: bytes) -> None:
    """OpenAI's accumulator makes `assistantassistant` of two."""
    form = ChunkForm("P")
    first = chunk(piece({"role": "assistant", "content": "a"}))
    assert kept_by(form, first) is first
    found = orjson.loads(kept_by(form, again))
    assert found["choices"][0]["delta"] == {"content": "b"}
    assert found.get("x") == orjson.loads(again).get("x")


def test_each_choice_says_its_own_role() -> None:
    """Also where two are in one chunk."""
    both = chunk(piece({"role": "assistant"}), piece({"role": "assistant"}, 1))
    form = ChunkForm("P")
    assert [c["delta"] for c in orjson.loads(kept_by(form, both))["choices"]] == [
        {"role": "assistant"}
    ] * 2
    assert [c["delta"] for c in orjson.loads(kept_by(form, both))["choices"]] == [{}, {}]


def test_a_role_stays_where_the_chunk_is_taken_apart_for_something_else() -> None:
    """The first chunk of a choice may break the form in several ways."""
    first = {"role": "assistant", "reasoning": "a", "reasoning_content": "b"}
    assert [each["delta"] for each in formed(piece(first), piece(first))] == [
        {"role": "assistant", "reasoning_content": "b"},
        {"reasoning_content": "b"},
    ]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"reasoning": "a"}, {"reasoning_content": "a"}),
        ({"content": "x", "reasoning": "a"}, {"content": "x", "reasoning_content": "a"}),
        ({"content": "x", "reasoning": None}, {"content": "x", "reasoning_content": None}),
        ({"reasoning": "a", "reasoning_content": "a"}, {"reasoning_content": "a"}),
        ({"reasoning": "a", "reasoning_content": None}, {"reasoning_content": "a"}),
        ({"reasoning": None, "reasoning_content": "a"}, {"reasoning_content": "a"}),
    ],
)
def test_thoughts_have_one_name(said: Json, found: Json) -> None:
    """Callers of an alias with several providers look in one place."""
    assert deltas(said) == [found]
    whole = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": "stop"}
    assert message_of(whole) == {"role": "assistant", **found}


def test_a_text_that_speaks_of_reasoning_is_left_alone() -> None:
    """Names are only ever found as members."""
    said = {"content": '{"reasoning": "x", "role":"assistant",', "reasoning": '"reasoning"'}
    assert deltas({"role": "assistant"}, {**said, "role": "assistant"})[1] == {
        "content": said["content"],
        "reasoning_content": '"reasoning"',
    }


@pytest.mark.parametrize("name", ["annotations", "extra_content", "images", "reasoning_details"])
def test_entries_of_lists_are_numbered_across_chunks(name: str) -> None:
    """OpenAI's accumulator raises at the second chunk with entries that have no index."""
    first, second = deltas({name: [{"a": 1}, {"a": 2}]}, {name: [{"a": 3}]})
    assert [entry["index"] for entry in (*first[name], *second[name])] == [0, 1, 2]
    assert [entry["a"] for entry in (*first[name], *second[name])] == [1, 2, 3]


def test_lists_of_no_objects_stay() -> None:
    """Addresses, and what is no list."""
    values: list[object] = [["https://x"], {"google": {}}, 7]
    for value in values:
        assert deltas({"extra_content": value}) == [{"extra_content": value}]
    assert deltas({"reasoning": {"a": 1}}) == [{"reasoning": {"a": 1}}]


def test_calls_that_are_none_are_left_out_of_a_chunk() -> None:
    """As an empty list would be."""
    assert deltas({"content": "a", "tool_calls": 7}) == [{"content": "a"}]


def test_a_word_of_the_provider_for_its_end_stands_beside_openais() -> None:
    """Some write an empty word before the end."""
    begun, end = formed(piece({"content": "a"}, finish=""), piece({}, finish="eos"))
    assert begun == piece({**ROLE, "content": "a"})
    assert end == {**piece({}, finish="stop"), "native_finish_reason": "eos"}
    with pytest.raises(UpstreamError, match="the generation failed"):
        formed(piece({}, finish="insufficient_system_resource"))


def test_members_that_stay_keep_their_bytes() -> None:
    """Numbers that nobody holds, and spaces."""
    event = b'{"x": 1e999 ,"choices":[{"index":0,"delta":{"y": [1.50],"tool_calls":[{}]}}]}'
    found = kept_by(ChunkForm("P"), event)
    assert b'"x":1e999' in found
    assert b'"y":[1.50]' in found


def message_of(choice: Json) -> Json:
    """Return what callers get of a message."""
    found = choice_of(choice)["message"]
    assert isinstance(found, dict)
    return found


def choice_of(choice: Json) -> Json:
    """Return what callers get of a choice of a whole answer, which is in form then."""
    raw = with_messages_formed(chunk(choice), "P")
    assert CODEC.read(raw, CALL, PLAIN).json is raw
    return dict(orjson.loads(raw)["choices"][0])


GOOD_CALL: Json = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
GOOD_MESSAGE: Json = {"role": "assistant", "content": "a", "tool_calls": [GOOD_CALL]}
GOOD_CHOICE: Json = {"index": 0, "message": GOOD_MESSAGE, "finish_reason": "tool_calls"}
ODD_CHOICES: list[tuple[Json, Json]] = [
    ({**GOOD_CHOICE, "index": None}, GOOD_CHOICE),
    ({"message": GOOD_MESSAGE}, GOOD_CHOICE),
    ({**GOOD_CHOICE, "message": {"content": "a"}, "finish_reason": None},
     {**GOOD_CHOICE, "message": {"content": "a", "role": "assistant"}, "finish_reason": "stop"}),
    ({**GOOD_CHOICE, "finish_reason": "eos"},
     {**GOOD_CHOICE, "finish_reason": "tool_calls", "native_finish_reason": "eos"}),
]  # fmt: skip


@pytest.mark.parametrize(("odd", "good"), ODD_CHOICES)
def test_whole_answers_are_in_form(odd: Json, good: Json) -> None:
    """Where a member is missing, it is put in."""
    assert orjson.loads(CODEC.read(chunk(odd), CALL, PLAIN).json)["choices"] == [good]
    assert choice_of(odd) == good


@pytest.mark.parametrize("calls", [{}, {"tool_calls": None}, {"tool_calls": []}])
def test_a_message_without_calls_is_in_form(calls: Json) -> None:
    """Some say so."""
    good = {**GOOD_CHOICE, "message": {"role": "assistant", "content": "a", **calls}}
    raw = chunk(good)
    assert CODEC.read(raw, CALL, PLAIN).json is raw
    assert choice_of(good) == good


@pytest.mark.parametrize("calls", [7, "x", [None], [[]], {"a": 1}])
def test_calls_that_are_none_are_left_out_of_a_message(calls: object) -> None:
    """As they are of a chunk: agents go through the list."""
    said = {"role": "assistant", "content": "a"}
    found = choice_of({"index": 0, "message": {**said, "tool_calls": calls}})
    assert found["message"] == said
    assert found["finish_reason"] == "stop"


@pytest.mark.parametrize("index", [-1, 2**31, 2**63])
def test_a_choice_in_no_possible_place_is_malformed(index: int) -> None:
    """No caller could keep it."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(chunk(piece({"content": "a"}, index)), type=_Chunk)
    with pytest.raises(UpstreamError, match="not a chat completion"):
        CODEC.read(chunk({**GOOD_CHOICE, "index": index}), CALL, PLAIN)


@pytest.mark.parametrize("calls", [[], None])
def test_an_empty_list_of_calls_is_no_call(calls: Json | None) -> None:
    """An answer without a reason to stop has then stopped, and nobody waits for a tool."""
    said = {"role": "assistant", "content": "a", "tool_calls": calls}
    raw = with_messages_formed(chunk({"message": said, "finish_reason": None}), "P")
    assert orjson.loads(raw)["choices"][0]["finish_reason"] == "stop"


def test_an_object_beside_the_words_changes_nothing() -> None:
    """So Google's own OpenAI dialect hands out what is its own; only lists need numbers."""
    said = {**ROLE, "content": "a", "extra_content": {"google": {"thought_signature": "s"}}}
    event = chunk(piece(said))
    assert kept_by(ChunkForm("P"), event) is event


def calling(arguments: str, **more: object) -> Json:
    """Return a piece with a call."""
    function = {"name": "f", "arguments": arguments}
    call = {"index": 0, "id": "a", "type": "function", "function": function}
    return {"tool_calls": [{**call, **more}]}


def test_a_stream_with_calls_ends_for_them() -> None:
    """In one piece or in two; what ends well keeps its bytes."""
    (_, last) = formed(piece(calling("{}")), piece({}, finish="stop"))
    assert (last["finish_reason"], last["native_finish_reason"]) == ("tool_calls", "stop")
    (only,) = formed(piece(calling("{}"), finish="stop"))
    assert only["finish_reason"] == "tool_calls"
    form = ChunkForm("P")
    kept_by(form, chunk(piece(calling("{}"))))
    for reason in ("tool_calls", "length"):
        event = chunk(piece({}, finish=reason))
        assert kept_by(form, event) is event


def test_whoever_named_the_tool_is_told_that_the_answer_stops() -> None:
    """As OpenAI does it."""
    form = ChunkForm("P", may_stop=True)
    kept_by(form, chunk(piece(calling("{}"))))
    found = orjson.loads(kept_by(form, chunk(piece({}, finish="stop"))))
    assert found["choices"][0]["finish_reason"] == "stop"
    whole = {"message": {"role": "assistant", **calling("{}")}, "finish_reason": "stop", "index": 0}
    for may_stop, reason in ((True, "stop"), (False, "tool_calls")):
        answer = orjson.loads(with_messages_formed(chunk(whole), "P", may_stop=may_stop))
        assert answer["choices"][0]["finish_reason"] == reason


def test_a_call_without_arguments_gets_empty_ones_at_the_end() -> None:
    """Callers read them as JSON: https://github.com/NousResearch/hermes-agent/issues/83937."""
    other = {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}
    (_, _, more, last) = formed(
        piece(calling("")),
        piece({"tool_calls": [other]}),
        piece({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
        piece({}, finish="tool_calls"),
    )
    assert more["delta"] == {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}
    assert last["delta"] == {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}
    (only,) = formed(piece(calling(""), finish="tool_calls"))
    assert [c["function"]["arguments"] for c in only["delta"]["tool_calls"]] == ["", "{}"]


def test_a_call_that_was_cut_off_gets_no_arguments() -> None:
    """Nobody knows what they were; nor has a custom tool any."""
    for reason in ("length", "content_filter"):
        (_, last) = formed(piece(calling("")), piece({}, finish=reason))
        assert last["delta"] == {}
    custom = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}
    (_, last) = formed(piece({"tool_calls": [custom]}), piece({}, finish="tool_calls"))
    assert last["delta"] == {}
