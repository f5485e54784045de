"""A conversation as Anthropic's Messages want it."""

import base64
from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.anthropic.turns import FORMAT, system_blocks, turns
from conduit_providers.operations.chat import ChatCall, chat_request

Json = dict[str, Any]
USER: Json = {"role": "user", "content": "x"}
PNG = "data:image/png;base64,AAAA"


def call(*messages: Json) -> ChatCall:
    """Return a call."""
    raw = orjson.dumps({"model": "a", "messages": messages})
    fetched = {"https://a.example/f": ("image/gif", b"GIF")}
    return Call(chat_request(json=raw), alias="a", model="m", fetched=fetched)


def said(*messages: Json) -> list[Json]:
    """Return the turns of a conversation."""
    made = call(*messages)
    return turns(made.typed.messages, made, "P")


def content(*parts: Json) -> Any:  # noqa: ANN401 # a text or blocks
    """Return what one turn of the user's becomes."""
    return said({"role": "user", "content": list(parts)})[0]["content"]


def test_turns_of_one_speaker_are_joined() -> None:
    """Instructions between them stand apart, and empty ones are none."""
    found = said(
        USER,
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "y"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": "z"},
    )
    assert found == [
        {"role": "user", "content": [{"type": "text", "text": t} for t in ("x", "y")]},
        {"role": "assistant", "content": "z"},
    ]


@pytest.mark.parametrize(
    "messages",
    [[], [{"role": "system", "content": "x"}], [{"role": "user", "content": ""}],
     [{"role": "user", "content": [{"type": "text", "text": ""}]}]],
)  # fmt: skip
def test_a_conversation_without_words_is_refused(messages: list[Json]) -> None:
    """The API refuses it, too."""
    with pytest.raises(InvalidRequest, match="at least one turn"):
        said(*messages)


def test_instructions_of_all_turns_are_told_at_once() -> None:
    """With their marks of the cache; pictures are none."""
    mark = {"type": "ephemeral", "ttl": "1h"}
    made = call(
        {"role": "system", "content": "a"},
        USER,
        {"role": "developer", "content": [{"type": "text", "text": "b", "cache_control": mark}]},
    )
    assert system_blocks(made.typed.messages, made, "P") == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b", "cache_control": mark},
    ]
    picture = {"type": "image_url", "image_url": {"url": PNG}}
    made = call({"role": "system", "content": [picture]})
    with pytest.raises(UnsupportedCapability, match="only text as instructions"):
        system_blocks(made.typed.messages, made, "P")


def test_a_mark_of_a_message_is_that_of_its_last_block() -> None:
    """Unless that has one of its own."""
    mark, other = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": other}]
    turn = {"role": "user", "content": parts[:1], "cache_control": mark}
    assert said(turn)[0]["content"] == [{"type": "text", "text": "a", "cache_control": mark}]
    turn = {"role": "user", "content": parts, "cache_control": mark}
    assert said(turn)[0]["content"][1]["cache_control"] == other


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "image_url", "image_url": {"url": "https://b.example/f"}},
         {"type": "image", "source": {"type": "url", "url": "https://b.example/f"}}),
        ({"type": "image_url", "image_url": {"url": "https://a.example/f"}},
         {"type": "image", "source": {"type": "base64", "media_type": "image/gif",
                                      "data": base64.b64encode(b"GIF").decode()}}),
        ({"type": "image_url", "image_url": {"url": PNG}},
         {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                      "data": "AAAA"}}),
        ({"type": "file", "file": {"file_data": PNG, "filename": "x.png"}},
         {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                      "data": "AAAA"}}),
        ({"type": "file", "file": {"file_id": "file_1"}},
         {"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
        ({"type": "file", "file": {"file_data": "https://b.example/x.pdf", "filename": "x",
                                   "citations": {"enabled": True}, "mood": 1}},
         {"type": "document", "source": {"type": "url", "url": "https://b.example/x.pdf"},
          "title": "x", "citations": {"enabled": True}}),
        ({"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}},
         {"type": "document", "source": {"type": "text", "media_type": "text/plain",
                                         "data": "hi"}}),
    ],
)  # fmt: skip
def test_content_is_a_block_of_its_kind(part: Json, block: Json) -> None:
    """Within the request, or where the API reads it itself."""
    assert content(part) == [block]


@pytest.mark.parametrize("data", ["", "nonsense", "data:x", "ftp://a.example/x"])
def test_files_that_are_nowhere_are_refused(data: str) -> None:
    """With the member that says so."""
    with pytest.raises(InvalidRequest) as refused:
        content({"type": "file", "file": {"file_data": data}})
    assert refused.value.metadata["field"] == "file.file_data"


@pytest.mark.parametrize("part", [{"type": "input_audio", "input_audio": {"data": "A"}},
                                  {"type": "video_url", "video_url": {"url": "u"}},
                                  {"type": []},
                                  {"type": "hologram"}])  # fmt: skip
def test_content_that_the_api_does_not_know_is_refused(part: Json) -> None:
    """Another candidate may know it."""
    with pytest.raises(UnsupportedCapability, match="takes no content of type"):
        content(part)


def test_thoughts_go_back_as_they_came() -> None:
    """Signed ones and sealed ones; those of others are told as dropped."""
    details = [
        {"type": "reasoning.text", "text": "Hm", "signature": "s", "format": FORMAT, "index": 0},
        {"type": "reasoning.encrypted", "data": "d", "format": FORMAT, "index": 1},
        {"type": "reasoning.text", "text": "unsigned", "index": 2},
        {"type": "reasoning.text", "text": "x", "signature": "s", "format": "google-gemini-v1"},
    ]
    made = call(USER, {"role": "assistant", "content": "a", "reasoning_details": details})
    found = turns(made.typed.messages, made, "P")[1]["content"]
    assert found == [
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "text", "text": "a"},
    ]
    assert made.dropped == ["messages.reasoning_details"]


def test_a_call_and_its_result_find_each_other() -> None:
    """The result is the user's, with whether it is an error."""
    called = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    found = said(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c", "content": "no", "is_error": True},
        {"role": "tool", "tool_call_id": "d", "content": ""},
    )
    assert found[1]["content"] == [{"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}]
    assert found[2] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "c", "content": "no", "is_error": True},
            {"type": "tool_result", "tool_use_id": "d"},
        ],
    }


def test_turns_and_calls_of_kinds_that_are_none_here_are_refused() -> None:
    """Those of functions, and free-form ones."""
    custom = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}
    for turn in (
        {"role": "function", "name": "f", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [custom]},
    ):
        with pytest.raises(UnsupportedCapability):
            said(USER, turn)


def test_names_and_unsigned_thoughts_are_told_as_dropped() -> None:
    """A refusal is words."""
    made = call(
        {**USER, "name": "ada"},
        {"role": "assistant", "content": None, "refusal": "No.", "reasoning_content": "Hm"},
    )
    found = turns(made.typed.messages, made, "P")
    assert found[1]["content"] == "No."
    assert made.dropped == ["messages.name", "messages.reasoning_content"]
