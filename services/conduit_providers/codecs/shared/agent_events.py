"""Writes what an agent and its caller say as items and responses of OpenAI's realtime sessions.

https://platform.openai.com/docs/guides/realtime-conversations
"""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from conduit_providers.codecs.shared.realtime_events import RealtimeEvents
from conduit_providers.codecs.shared.sound_format import SoundFormat
from conduit_providers.codecs.shared.sound_stream import SoundStream
from conduit_providers.session_codec import SessionEvent

Item = dict[str, Any]


class ConversationEvents:
    """Writes the items of one conversation, each behind the one before."""

    def __init__(self, events: RealtimeEvents) -> None:
        self.events = events
        self.last: str | None = None
        self._count = 0
        # Of items that are not complete, the ones before them.
        self._before: dict[str, str | None] = {}

    def name(self) -> str:
        """Return the name of a new item."""
        self._count += 1
        return f"item_{self._count}"

    def added(self, item: Item) -> SessionEvent:
        """Write that an item is in the conversation now."""
        name = item["id"]
        self._before[name], self.last = self.last, name
        return self._written("added", item, self._before[name])

    def done(self, item: Item) -> SessionEvent:
        """Write that an item is complete."""
        return self._written("done", item, self._before.pop(item["id"]))

    def whole(self, item: Item) -> Iterator[SessionEvent]:
        """Write an item that is complete when it comes."""
        yield self.added(item)
        yield self.done(item)

    def _written(self, kind: str, item: Item, before: str | None) -> SessionEvent:
        name = f"conversation.item.{kind}"
        return self.events.write(name, previous_item_id=before, item=item)


class ResponseEvents:
    """Writes what the agent says, one response after the other."""

    def __init__(self, conversation: ConversationEvents) -> None:
        self._conversation = conversation
        self._events = conversation.events
        self._count = 0
        self._item: Item = {}
        self._words = ""
        self._is_spoken = self._has_sound = False
        # From the agent's format to the caller's.
        self._stream = SoundStream(SoundFormat(), SoundFormat())

    def become(self, spoken: SoundFormat, told: SoundFormat) -> None:
        """Take the format that the agent speaks in, and the one that the caller is told."""
        if (spoken, told) != (self._stream.source, self._stream.target):
            self._stream = SoundStream(spoken, told)

    @property
    def is_open(self) -> bool:
        """Return whether the agent is saying something."""
        return bool(self._item)

    @property
    def words(self) -> str:
        """Return the words of the current response, as far as they came."""
        return self._words

    def sound(self, sound: bytes) -> Iterator[SessionEvent]:
        """Hand on some sound."""
        yield from self._begin(is_spoken=True)
        yield from self._sound(self._stream.feed(sound))

    def say(self, words: str, *, is_spoken: bool) -> Iterator[SessionEvent]:
        """Hand on some words."""
        yield from self._begin(is_spoken=is_spoken)
        if words:
            self._words += words
            kind = "audio_transcript" if self._is_spoken else "text"
            yield self._part(f"response.output_{kind}.delta", delta=words)

    def correct(self, words: str) -> None:
        """Note what the words were after all; those that were handed on stay."""
        self._words = words

    def finish(self, *, is_interrupted: bool = False) -> Iterator[SessionEvent]:
        """End the response, if there is one."""
        if not self._item:
            return
        item, rest = self._item, self._stream.end()
        if not is_interrupted:
            yield from self._sound(rest)
        item["status"] = "incomplete" if is_interrupted else "completed"
        item["content"] = [self._content()]
        if self._is_spoken:
            if self._has_sound:
                yield self._part("response.output_audio.done")
            yield self._part("response.output_audio_transcript.done", transcript=self._words)
        else:
            yield self._part("response.output_text.done", text=self._words)
        yield self._part("response.content_part.done", part=self._shown_part())
        yield from self._end(item, is_interrupted=is_interrupted)
        self._item = {}
        self._words = ""
        self._has_sound = False

    def call(self, call_id: str, name: str, arguments: str) -> Iterator[SessionEvent]:
        """Write a response that calls a function."""
        self._count += 1
        item = {
            "id": self._conversation.name(),
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "call_id": call_id,
            "name": name,
            "arguments": "",
        }
        yield self._created()
        yield self._output("added", item)
        yield self._conversation.added(item)
        told = {**self._place(item["id"]), "call_id": call_id}
        kind = "response.function_call_arguments"
        yield self._events.write(f"{kind}.delta", **told, delta=arguments)
        yield self._events.write(f"{kind}.done", **told, name=name, arguments=arguments)
        item |= {"status": "completed", "arguments": arguments}
        yield from self._end(item, is_interrupted=False)

    def _sound(self, sound: bytes) -> Iterator[SessionEvent]:
        if sound:
            self._has_sound = True
            yield self._part("response.output_audio.delta", delta=b64encode(sound).decode())

    def _begin(self, *, is_spoken: bool) -> Iterator[SessionEvent]:
        if self._item:
            return
        self._count += 1
        self._is_spoken = is_spoken
        self._item = {
            "id": self._conversation.name(),
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        yield self._created()
        yield self._output("added", self._item)
        yield self._conversation.added(self._item)
        yield self._part("response.content_part.added", part=self._shown_part())

    def _end(self, item: Item, *, is_interrupted: bool) -> Iterator[SessionEvent]:
        yield self._output("done", item)
        yield self._conversation.done(item)
        status = "cancelled" if is_interrupted else "completed"
        details = {"type": "cancelled", "reason": "turn_detected"} if is_interrupted else None
        response = self._response(status, output=[item], status_details=details)
        yield self._events.write("response.done", response=response)

    def _created(self) -> SessionEvent:
        response = self._response("in_progress", output=[], status_details=None)
        return self._events.write("response.created", response=response)

    def _response(self, status: str, **members: object) -> Item:
        name = f"resp_{self._count}"
        return {"id": name, "object": "realtime.response", "status": status, **members}

    def _output(self, kind: str, item: Item) -> SessionEvent:
        name = f"response.output_item.{kind}"
        return self._events.write(
            name, response_id=f"resp_{self._count}", output_index=0, item=item
        )

    def _part(self, kind: str, **members: object) -> SessionEvent:
        place = self._place(self._item["id"])
        return self._events.write(kind, **place, content_index=0, **members)

    def _place(self, item: str) -> Item:
        return {"response_id": f"resp_{self._count}", "item_id": item, "output_index": 0}

    def _shown_part(self) -> Item:
        if self._is_spoken:
            return {"type": "audio", "transcript": self._words}
        return {"type": "text", "text": self._words}

    def _content(self) -> Item:
        if self._is_spoken:
            return {"type": "output_audio", "transcript": self._words}
        return {"type": "output_text", "text": self._words}
