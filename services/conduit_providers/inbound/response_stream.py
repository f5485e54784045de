"""From the chunks of a streamed chat to the events of OpenAI's Responses.

https://platform.openai.com/docs/api-reference/responses-streaming: items of an answer may be told
at once, by their places; they end in order, as clients take them down.
"""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from conduit_providers.inbound.message_from_chat import extras_in, extras_of
from conduit_providers.inbound.response_items import (
    COMPLETED,
    IN_PROGRESS,
    INCOMPLETE,
    CallItem,
    CustomCallItem,
    OutputItem,
    SaidItem,
    ThoughtItem,
)
from conduit_providers.inbound.response_tools import ResponseTools
from conduit_providers.inbound.sealed_thoughts import merged

Json = dict[str, Any]

_PREFIX = "resp_"
_ODD = re.compile(r"[^A-Za-z0-9_-]")
# Ids of items are refused from 65 characters on; theirs have a prefix and a number beside this.
_MAX_ID = 48
_DIGITS = 16
# Why an answer is not whole, by why the model stopped.
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponseStreamWriter:
    """Writes the events of one answer."""

    def __init__(
        self, asked: Json, tools: ResponseTools, *, created: int, response_id: str = ""
    ) -> None:
        """Take what the response repeats of the request, and when the call was made.

        Without an id of its own, a response has one by the chat's.
        """
        self._own_id = response_id.removeprefix(_PREFIX)
        self._asked = asked
        self._tools = tools
        self._created = created
        self._summarizes = bool((asked.get("reasoning") or {}).get("summary"))
        self._response: Json = {}
        self._item_id = ""
        self._sequence = 0
        # In their order; those in front of `_ended` have ended.
        self._items: list[OutputItem] = []
        self._ended = 0
        # Calls, by their places in the chat.
        self._calls: dict[int, CallItem] = {}
        # Those whose tool is not known yet: some servers begin with the id alone.
        self._nameless: dict[int, Json] = {}
        # By which providers want the thought under way, and the turn, back.
        self._details: list[Json] = []
        self._extras: Json = {}
        self._why_incomplete = ""

    def events_of(self, chunks: Iterable[Json]) -> list[Json]:
        """Return the events of chunks."""
        found: list[Json] = []
        for chunk in chunks:
            if not self._response:
                found += self._head(chunk)
            for choice in chunk.get("choices") or ():
                if not choice.get("index"):
                    found += self._take(choice)
        return self._numbered(found)

    def end(self, counts: Json) -> list[Json]:
        """Return the last events of a whole answer, given its counts."""
        found = [] if self._response else self._head({})
        for place, call in self._nameless.items():
            # The model's slip, and no reason to lose it.
            found += self._begin_call(place, call)
        found += self._seal()
        for item in self._items:
            item.is_finished = True
        is_incomplete = bool(self._why_incomplete)
        found += self._advance(INCOMPLETE if is_incomplete else COMPLETED)
        status = INCOMPLETE if is_incomplete else COMPLETED
        last = {**self._response, "status": status, "usage": counts}
        if is_incomplete:
            last["incomplete_details"] = {"reason": self._why_incomplete}
        last["output"] = self._written(status)
        found.append({"type": f"response.{status}", "response": last})
        return self._numbered(found)

    def _numbered(self, events: Iterable[Json]) -> list[Json]:
        found: list[Json] = []
        for event in events:
            found.append({"type": event["type"], "sequence_number": self._sequence, **event})
            self._sequence += 1
        return found

    def _head(self, chunk: Json) -> list[Json]:
        bare = self._own_id or _bare_id(chunk.get("id"))
        self._item_id = bare
        self._response = {
            "id": _PREFIX + bare,
            "object": "response",
            "created_at": chunk.get("created") or self._created,
            "status": IN_PROGRESS,
            "error": None,
            "incomplete_details": None,
            "model": chunk.get("model") or "",
            "output": [],
            "usage": None,
            **self._asked,
            "service_tier": chunk.get("service_tier") or "default",
        }
        kinds = ("response.created", f"response.{IN_PROGRESS}")
        return [{"type": kind, "response": self._response} for kind in kinds]

    def _take(self, choice: Json) -> Iterator[Json]:
        delta: Json = choice.get("delta") or {}
        yield from self._take_thought(delta)
        self._extras = merged(self._extras, extras_in(delta))
        yield from self._take_words(delta, _logprobs(choice))
        for call in delta.get("tool_calls") or ():
            yield from self._take_call(call)
        if reason := choice.get("finish_reason"):
            self._why_incomplete = _INCOMPLETE.get(reason, "")

    def _take_thought(self, delta: Json) -> Iterator[Json]:
        details = [each for each in delta.get("reasoning_details") or () if isinstance(each, dict)]
        self._details += details
        text = delta.get("reasoning_content") or ""
        if text:
            item = self._last(ThoughtItem)
            if item is None:
                item = self._thought()
                yield from self._begin(item)
            yield from item.add(text)

    def _thought(self) -> ThoughtItem:
        return ThoughtItem(*self._place(), is_summary=self._summarizes)

    def _take_words(self, delta: Json, logprobs: list[Json]) -> Iterator[Json]:
        texts, refusal = _texts(delta.get("content")), delta.get("refusal") or ""
        cited = [each for each in delta.get("annotations") or () if isinstance(each, dict)]
        if not (texts or refusal or cited):
            return
        item = self._last(SaidItem)
        if item is None:
            yield from self._seal()
            item = SaidItem(*self._place())
            yield from self._begin(item)
        for text in texts:
            yield from item.add(text, logprobs)
        for each in cited:
            yield from item.cite(_annotation(each))
        if refusal:
            yield from item.refuse(refusal)

    def _take_call(self, call: Json) -> Iterator[Json]:
        place = call.get("index")
        place = len(self._calls) if place is None else place
        if (item := self._calls.get(place)) is not None:
            if (text := _arguments(call)) and not item.is_finished:
                yield from item.add(text)
            return
        call = _with_more(self._nameless.pop(place, {}), call)
        if (call.get("function") or {}).get("name"):
            yield from self._begin_call(place, call)
        else:
            self._nameless[place] = call

    def _begin_call(self, place: int, call: Json) -> Iterator[Json]:
        yield from self._seal(extras_of([call]))
        tool = self._tools.given((call.get("function") or {}).get("name") or "")
        kind = CustomCallItem if tool.is_custom else CallItem
        item = self._calls[place] = kind(*self._place(), call.get("id") or "", tool)
        yield from self._begin(item)
        if text := _arguments(call):
            yield from item.add(text)

    def _begin(self, item: OutputItem) -> Iterator[Json]:
        """Begin an item, and end those of which no more can come now."""
        for each in self._items[self._ended :]:
            each.is_finished = each.is_whole if isinstance(each, CallItem) else True
        yield from self._advance(COMPLETED)
        self._items.append(item)
        yield from item.begin()

    def _last(self, kind: type[Any]) -> Any:  # noqa: ANN401 # of this type
        """Return the last item if it is of a kind."""
        return self._items[-1] if self._items and isinstance(self._items[-1], kind) else None

    def _place(self) -> tuple[str, int]:
        index = len(self._items)
        return f"{self._item_id}_{index}", index

    def _seal(self, of_calls: Json | None = None) -> Iterator[Json]:
        """Put what providers want back into the thought that something else follows."""
        kept: Json = {"calls": of_calls} if of_calls else {}
        if self._details:
            kept["details"] = self._details
        if self._extras:
            kept["said"] = self._extras
        self._details, self._extras = [], {}
        if not kept:
            return
        item = self._last(ThoughtItem)
        if item is None:
            item = self._thought()
            yield from self._begin(item)
        item.keep(kept)

    def _advance(self, status: str) -> Iterator[Json]:
        """End the items that are finished, in order; the last one as the answer ends."""
        while self._ended < len(self._items) and self._items[self._ended].is_finished:
            is_last = self._ended == len(self._items) - 1
            yield from self._items[self._ended].end(status if is_last else COMPLETED)
            self._ended += 1

    def _written(self, status: str) -> list[Json]:
        last = len(self._items) - 1
        return [
            item.written(status if at == last else COMPLETED) for at, item in enumerate(self._items)
        ]


