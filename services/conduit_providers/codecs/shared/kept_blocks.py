"""The blocks of answers that must be sent back as they came.

OpenAI's message has thoughts, one text and calls, in this order. What a provider answers otherwise
is not lost when the answer becomes the next turn: its blocks travel as reasoning details, one for
each, and go back in their order.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import orjson

from conduit.v1.chat_message_pb2 import ReasoningDetail
from conduit.v1.chat_tool_pb2 import ToolCall
from conduit_providers.json_reading import parsed

Json = dict[str, Any]

# The places of blocks in OpenAI's form.
THOUGHT, TEXT, CALL = range(3)


class BlockOrder:
    """Tells blocks, in the order that they come in, of which OpenAI's form tells all."""

    __slots__ = ("_last", "is_lost")

    def __init__(self) -> None:
        # Whether something is lost unless the blocks are kept.
        self.is_lost = False
        self._last = THOUGHT

    def add(self, place: int | None) -> None:
        """Take in that a block begins, by its place; None for one that has none."""
        if place is None or place < self._last or place == self._last == TEXT:
            self.is_lost = True
        else:
            self._last = place


class CallsAgain:
    """The calls that a message has, to go back where its blocks have them, each once.

    Several may have one id: the first block with it has the first of them.
    """

    __slots__ = ("_by_id", "_calls")

    def __init__(self, calls: Iterable[ToolCall]) -> None:
        # By their places in the message.
        self._calls = dict(enumerate(calls))
        self._by_id: dict[str, deque[int]] = {}
        for place, call in self._calls.items():
            self._by_id.setdefault(call.id, deque()).append(place)

    def take(self, call_id: object) -> ToolCall | None:
        """Return the next call with an id; None if there is no other one."""
        places = self._by_id.get(call_id) if isinstance(call_id, str) else None
        return self._calls.pop(places.popleft()) if places else None

    def rest(self) -> Iterable[ToolCall]:
        """Return the calls that no block has, in their order."""
        return self._calls.values()


def put_block(detail: ReasoningDetail, form: str, block: Mapping[str, object], index: int) -> None:
    """Write a block into a detail, in a form by which its dialect knows it."""
    detail.type = "reasoning.encrypted"
    detail.data = orjson.dumps(block).decode()
    detail.format = form
    detail.index = index


def block_in(detail: ReasoningDetail, form: str) -> Json | None:
    """Return the block that a detail has; None if it has none of this form."""
    if detail.format != form:
        return None
    try:
        block = parsed(detail.data.encode())
    except msgspec.DecodeError:
        return None
    return block if isinstance(block, dict) else None
