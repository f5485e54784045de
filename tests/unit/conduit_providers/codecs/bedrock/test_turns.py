"""A conversation as Converse wants it."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.bedrock.answer import FORMAT
from conduit_providers.codecs.bedrock.options import ChatModel
from conduit_providers.codecs.bedrock.turns import (
    ALONE,
    MAX_NAME_CHARS,
    UNNAMED,
    Conversation,
    cache_point,
)
from conduit_providers.codecs.shared.call_ids import MAX_CHARS
from conduit_providers.codecs.shared.claude_blocks import CONVERSE_FORMAT
from conduit_providers.operations.chat import ChatCall, chat_request

Json = dict[str, Any]
USER: Json = {"role": "user", "content": "x"}
CACHING = ChatModel(caches_prompts=True)
PDF = "data:application/pdf;base64,AAAA"


def call(*messages: Json) -> ChatCall:
    """Return a call."""
    raw = orjson.dumps({"model": "a", "messages": messages})
    return Call(chat_request(json=raw), alias="a", model="m", provider="P")


def said(*messages: Json) -> list[Json]:
    """Return the turns of a conversation."""
    return Conversation(call(*messages), CACHING, "P").turns()


def content(*parts: Json) -> list[Json]:
    """Return the blocks of one turn of the user's, without the words that documents get."""
    blocks = said({"role": "user", "content": list(parts)})[0]["content"]
    return [block for block in blocks if block != {"text": ALONE}]


def file(filename: str, data: str = PDF, **members: object) -> Json:
    """Return a part."""
    return {"type": "file", "file": {"file_data": data, "filename": filename, **members}}


def test_turns_of_one_speaker_are_joined_and_blank_ones_are_none() -> None:
    """The API refuses blank texts."""
    assert said(USER, {"role": "user", "content": " \n"}, USER, {"role": "assistant"}) == [
        {"role": "user", "content": [{"text": "x"}, {"text": "x"}]}
    ]
    for messages in ([], [{"role": "user", "content": " "}], [{"role": "system", "content": "x"}]):
        with pytest.raises(InvalidRequest, match="at least one turn"):
            said(*messages)


def test_instructions_are_text_with_their_marks() -> None:
    """Of all turns."""
    mark = {"type": "ephemeral", "ttl": "1h"}
    made = call(
        {"role": "system", "content": "a", "cache_control": mark},
        USER,
        {"role": "developer", "content": [{"type": "text", "text": "b", "cache_control": mark}],
         "cache_control": mark},
    )  # fmt: skip
    point = cache_point("1h")
    assert Conversation(made, CACHING, "P").system() == [
        {"text": "a"},
        point,
        {"text": "b"},
        point,
    ]
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with pytest.raises(UnsupportedCapability, match="only text as instructions"):
        Conversation(
            call({"role": "system", "content": [picture]}), ChatModel(caches_prompts=True), "P"
        ).system()


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("report.pdf", "report"),
        ("a/b/Q3 report (v2).pdf", "Q3 report (v2)"),
        ("..pdf", UNNAMED),
        ("Grüße_2026.pdf", "Gr e 2026"),
        ("", UNNAMED),
        ("x" * 500 + ".pdf", "x" * MAX_NAME_CHARS),
    ],
)
def test_documents_have_names_that_the_api_takes(filename: str, name: str) -> None:
    """A name may be an instruction to the model, so none is made of a data URL."""
    (block,) = content(file(filename))
    assert block["document"]["name"] == name


def test_no_two_documents_of_a_conversation_have_one_name() -> None:
    """The API refuses that."""
    blocks = content(file("a.pdf"), file("a.pdf"), file("a 2.pdf"), file("a.pdf"))
    names = [block["document"]["name"] for block in blocks]
    assert names == ["a", "a 2", "a 2 2", "a 3"]


def test_twenty_thousand_documents_of_one_name_take_no_long_time() -> None:
    """Each is numbered on from the last; the suite's timeout would tell otherwise."""
    names = [block["document"]["name"] for block in content(*[file("a.pdf")] * 20_000)]
    assert names[-1] == "a 20000"


