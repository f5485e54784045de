"""Citations and blocks of Anthropic's own tools, whole and streamed."""

from typing import Any

import msgspec
import orjson
import pytest

from conduit.v1.chat_message_pb2 import ReasoningDetail
from conduit_providers.codecs.anthropic.answer import Block
from conduit_providers.codecs.anthropic.blocks import (
    WEB,
    StreamedBlocks,
    annotations,
    annotations_of,
    block_in,
    must_be_kept,
    put_block,
    text_in,
)
from conduit_providers.codecs.shared.claude_blocks import MESSAGES_FORMAT

Json = dict[str, Any]
SEARCH: Json = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}


def raw(value: object) -> msgspec.Raw:
    """Return a value as it is written."""
    return msgspec.Raw(orjson.dumps(value))


def started(block: Json) -> bytes:
    """Return the event that begins a block."""
    return orjson.dumps({"type": "content_block_start", "index": 0, "content_block": block})


def test_a_block_comes_back_as_it_was_put() -> None:
    """In a detail of the format by which it is known."""
    detail = ReasoningDetail()
    put_block(detail, SEARCH, 3)
    assert (detail.type, detail.format, detail.index) == ("reasoning.encrypted", MESSAGES_FORMAT, 3)
    assert block_in(detail) == SEARCH


@pytest.mark.parametrize(
    ("data", "form"),
    [
        ("", MESSAGES_FORMAT),
        ("{", MESSAGES_FORMAT),
        ("[]", MESSAGES_FORMAT),
        ('{"type":7}', MESSAGES_FORMAT),
        ('{"text":"x"}', MESSAGES_FORMAT),
        (orjson.dumps(SEARCH).decode(), "anthropic-claude-v1"),
    ],
)
def test_what_a_caller_has_broken_is_no_block(data: str, form: str) -> None:
    """Nor is a detail of another format."""
    assert block_in(ReasoningDetail(data=data, format=form)) is None


TEXT, CALL, THOUGHT = Block("text", "a"), Block("tool_use"), Block("thinking")
CODE = {"type": "code_execution_20250825", "tool_id": "s"}


@pytest.mark.parametrize(
    "blocks",
    [
        [],
        [THOUGHT, THOUGHT, TEXT, CALL, CALL],
        [Block("redacted_thinking"), CALL],
        [Block("tool_use", caller={"type": "direct"})],
        [Block("tool_use", caller="nonsense")],
        [Block("text", citations=[])],
    ],
)
def test_blocks_as_openai_has_them_need_not_be_kept(blocks: list[Block]) -> None:
    """Thoughts, one text and the model's own calls say all in OpenAI's form."""
    assert not must_be_kept(blocks)


@pytest.mark.parametrize(
    "blocks",
    [
        [Block("server_tool_use")],
        [TEXT, Block("of a later version")],
        [TEXT, TEXT],
        [TEXT, THOUGHT],
        [CALL, TEXT],
        [Block("tool_use", caller=CODE)],
        [Block("text", "a", citations=[msgspec.Raw(b"{}")])],
    ],
)
def test_what_openais_form_does_not_tell_is_kept(blocks: list[Block]) -> None:
    """Other kinds, another order, several texts, citations, and calls by the provider's code."""
    assert must_be_kept(blocks)


def test_the_words_of_blocks_are_those_of_texts() -> None:
    """Others have none."""
    blocks: list[Json] = [{"type": "text", "text": "a"}, SEARCH, {"type": "text"}]
    assert text_in(blocks) == "a"


@pytest.mark.parametrize(
    ("citation", "found"),
    [
        (
            {"type": WEB, "url": "u", "title": "t", "cited_text": "c"},
            {"url_citation": {"start_index": 1, "end_index": 2, "url": "u", "title": "t",
                              "content": "c"}},
        ),
        (
            {"type": "char_location", "document_title": "d", "start_char_index": 7},
            {"url_citation": {"start_index": 1, "end_index": 2, "url": "", "title": "d"},
             "char_location": {"document_title": "d", "start_char_index": 7}},
        ),
        (
            {"source": "s"},
            {"url_citation": {"start_index": 1, "end_index": 2, "url": "s", "title": ""},
             "citation": {"source": "s"}},
        ),
    ],
)  # fmt: skip
def test_a_citation_is_openais_annotation_and_keeps_its_place(citation: Json, found: Json) -> None:
    """Of the web there is no more to say."""
    assert annotations([raw(citation)], 1, 2) == [{"type": "url_citation", **found}]


