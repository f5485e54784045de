"""Blocks of Bedrock's answers that must be sent back as they came.

https://docs.aws.amazon.com/nova/latest/nova2-userguide/using-tools.html: calls of the provider's
own tools and their results stand in the model's turn, and so do texts with what they cite.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from conduit.v1.chat_message_pb2 import ReasoningDetail
from conduit_providers.codecs.bedrock.answer import Block
from conduit_providers.codecs.shared import kept_blocks
from conduit_providers.codecs.shared.claude_blocks import (
    CONVERSE_FORMAT,
    MESSAGES_FORMAT,
    as_converse,
)
from conduit_providers.codecs.shared.kept_blocks import CALL, TEXT, THOUGHT, BlockOrder
from conduit_providers.json_reading import parsed

Json = dict[str, Any]


def must_be_kept(blocks: Iterable[Block]) -> bool:
    """Return whether the blocks of a whole answer must be sent back as they came."""
    order = BlockOrder()
    for block in blocks:
        order.add(_place_of(block))
    return order.is_lost


def _place_of(block: Block) -> int | None:
    if block.reasoning_content is not None:
        return THOUGHT
    if block.call is not None:
        return CALL
    return TEXT if block.text is not None else None


def put_block(detail: ReasoningDetail, block: Json, index: int) -> None:
    """Write a block into a detail."""
    kept_blocks.put_block(detail, CONVERSE_FORMAT, block, index)


def block_in(detail: ReasoningDetail) -> Json | None:
    """Return the block that a detail has, Anthropic's as Bedrock's; None if it has none."""
    own = kept_blocks.block_in(detail, CONVERSE_FORMAT)
    return as_converse(kept_blocks.block_in(detail, MESSAGES_FORMAT)) if own is None else own


def words_in(blocks: Iterable[Json]) -> str:
    """Return the words of blocks."""
    return "".join(_words(block) for block in blocks)


def _words(block: Json) -> str:
    match block:
        case {"text": str(text)}:
            return text
        case {"citationsContent": {"content": list(content)}}:
            return words_in(each for each in content if isinstance(each, dict))
    return ""


class StreamedBlocks:
    """The blocks of a streamed answer, held back until it shows that they must be kept."""

    def __init__(self) -> None:
        self._order = BlockOrder()
        # By index: those that are under way, and the pieces of their texts or inputs.
        self._open: dict[int, Json] = {}
        self._pieces: dict[int, list[str]] = {}
        self._cited: dict[int, list[msgspec.Raw]] = {}
        self._thoughts: set[int] = set()
        self._ended: list[Json] = []

    def begin(self, index: int, start: Block, event: bytes) -> list[Json]:
        """Take in that a call, or what only the API understands, begins; return what is kept.

        msgspec.DecodeError if the event is no JSON.
        """
        self._order.add(_place_of(start))
        self._open[index] = parsed(event)["start"]
        return self._kept()

    def say(self, index: int, text: str) -> None:
        """Take more of a text."""
        if index not in self._open:
            self._order.add(TEXT)
            self._open[index] = {}
        self._pieces.setdefault(index, []).append(text)

    def think(self, index: int) -> list[Json]:
        """Take in that a thought comes, which goes its own way; return what is kept before it."""
        if index in self._thoughts:
            return []
        self._thoughts.add(index)
        self._order.add(THOUGHT)
        return self._kept()

    def cite(self, index: int, citation: msgspec.Raw) -> None:
        """Take what a text cites."""
        self._order.is_lost = True
        self._open.setdefault(index, {})
        self._cited.setdefault(index, []).append(citation.copy())

    def add_input(self, index: int, text: str) -> None:
        """Take more of what a tool is called with."""
        self._pieces.setdefault(index, []).append(text)

    def fill(self, index: int, event: bytes) -> None:
        """Take more of what only the API understands. msgspec.DecodeError."""
        if index not in self._open:
            return
        block = self._open[index]
        for name, value in (parsed(event).get("delta") or {}).items():
            inside = block.get(name)
            if isinstance(inside, dict) and isinstance(value, list):
                content = inside.setdefault("content", [])
                if isinstance(content, list):
                    content += value
            elif isinstance(inside, dict) and isinstance(value, dict):
                block[name] = inside | value

    def end(self, index: int) -> list[Json]:
        """Take in that a block has ended; return the blocks that must be kept."""
        block = self._open.pop(index, None)
        if block is not None:
            self._ended.append(self._whole(block, self._pieces.pop(index, ()), index))
        return self._kept()

    def _whole(self, block: Json, pieces: Sequence[str], index: int) -> Json:
        said, cited = "".join(pieces), self._cited.pop(index, None)
        if "toolUse" in block:
            return {"toolUse": {**block["toolUse"], "input": _input(said)}}
        if cited:
            citations = [parsed(bytes(each)) for each in cited]
            return {"citationsContent": {"content": [{"text": said}], "citations": citations}}
        return block | ({"text": said} if said else {})

    def _kept(self) -> list[Json]:
        if not self._order.is_lost:
            return []
        ended, self._ended = self._ended, []
        return ended


def _input(text: str) -> object:
    try:
        return parsed(text.encode() or b"{}")
    except msgspec.DecodeError:
        return {}
