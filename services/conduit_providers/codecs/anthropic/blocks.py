"""What Anthropic's answers have beyond words, thoughts and calls: citations, and tools of its own.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools and
https://platform.claude.com/docs/en/build-with-claude/citations

Citations become annotations in the form that OpenAI has for those of the web; where in a document
something stands is beside it, under Anthropic's name for it. Kept as they came, beside those that
are not as OpenAI's form has them: blocks of the provider's own tools, what cites, and calls that
the provider's own code made.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from conduit.v1.chat_message_pb2 import ReasoningDetail
from conduit_providers.codecs.anthropic.answer import Block
from conduit_providers.codecs.shared import kept_blocks
from conduit_providers.codecs.shared.claude_blocks import (
    CONVERSE_FORMAT,
    MESSAGES_FORMAT,
    as_messages,
)
from conduit_providers.codecs.shared.kept_blocks import CALL, TEXT, THOUGHT, BlockOrder
from conduit_providers.json_reading import parsed

Json = dict[str, Any]

# What cites a page that the model has found.
WEB = "web_search_result_location"
# Where OpenAI's form has blocks.
_PLACES = {"thinking": THOUGHT, "redacted_thinking": THOUGHT, "text": TEXT, "tool_use": CALL}


def add_to(order: BlockOrder, block: Block) -> None:
    """Take in that a block begins."""
    order.add(_PLACES.get(block.type))
    caller = block.caller
    is_called_by_code = isinstance(caller, dict) and caller.get("type") != "direct"
    if block.citations or is_called_by_code:
        order.is_lost = True


def must_be_kept(blocks: Iterable[Block]) -> bool:
    """Return whether the blocks of a whole answer must be sent back as they came."""
    order = BlockOrder()
    for block in blocks:
        add_to(order, block)
    return order.is_lost


def put_block(detail: ReasoningDetail, block: Mapping[str, object], index: int) -> None:
    """Write a block into a detail."""
    kept_blocks.put_block(detail, MESSAGES_FORMAT, block, index)


def block_in(detail: ReasoningDetail) -> Json | None:
    """Return the block that a detail has, Bedrock's as Anthropic's; None if it has none."""
    block = kept_blocks.block_in(detail, MESSAGES_FORMAT)
    if block is None:
        return as_messages(kept_blocks.block_in(detail, CONVERSE_FORMAT))
    return block if isinstance(block.get("type"), str) else None


def text_in(blocks: Iterable[Mapping[str, object]]) -> str:
    """Return the words of blocks."""
    return "".join(str(each.get("text", "")) for each in blocks if each["type"] == "text")


def annotations(citations: Iterable[msgspec.Raw], start: int, end: int) -> list[Json]:
    """Return what a text cites; `start` and `end` are its place in the answer, in characters.

    msgspec.DecodeError if a citation is no JSON.
    """
    members = [parsed(bytes(each)) for each in citations]
    return [_annotation(each, start, end) for each in members if isinstance(each, dict)]


def annotations_of(blocks: Sequence[Block]) -> list[Json]:
    """Return what the texts of a whole answer cite."""
    found: list[Json] = []
    at = 0
    for block in blocks:
        if block.type == "text":
            end = at + len(block.text or "")
            found += annotations(block.citations or (), at, end)
            at = end
    return found


def _annotation(citation: Json, start: int, end: int) -> Json:
    kind = str(citation.pop("type", "citation"))
    cited: Json = {
        "start_index": start,
        "end_index": end,
        # The source of a caller's own search results may be an address; documents have none.
        "url": citation.get("url") or citation.get("source") or "",
        "title": citation.get("title") or citation.get("document_title") or "",
    }
    if citation.get("cited_text"):
        # Where OpenRouter has it.
        cited["content"] = citation["cited_text"]
    found: Json = {"type": "url_citation", "url_citation": cited}
    return found if kind == WEB else found | {kind: citation}


class StreamedBlocks:
    """The blocks of a streamed answer, as far as more than OpenAI's form tells matters.

    Texts and calls are held back until the answer shows that they must be kept.
    """

    def __init__(self) -> None:
        self._order = BlockOrder()
        # Characters said, and where each text begins.
        self._said = 0
        self._starts: dict[int, int] = {}
        self._cited: dict[int, list[msgspec.Raw]] = {}
        # By index: those that are under way, and texts and calls that have ended.
        self._open: dict[int, Json] = {}
        # What came of their texts and inputs.
        self._pieces: dict[int, list[str]] = {}
        self._ended: list[tuple[int, Json]] = []

    def begin(self, index: int, block: Block, event: bytes) -> list[tuple[int, Json]]:
        """Take in that a block begins, from its event; return those that must be sent back.

        msgspec.DecodeError if the event is no JSON.
        """
        add_to(self._order, block)
        match block.type:
            case "text":
                self._begin_text(index, block)
            case "thinking" | "redacted_thinking":
                # Goes its own way.
                pass
            case _:
                self._open[index] = parsed(event)["content_block"]
        return self._kept()

    def _begin_text(self, index: int, block: Block) -> None:
        self._starts[index] = self._said
        self._open[index] = {"type": "text", "text": ""}
        self._pieces[index] = []
        self._cited[index] = list(block.citations or ())
        self.add_text(index, block.text or "")

    def add_text(self, index: int, text: str) -> None:
        """Take more of a text."""
        self._said += len(text)
        if index in self._pieces:
            self._pieces[index].append(text)

    def cite(self, index: int, citation: msgspec.Raw) -> None:
        """Take a citation of a text."""
        self._order.is_lost = True
        # Not tied to the event that it came in.
        self._cited.setdefault(index, []).append(citation.copy())

    def add_input(self, index: int, text: str) -> None:
        """Take more of what a tool is called with."""
        if index in self._open:
            self._pieces.setdefault(index, []).append(text)

    def fill(self, index: int, event: bytes) -> None:
        """Take what a block of the provider's own has in it, all at once. msgspec.DecodeError."""
        whole = parsed(event)
        delta = whole.get("delta") if isinstance(whole, dict) else None
        if index in self._open and isinstance(delta, dict):
            self._open[index] |= {name: delta[name] for name in delta if name != "type"}

    def cited(self, index: int) -> list[Json]:
        """Return what a text that has ended cites."""
        start = self._starts.get(index, self._said)
        return annotations(self._cited.get(index, ()), start, self._said)

    def end(self, index: int) -> list[tuple[int, Json]]:
        """Take in that a block has ended; return those that must be sent back, by their index."""
        block = self._open.pop(index, None)
        if block is None:
            return []
        said = "".join(self._pieces.pop(index, ()))
        if block["type"] == "text":
            block["text"] = said
        elif said:
            block["input"] = _input(said)
        if self._cited.get(index):
            block["citations"] = [parsed(bytes(each)) for each in self._cited[index]]
        self._ended.append((index, block))
        return self._kept()

    def _kept(self) -> list[tuple[int, Json]]:
        if not self._order.is_lost:
            return []
        ended, self._ended = self._ended, []
        return ended


def _input(text: str) -> object:
    try:
        return parsed(text.encode())
    except msgspec.DecodeError:
        return {}
