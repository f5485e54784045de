"""From the chunks of a streamed chat to the events of Anthropic's Messages.

https://platform.claude.com/docs/en/build-with-claude/streaming: blocks come one after the other,
while calls may come at once in a chat. So what belongs to another block waits until the arguments
of the call under way are whole, or the answer has ended.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from conduit_providers.inbound.message_from_chat import (
    extras_in,
    extras_of,
    is_own,
    message_id,
    own_block,
    stop_reason,
)
from conduit_providers.inbound.sealed_thoughts import merged, sealed
from conduit_providers.inbound.tool_names import ToolNames
from conduit_providers.json_reading import parsed

Json = dict[str, Any]


class _Key(NamedTuple):
    """A block of the answer: what it is, and which of its kind."""

    kind: str
    number: int


class _Block:
    """A block with what has come of it and waits to be told."""

    def __init__(self, begin: Json) -> None:
        self.begin = begin
        self.waiting: list[Json] = []
        # Of a call.
        self.arguments: list[str] = []

    @property
    def is_nameless(self) -> bool:
        """Return whether the tool that is called is not known yet."""
        return self.begin.get("name") == ""

    @property
    def is_whole(self) -> bool:
        """Return whether no more can come of a call; of others, more is another block."""
        if self.begin["type"] != "tool_use":
            return True
        text = "".join(self.arguments).strip()
        try:
            return isinstance(parsed(text.encode()), dict)
        except msgspec.DecodeError:
            return False


# What stands for no arguments at all: servers in Go write `null`, others blanks.
_NO_ARGUMENTS = frozenset({"", "null"})


class MessageStreamWriter:
    """Writes the events of one answer."""

    def __init__(self, names: ToolNames, counts: Json) -> None:
        """Take the counts of the head: what is known, or about, of what was read."""
        self._names = names
        self._counts = counts
        self._has_begun = False
        # In the order of their first pieces; the first one is being told once it has begun.
        self._blocks: dict[_Key, _Block] = {}
        self._told: _Key | None = None
        self._index = 0
        # Which text and which thought is meant; another kind between makes another one.
        self._numbers = {"text": 0, "thinking": 0}
        self._last = ""
        self._has_calls = False
        # Of calls, by their places.
        self._ids: dict[int, str] = {}
        # By which providers want the thought under way, and calls, back.
        self._details: list[Json] = []
        self._extras: Json = {}
        self._end: Json = {"stop_reason": "end_turn", "stop_sequence": None}

    def events_of(self, chunks: Iterable[Json]) -> list[Json]:
        """Return the events of chunks."""
        found: list[Json] = []
        for chunk in chunks:
            if not self._has_begun:
                self._has_begun = True
                found.append(self._head(chunk))
            for choice in chunk.get("choices") or ():
                self._take(choice)
            found += self._advance()
        return found

    def end(self, counts: Json) -> list[Json]:
        """Return the last events of a whole answer, given its counts."""
        found = [] if self._has_begun else [self._head({})]
        self._has_begun = True
        self._seal()
        found += self._advance(is_end=True)
        found.append({"type": "message_delta", "delta": self._end, "usage": counts})
        found.append({"type": "message_stop"})
        return found

    def _head(self, chunk: Json) -> Json:
        message: Json = {
            "id": message_id(chunk.get("id")),
            "type": "message",
            "role": "assistant",
            "model": chunk.get("model") or "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._counts,
        }
        return {"type": "message_start", "message": message}

    def _take(self, choice: Json) -> None:
        delta: Json = choice.get("delta") or {}
        details = [each for each in delta.get("reasoning_details") or () if isinstance(each, dict)]
        self._take_thought(delta.get("reasoning_content") or "", details)
        self._extras = merged(self._extras, extras_in(delta))
        for text in (delta.get("content"), delta.get("refusal")):
            if isinstance(text, str) and text:
                self._take_text(text)
        for call in delta.get("tool_calls") or ():
            self._take_call(call)
        if choice.get("finish_reason"):
            reason = stop_reason(choice, has_calls=self._has_calls)
            self._end = {"stop_reason": reason, "stop_sequence": choice.get("stop_sequence")}

    def _take_thought(self, text: str, details: list[Json]) -> None:
        if details and all(map(is_own, details)):
            for detail in details:
                self._take_own(detail)
            return
        if text:
            self._thinking().waiting.append({"type": "thinking_delta", "thinking": text})
        self._details += details

    def _take_own(self, detail: Json) -> None:
        block = own_block(detail)
        if block["type"] == "redacted_thinking":
            self._place("redacted", len(self._blocks) + self._index, block)
            return
        under_way = self._thinking(detail.get("index"))
        if block["thinking"]:
            delta = {"type": "thinking_delta", "thinking": block["thinking"]}
            under_way.waiting.append(delta)
        if block["signature"]:
            delta = {"type": "signature_delta", "signature": block["signature"]}
            under_way.waiting.append(delta)

    def _thinking(self, place: object = None) -> _Block:
        """Return the thought under way; `place` is its place among several, where that is known."""
        begin = {"type": "thinking", "thinking": "", "signature": ""}
        kind = f"thinking{place}" if isinstance(place, int) else "thinking"
        return self._current(kind, begin)

    def _take_text(self, text: str) -> None:
        block = self._current("text", {"type": "text", "text": ""})
        block.waiting.append({"type": "text_delta", "text": text})

    def _current(self, kind: str, begin: Json) -> _Block:
        number = self._numbers.get(kind, 0)
        if self._last != kind:
            self._seal_thought(kind)
            number = self._numbers[kind] = number + 1
        self._last = kind
        return self._place(kind, number, begin)

    def _place(self, kind: str, number: int, begin: Json) -> _Block:
        return self._blocks.setdefault(_Key(kind, number), _Block(begin))

    def _take_call(self, call: Json) -> None:
        self._seal_thought("call")
        self._last, self._has_calls = "call", True
        function, place = call.get("function") or {}, call.get("index") or 0
        call_id = self._ids.setdefault(place, call.get("id") or "")
        if extras := extras_of([call | {"id": call_id}]):
            members = {"calls": extras}
            block = {"type": "redacted_thinking", "data": sealed(members)}
            self._place("sealed", len(self._blocks) + self._index, block)
        name = self._names.given(function.get("name") or "")
        begin = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        block_of_call = self._place("call", place, begin)
        if block_of_call.is_nameless:
            block_of_call.begin["name"] = name
        text = function.get("arguments") or ""
        # Blanks alone are no JSON, which nothing at all is to clients.
        if text.strip() not in _NO_ARGUMENTS or (text and block_of_call.arguments):
            block_of_call.arguments.append(text)
            delta = {"type": "input_json_delta", "partial_json": text}
            block_of_call.waiting.append(delta)

    def _seal_thought(self, following: str) -> None:
        """Sign the thought that something else follows, where its provider wants it back."""
        if self._last == "thinking" and following != "thinking":
            self._seal()

    def _seal(self) -> None:
        kept: Json = {"details": self._details} if self._details else {}
        if self._extras:
            kept["said"] = self._extras
        if not kept:
            return
        text = sealed(kept)
        self._details, self._extras = [], {}
        thought = self._blocks.get(_Key("thinking", self._numbers["thinking"]))
        if thought is not None:
            thought.waiting.append({"type": "signature_delta", "signature": text})
        else:
            block = {"type": "redacted_thinking", "data": text}
            self._place("sealed", len(self._blocks) + self._index, block)

    def _advance(self, *, is_end: bool = False) -> list[Json]:
        """Return the events of what can be told now."""
        found: list[Json] = []
        while self._blocks:
            key, block = next(iter(self._blocks.items()))
            if block.is_nameless and not is_end:
                break
            if self._told != key:
                self._told = key
                found.append(self._event("content_block_start", content_block=block.begin))
            found += [self._event("content_block_delta", delta=each) for each in block.waiting]
            block.waiting.clear()
            if not (is_end or (len(self._blocks) > 1 and block.is_whole)):
                break
            found.append(self._event("content_block_stop"))
            self._index += 1
            del self._blocks[key]
        return found

    def _event(self, kind: str, **members: Json) -> Json:
        return {"type": kind, "index": self._index, **members}