def test_what_is_no_citation_cites_nothing() -> None:
    """What is no JSON makes no sense."""
    assert annotations([raw(7), raw(None), raw([])], 0, 1) == []
    with pytest.raises(msgspec.DecodeError):
        annotations([msgspec.Raw(b'{"a":1e999}')], 0, 1)


def test_places_run_on_through_the_texts_of_an_answer() -> None:
    """In characters."""
    cited = [raw({"type": WEB, "url": "u"})]
    blocks = [Block("text", "äö"), Block("tool_use"), Block("text", "abc", citations=cited)]
    (found,) = annotations_of(blocks)
    assert (found["url_citation"]["start_index"], found["url_citation"]["end_index"]) == (2, 5)


def test_texts_alone_need_not_be_sent_back() -> None:
    """They are told as words."""
    blocks = StreamedBlocks()
    blocks.begin(0, Block("text", "a"), b"")
    blocks.add_text(0, "b")
    assert blocks.end(0) == []


def test_texts_that_cite_are_sent_back() -> None:
    """With what they cite, which OpenAI's form has no place for on the way back."""
    blocks, citation = StreamedBlocks(), {"type": WEB, "url": "u"}
    blocks.begin(0, Block("text", "I know."), b"")
    blocks.cite(0, raw(citation))
    (cited,) = blocks.cited(0)
    assert cited["url_citation"]["end_index"] == 7
    assert blocks.end(0) == [(0, {"type": "text", "text": "I know.", "citations": [citation]})]


def test_texts_and_calls_are_sent_back_once_a_tool_was_used() -> None:
    """Also those before it, in order."""
    blocks, call = StreamedBlocks(), {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    blocks.begin(0, Block("text", "I look."), b"")
    assert blocks.end(0) == []
    assert blocks.begin(1, Block("tool_use"), started(call)) == []
    blocks.add_input(1, '{"a":1}')
    assert blocks.end(1) == []
    before = [(0, {"type": "text", "text": "I look."}), (1, {**call, "input": {"a": 1}})]
    assert blocks.begin(2, Block("server_tool_use"), started(SEARCH)) == before
    blocks.add_input(2, '{"query":')
    blocks.add_input(2, '"x"}')
    assert blocks.end(2) == [(2, {**SEARCH, "input": {"query": "x"}})]


def test_blocks_may_be_filled_at_once() -> None:
    """As those of compaction are."""
    blocks = StreamedBlocks()
    blocks.begin(0, Block("compaction"), started({"type": "compaction", "content": None}))
    blocks.fill(0, b'{"delta":{"type":"compaction_delta","content":"short"}}')
    assert blocks.end(0) == [(0, {"type": "compaction", "content": "short"})]


def test_thoughts_between_texts_come_behind_the_first() -> None:
    """Held back until then, the text goes before the thought that shows that the order counts."""
    blocks = StreamedBlocks()
    assert blocks.begin(0, TEXT, b"") == []
    assert blocks.end(0) == []
    assert blocks.begin(1, THOUGHT, b"") == [(0, {"type": "text", "text": "a"})]
    assert blocks.begin(2, TEXT, b"") == []
    assert blocks.end(2) == [(2, {"type": "text", "text": "a"})]


def test_what_begins_no_block_ends_none() -> None:
    """Nor does more of what was never begun."""
    blocks = StreamedBlocks()
    blocks.add_input(0, "{}")
    blocks.add_text(5, "x")
    blocks.fill(0, b'{"delta":{"a":1}}')
    assert blocks.end(0) == []
    assert blocks.end(7) == []
    assert blocks.cited(9) == []


def test_input_that_is_no_json_is_none() -> None:
    """The use is sent back all the same."""
    blocks = StreamedBlocks()
    blocks.begin(0, Block("server_tool_use"), started(SEARCH))
    blocks.add_input(0, '{"query"')
    assert blocks.end(0) == [(0, SEARCH)]