def _bare_id(given: object) -> str:
    """Return what ids are made of: the id of the chat, as far as ids of OpenAI's can have it."""
    text = _ODD.sub("", given) if isinstance(given, str) else ""
    text = text.removeprefix(_PREFIX)
    if len(text) <= _MAX_ID:
        return text
    return text[: _MAX_ID - _DIGITS] + sha256(text.encode()).hexdigest()[:_DIGITS]


def _arguments(call: Json) -> str:
    text = (call.get("function") or {}).get("arguments")
    return text if isinstance(text, str) else ""


def _with_more(first: Json, more: Json) -> Json:
    """Return a call with those members of a later piece that say something."""
    before, after = first.get("function") or {}, more.get("function") or {}
    said = {name: value for name, value in after.items() if value}
    function = {**before, **said, "arguments": _arguments(first) + _arguments(more)}
    return {**first, **{n: v for n, v in more.items() if v}, "function": function}


def _texts(content: object) -> list[str]:
    parts = [content] if isinstance(content, str) else content
    if not isinstance(parts, list):
        return []
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return [text for text in texts if isinstance(text, str) and text]


def _logprobs(choice: Json) -> list[Json]:
    found = choice.get("logprobs") or {}
    return [each for each in found.get("content") or () if isinstance(each, dict)]


def _annotation(given: Json) -> Json:
    """Return what an answer cites as Responses have it, which hold its members beside the type."""
    kind = str(given.get("type"))
    held = given.get(kind)
    return {"type": kind, **held} if isinstance(held, dict) else given
