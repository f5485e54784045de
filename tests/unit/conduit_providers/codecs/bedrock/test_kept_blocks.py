"""Which blocks of an answer of Converse's are kept, whole and streamed."""

from typing import Any

import msgspec
import orjson
import pytest

from conduit.v1.chat_message_pb2 import ReasoningDetail
from conduit_providers.codecs.bedrock.answer import Block, Cited, Reasoning, ToolUse
from conduit_providers.codecs.bedrock.kept_blocks import (
    StreamedBlocks,
    block_in,
    must_be_kept,
    put_block,
    words_in,
)

Json = dict[str, Any]
TEXT, THOUGHT, CALL = Block("a"), Block(reasoning_content=Reasoning()), Block(tool_use=ToolUse())
SERVER = Block(tool_use=ToolUse(type="server_tool_use"))


def start(block: Json) -> bytes:
    """Return the event that begins a block."""
    return orjson.dumps({"contentBlockIndex": 0, "start": block})


def delta(block: Json) -> bytes:
    """Return an event with more of a block."""
    return orjson.dumps({"contentBlockIndex": 0, "delta": block})


@pytest.mark.parametrize(
    ("blocks", "is_kept"),
    [
        ([THOUGHT, TEXT, CALL, CALL], False),
        ([TEXT, THOUGHT], True),
        ([TEXT, TEXT], True),
        ([SERVER], True),
        ([Block()], True),
        ([Block(citations_content=Cited())], True),
    ],
)
def test_what_openais_form_does_not_tell_is_kept(blocks: list[Block], *, is_kept: bool) -> None:
    """Other orders, the provider's own tools, what cites, and what is not known."""
    assert must_be_kept(blocks) == is_kept


def test_words_are_those_of_texts_and_of_what_cites() -> None:
    """Whatever a caller made of the blocks."""
    cited = {"citationsContent": {"content": [{"text": "b"}, 7], "citations": []}}
    assert words_in([{"text": "a"}, cited, {"toolUse": {}}, {"citationsContent": 7}]) == "ab"


def test_a_block_comes_back_as_it_was_put() -> None:
    """In a detail of its own form."""
    detail = ReasoningDetail()
    put_block(detail, {"text": "a"}, 1)
    assert block_in(detail) == {"text": "a"}
    assert block_in(ReasoningDetail(format="amazon-bedrock-v1", data="{}")) is None


def test_blocks_before_a_use_of_a_tool_are_kept_with_it() -> None:
    """With the input and the result, that came in pieces."""
    blocks, call = StreamedBlocks(), {"toolUse": {"toolUseId": "t", "name": "f"}}
    use = {"toolUse": {"toolUseId": "s", "name": "search", "type": "server_tool_use"}}
    blocks.say(0, "a")
    blocks.say(0, "b")
    assert blocks.end(0) == []
    assert blocks.begin(1, CALL, start(call)) == []
    blocks.add_input(1, '{"x":1}')
    assert blocks.end(1) == []
    called = {"toolUse": {**call["toolUse"], "input": {"x": 1}}}
    assert blocks.begin(2, SERVER, start(use)) == [{"text": "ab"}, called]
    assert blocks.end(2) == [{"toolUse": {**use["toolUse"], "input": {}}}]
    result = {"toolResult": {"toolUseId": "s", "status": "success"}}
    blocks.begin(3, Block(), start(result))
    blocks.fill(3, delta({"toolResult": [{"text": "x"}]}))
    blocks.fill(3, delta({"toolResult": [{"json": {}}]}))
    content = [{"text": "x"}, {"json": {}}]
    assert blocks.end(3) == [{"toolResult": {**result["toolResult"], "content": content}}]


def test_a_text_that_cites_is_kept_with_its_citations() -> None:
    """As the block that whole answers have."""
    blocks = StreamedBlocks()
    blocks.say(0, "a")
    blocks.cite(0, msgspec.Raw(b'{"title":"t"}'))
    cited = {"content": [{"text": "a"}], "citations": [{"title": "t"}]}
    assert blocks.end(0) == [{"citationsContent": cited}]


def test_a_thought_behind_a_text_shows_the_order() -> None:
    """The text goes before it; more of the thought adds nothing."""
    blocks = StreamedBlocks()
    blocks.say(0, "a")
    blocks.end(0)
    assert blocks.think(1) == [{"text": "a"}]
    assert blocks.think(1) == []


def test_pictures_are_kept_whole() -> None:
    """Their format comes first, then their bytes."""
    blocks = StreamedBlocks()
    blocks.begin(0, Block(), start({"image": {"format": "png"}}))
    blocks.fill(0, delta({"image": {"source": {"bytes": "AA=="}}}))
    assert blocks.end(0) == [{"image": {"format": "png", "source": {"bytes": "AA=="}}}]


def test_what_was_never_begun_is_passed_over() -> None:
    """Nor does input that is no JSON break anything."""
    blocks = StreamedBlocks()
    blocks.fill(5, delta({"image": {}}))
    assert blocks.end(5) == []
    blocks.begin(0, SERVER, start({"toolUse": {"toolUseId": "t"}}))
    blocks.add_input(0, "{")
    assert blocks.end(0) == [{"toolUse": {"toolUseId": "t", "input": {}}}]
