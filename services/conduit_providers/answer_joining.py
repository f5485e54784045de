"""Joins the answers of several models to one: the next goes on where the first was cut.

A model is given the text as its own beginning, or starts over. All of it works on OpenAI's events.
What an answer said is a text for each place in it: a choice's content, its reasoning, the name and
the arguments of each of its calls.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import orjson

from conduit.v1.json_limits import is_too_deep
from conduit_providers.json_reading import known

Json = dict[str, Any]
# A choice and what of it: `content`, or a part of a call with its index.
Place = tuple[int, str]

_CONTENT: Place = (0, "content")
# The texts of a delta; two names of one are two providers' words for it.
_TEXTS = {
    "content": "content",
    "reasoning_content": "reasoning",
    "reasoning": "reasoning",
    "refusal": "refusal",
}
_DELTA = {*_TEXTS, "role", "tool_calls"}
_CHOICE = {"index", "delta", "finish_reason", "native_finish_reason", "stop_reason"}
_CALL = {"index", "id", "type", "function"}
_LIMITS = ("max_tokens", "max_completion_tokens")


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    index: int | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None


# Providers' events are passed on without being looked at, so that they may have any type.
_check = msgspec.json.Decoder(_Chunk).decode
_read_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_messages = msgspec.json.Decoder(list[msgspec.Raw]).decode


class NotContinuable(Exception):  # nobody's fault
    """An answer has parts that no other one can be held against, or another begins otherwise."""


class Said:
    """An answer as far as it came."""

    def __init__(self, events: Iterable[bytes]) -> None:
        """Read server-sent events. NotContinuable if they have more than texts and calls."""
        self.texts: dict[Place, str] = {}
        self.head: Json = {}
        parts: dict[Place, list[str]] = {}
        for chunk in chunks_in(events):
            self.head = self.head or {k: chunk[k] for k in ("id", "created") if k in chunk}
            for choice in _choices(chunk):
                for place, text in _texts_of(choice):
                    parts.setdefault(place, []).append(text)
        self.texts = {place: "".join(texts) for place, texts in parts.items()}

    @property
    def prefill(self) -> str:
        """Return the text that a model can be given to go on from, as its own; empty for none.

        Models do not go on from half a call, nor for several choices; the space at the end is left
        to them, as some refuse it.
        """
        is_one = all(index == 0 and not name.startswith("call") for index, name in self.texts)
        return self.texts.get(_CONTENT, "").rstrip() if is_one else ""

    def starting_over(self) -> "Joiner":
        """Return what joins an answer that begins anew."""
        return Joiner(self, self.texts)

    def going_on(self, *, is_repeated: bool) -> "Joiner":
        """Return what joins an answer that goes on from the prefill, or repeats it first."""
        text = self.texts[_CONTENT]
        return Joiner(self, {_CONTENT: text if is_repeated else text[len(self.prefill) :]})

    def with_prefill(self, request: bytes, written: int) -> bytes | None:
        """Return a request whose last message is the prefill, None if it cannot be said so.

        `written` is about how many tokens were written: what limits the answer is less by them.
        """
        if not self.prefill:
            return None
        members = _read_members(request)
        messages = _read_messages(members["messages"])
        beginning = _beginning_in(messages)
        if beginning is None:
            return None
        own = {"role": "assistant", "content": beginning + self.prefill}
        limits: dict[str, object] = {
            name: max(1, limit - written)
            for name in _LIMITS
            if isinstance(limit := known(bytes(members.get(name, b"null"))), int)
        }
        return msgspec.json.encode(members | {"messages": [*messages, own]} | limits)


class Joiner:
    """Joins another answer to what was said: leaves out what both say, and the second head."""

    def __init__(self, said: Said, expected: Mapping[Place, str]) -> None:
        self._head = said.head
        self._begun = {index for index, _ in said.texts}
        self._calls = {place for place in said.texts if place[1].startswith("call")}
        # What both say, as far as it is still to come.
        self._left = {place: text for place, text in expected.items() if text}

    @property
    def has_joined(self) -> bool:
        """Return whether all that was said before was said again."""
        return not self._left

    def join(self, events: bytes) -> bytes:
        """Return what is new in events. NotContinuable if they are not like the first ones."""
        new = (self._new(chunk) for chunk in chunks_in([events]))
        return b"".join(b"data: %b\n\n" % orjson.dumps(chunk) for chunk in new if chunk)

    def _new(self, chunk: Json) -> Json | None:
        choices = [choice for each in chunk.get("choices") or () if (choice := self._rest(each))]
        is_said = not choices and chunk.get("choices")
        return None if is_said else chunk | self._head | {"choices": choices}

    def _rest(self, choice: Json) -> Json | None:
        """Return what is new in a choice; None if nothing is."""
        index, delta = choice.get("index") or 0, choice.get("delta") or {}
        texts = dict(self._unsaid(index, delta))
        calls = [
            call for each in delta.get("tool_calls") or () if (call := self._call(index, each))
        ]
        others = {k: v for k, v in delta.items() if v and k not in _DELTA}
        rest = others | texts | ({"tool_calls": calls} if calls else {})
        if index not in self._begun and delta.get("role"):
            rest["role"] = delta["role"]
        if (rest or choice.get("finish_reason")) and self._is_behind(index):
            raise NotContinuable
        if not rest and not choice.get("finish_reason"):
            return None
        return choice | {"delta": rest}

    def _unsaid(self, index: int, delta: Json) -> Iterable[tuple[str, str]]:
        for name, place in _TEXTS.items():
            if (text := delta.get(name)) and (rest := self._beyond((index, place), text)):
                yield name, rest

    def _call(self, index: int, call: Json) -> Json | None:
        """Return what is new in a piece of a call; None if nothing is."""
        place, function = f"call {call.get('index') or 0} ", call.get("function") or {}
        is_known = (index, place + "name") in self._calls
        rest = {
            name: new
            for name in ("name", "arguments")
            if (text := function.get(name)) and (new := self._beyond((index, place + name), text))
        }
        if not is_known:
            return call
        return {"index": call.get("index") or 0, "function": rest} if rest else None

    def _beyond(self, place: Place, text: str) -> str:
        """Return what a text says beyond what is expected in its place. NotContinuable."""
        left = self._left.get(place, "")
        if left.startswith(text):
            self._set_left(place, left[len(text) :])
            return ""
        if not text.startswith(left):
            raise NotContinuable
        self._set_left(place, "")
        return text[len(left) :]

    def _set_left(self, place: Place, left: str) -> None:
        if left:
            self._left[place] = left
        else:
            self._left.pop(place, None)

    def _is_behind(self, index: int) -> bool:
        return any(place[0] == index for place in self._left)


def _beginning_in(messages: list[msgspec.Raw]) -> str | None:
    """Take the beginning that the caller gave the answer out of the messages, if it did.

    None if it is more than text.
    """
    last = known(bytes(messages[-1]))
    if not isinstance(last, dict) or last.get("role") != "assistant":
        return ""
    content = last.get("content")
    if not isinstance(content, str) or last.get("tool_calls"):
        return None
    messages.pop()
    return content


def chunks_in(events: Iterable[bytes]) -> Iterable[Json]:
    """Yield the chunks of events. NotContinuable if one is none."""
    for block in events:
        for line in block.splitlines():
            if line.startswith(b"data:"):
                yield _chunk(line[5:])


def _chunk(data: bytes) -> Json:
    if is_too_deep(data):
        raise NotContinuable
    try:
        _check(data)
        return dict(orjson.loads(data))
    except ValueError as error:
        raise NotContinuable from error


def _choices(chunk: Json) -> list[Json]:
    choices = chunk.get("choices") or []
    for choice in choices:
        delta = choice.get("delta") or {}
        odd = [v for k, v in choice.items() if k not in _CHOICE and v]
        odd += [v for k, v in delta.items() if k not in _DELTA and v]
        if odd or choice.get("finish_reason"):
            raise NotContinuable
    return list(choices)


def _texts_of(choice: Json) -> Iterable[tuple[Place, str]]:
    index, delta = choice.get("index") or 0, choice.get("delta") or {}
    yield (index, "content"), ""
    for name, place in _TEXTS.items():
        if text := delta.get(name):
            yield (index, place), text
    for call in delta.get("tool_calls") or ():
        if call.keys() - _CALL:
            raise NotContinuable
        place, function = f"call {call.get('index') or 0} ", call.get("function") or {}
        yield (index, place + "name"), function.get("name") or ""
        yield (index, place + "arguments"), function.get("arguments") or ""
