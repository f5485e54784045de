"""Items of OpenAI's Responses as the turns of a chat.

https://platform.openai.com/docs/api-reference/responses/create: what a model thinks, says and calls
are items of their own, which are one turn of a chat; what came of its calls follows it at once.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from conduit.v1.response_pb2 import ResponseItem
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.response_parts import APART, ResponseParts, joined
from conduit_providers.inbound.response_tools import INPUT, chat_name
from conduit_providers.inbound.sealed_thoughts import OpenedThoughts, is_sealed

Json = dict[str, Any]

_CALLS = frozenset({"function_call", "custom_tool_call"})
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
_MODELS = "assistant"
_ROLES = frozenset({"user", "system", "developer", _MODELS})
_SUMMARIES_APART = "\n\n"


class ResponseTurns:
    """Translates the items of one request."""

    def __init__(self, dropped: Dropped, parts: ResponseParts) -> None:
        self._dropped = dropped
        self._parts = parts
        self._found: list[Json] = []
        self._turn = _ModelTurn(parts, dropped)
        # What came of calls, by the calls' ids, which may come again: places of items, until told.
        self._outputs: defaultdict[str, deque[int]] = defaultdict(deque)
        self._items: Sequence[ResponseItem] = ()

    def of(self, items: Sequence[ResponseItem]) -> list[Json]:
        """Return the turns. UnsupportedCapability for items that a chat cannot have."""
        self._items = items
        for place, item in enumerate(items):
            if item.type in _OUTPUTS:
                self._outputs[item.call_id].append(place)
        for place, item in enumerate(items):
            self._take(item, place)
        self._end_turn()
        return self._found

    def _take(self, item: ResponseItem, place: int) -> None:
        match item.type:
            case "" | "message":
                self._take_message(item)
            case kind if kind in _CALLS:
                self._turn.call(item)
            case "reasoning":
                self._turn.think(item)
            case kind if kind in _OUTPUTS:
                self._end_turn()
                if place in self._outputs[item.call_id]:
                    # Of no call that is there.
                    self._take_output(item.call_id)
            case "item_reference":
                raise not_kept("An item by its id")
            case "compaction" | "compaction_trigger":
                # It stands for the conversation, which nobody else could go on from.
                message = "A compaction can be made and read by OpenAI alone"
                raise UnsupportedCapability(message, capability=item.type)
            case kind:
                self._dropped.add(f"input.{kind}")

    def _take_message(self, item: ResponseItem) -> None:
        role = item.role or "user"
        if role not in _ROLES:
            message = "input.role must be user, assistant, system or developer"
            raise InvalidRequest(message, field="input.role")
        if role == _MODELS:
            self._turn.say(item)
            return
        self._end_turn()
        content = item.text if item.HasField("text") else self._parts.content(item.content)
        self._found.append({"role": role, "content": content})

    def _end_turn(self) -> None:
        """Put down the model's turn under way, and what came of its calls, wherever it stands."""
        turn, self._turn = self._turn, _ModelTurn(self._parts, self._dropped)
        self._found += turn.members()
        for call_id in turn.call_ids:
            if self._outputs[call_id]:
                self._take_output(call_id)

    def _take_output(self, call_id: str) -> None:
        """Put down the first output of a call that was not yet."""
        item = self._items[self._outputs[call_id].popleft()]
        content = self._parts.output(item.output_json)
        self._found.append({"role": "tool", "tool_call_id": call_id, "content": content})


class _Piece(NamedTuple):
    """Words of one item."""

    answer: str
    content: str | list[Json]


class _ModelTurn:
    """Gathers a turn of the model."""

    def __init__(self, parts: ResponseParts, dropped: Dropped) -> None:
        self._parts = parts
        self._dropped = dropped
        self._said: list[_Piece] = []
        self._calls: list[Json] = []
        self._thoughts: list[_Piece] = []
        self._opened = OpenedThoughts()

    @property
    def call_ids(self) -> Iterable[str]:
        """Return the ids of its calls."""
        return [call["id"] for call in self._calls]

    def say(self, item: ResponseItem) -> None:
        """Add words."""
        if content := self._parts.content(item.content, between=""):
            self._said.append(_Piece(_answer_of(item), content))

    def call(self, item: ResponseItem) -> None:
        """Add a call."""
        is_custom = item.type == "custom_tool_call"
        arguments = orjson.dumps({INPUT: item.input}).decode() if is_custom else item.arguments
        function = {"name": chat_name(item.name, item.namespace), "arguments": arguments or "{}"}
        self._calls.append({"id": item.call_id, "type": "function", "function": function})

    def think(self, item: ResponseItem) -> None:
        """Add a thought; one that its provider sealed, no other can read."""
        content = "".join(part.text for part in item.content)
        thought = content or _SUMMARIES_APART.join(part.text for part in item.summary)
        if thought:
            self._thoughts.append(_Piece(_answer_of(item), thought))
        if is_sealed(item.encrypted_content):
            self._opened.add(item.encrypted_content)
        elif item.encrypted_content:
            self._dropped.add("input.encrypted_content")

    def members(self) -> list[Json]:
        """Return the turn; nothing where nothing was said."""
        found: Json = {**self._opened.of_turn}
        if self._said:
            found["content"] = _together(self._said)
        if self._calls:
            found.setdefault("content", None)
            found["tool_calls"] = [
                self._opened.of_calls.get(each["id"], {}) | each for each in self._calls
            ]
        if self._thoughts:
            found["reasoning_content"] = _together(self._thoughts)
        if self._opened.details:
            found["reasoning_details"] = self._opened.details
        if not found:
            return []
        found.setdefault("content", "")
        return [{"role": _MODELS, **found}]


def not_kept(what: str) -> UnsupportedCapability:
    """Return the error for what only the provider that keeps it can read."""
    message = (
        f"{what} is known to the provider alone that keeps it: send the items themselves in"
        " `input`, with `store` false"
    )
    return UnsupportedCapability(message, capability="stored_responses")


def _answer_of(item: ResponseItem) -> str:
    """Return of which answer an item is, by its id; empty if that does not tell."""
    return item.id.partition("_")[2].rpartition("_")[0]


def _together(pieces: Sequence[_Piece]) -> str | list[Json]:
    """Return pieces as one content: those of one answer as it was, others apart."""
    parts: list[Json] = []
    last = ""
    for answer, content in pieces:
        between = "" if answer and answer == last else APART
        more = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        if parts and {parts[-1]["type"], more[0]["type"]} == {"text"}:
            first = more.pop(0)
            parts[-1] = {**first, "text": f"{parts[-1]['text']}{between}{first['text']}"}
        parts += more
        last = answer
    return joined(parts, "")