def test_documents_keep_the_members_that_are_converses_own() -> None:
    """Pictures have none of them."""
    (block,) = content(file("a.pdf", citations={"enabled": True}, mood=1))
    assert block["document"]["citations"] == {"enabled": True}
    assert "mood" not in block["document"]
    (block,) = content(file("a.png", "data:image/png;base64,AAAA", citations={"enabled": True}))
    assert block == {"image": {"format": "png", "source": {"bytes": "AAAA"}}}


def test_files_lie_in_the_request_or_in_s3() -> None:
    """Bedrock keeps none."""
    (block,) = content({"type": "file", "file": {"file_id": "s3://b/x.pdf"}})
    assert block["document"]["source"] == {"s3Location": {"uri": "s3://b/x.pdf"}}
    assert block["document"]["name"] == "x"
    with pytest.raises(UnsupportedCapability, match="keeps no files"):
        content({"type": "file", "file": {"file_id": "file-1"}})


def test_thoughts_go_back_to_where_they_are_good() -> None:
    """Claude's sealed ones of its own API are not."""
    details = [
        {"type": "reasoning.text", "text": "Hm", "signature": "s", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "d", "format": FORMAT},
        {"type": "reasoning.encrypted", "data": "e", "format": "anthropic-claude-v1"},
        {"type": "reasoning.text", "text": "x"},
    ]
    made = call(USER, {"role": "assistant", "content": "a", "reasoning_details": details})
    assert Conversation(made, CACHING, "P").turns()[1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "d"}},
        {"text": "a"},
    ]
    assert made.dropped == ["messages.reasoning_details"]


def test_a_call_and_its_result_find_each_other() -> None:
    """By an id that the API takes, whoever made it; the results are the user's."""
    called = {"id": "call/ü:1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = said(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "call/ü:1", "content": '{"a":1}', "is_error": True},
        {"role": "user", "content": "y"},
    )
    (use,) = found[1]["content"]
    result, words = found[2]["content"]
    assert use["toolUse"]["toolUseId"] == result["toolResult"]["toolUseId"] == "call___1"
    assert result["toolResult"]["content"] == [{"text": '{"a":1}'}]
    assert result["toolResult"]["status"] == "error"
    assert words == {"text": "y"}


def test_ids_are_bounded() -> None:
    """Other providers have longer ones."""
    called = {"id": "x" * 300, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = said(USER, {"role": "assistant", "content": None, "tool_calls": [called]})
    assert len(found[1]["content"][0]["toolUse"]["toolUseId"]) == MAX_CHARS


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "function", "name": "f", "content": "x"},
        {"role": "user", "content": [{"type": "hologram"}]},
        {"role": "assistant", "content": None,
         "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
    ],
)  # fmt: skip
def test_what_converse_does_not_know_is_refused(turn: Json) -> None:
    """Another candidate may know it."""
    with pytest.raises(UnsupportedCapability):
        said(turn)


def test_kept_blocks_go_back_in_their_order_with_the_calls_of_the_message() -> None:
    """Two of one id are two, one that is gone is not sent, one that is new comes last."""
    search = {"toolUse": {"toolUseId": "s", "type": "server_tool_use", "name": "nova_grounding"}}
    blocks = [{"toolUse": {"toolUseId": each}} for each in ("c", "c", "gone")]
    details = [
        {
            "type": "reasoning.encrypted",
            "format": CONVERSE_FORMAT,
            "data": orjson.dumps(each).decode(),
        }
        for each in (blocks[0], search, *blocks[1:], {"toolUse": 7})
    ]
    calls = [
        {"id": each, "type": "function", "function": {"name": name, "arguments": "{}"}}
        for each, name in (("c", "f"), ("c", "g"), ("d", "h"))
    ]
    message = {"role": "assistant", "reasoning_details": details, "tool_calls": calls}
    [_, turn] = said(USER, message)
    assert [block["toolUse"]["name"] for block in turn["content"]] == [
        "f",
        "nova_grounding",
        "g",
        "h",
    ]
