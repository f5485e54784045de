"""The events of a streamed answer of Perplexity's Agent API.

perplexityai 0.46.1, the Python SDK: generated.api.ResponseStreamEventOutput.
"""

import msgspec

from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk, ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit_providers.codecs.perplexity.answer import (
    Item,
    Reply,
    annotations,
    calls_in,
    failure,
    finish_of,
    signature_member,
    sources,
    text_of,
)
from conduit_providers.codecs.shared.call_ids import answered_id
from conduit_providers.codecs.shared.chunk_decoder import EventDecoder
from conduit_providers.codecs.shared.finish import put_finish
from conduit_providers.codecs.shared.sse import SseEvent
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.chat import ChatCall

# More calls than that are no answer.
MAX_CALLS = 1000


class Event(msgspec.Struct):
    """An event of a stream."""

    type: str = ""
    response: Reply | None = None
    item: Item | None = None
    delta: str | None = None
    # What the model thinks of its search.
    thought: str | None = None
    error: object = None


_DECODER = JsonReader(Event)


class PerplexityChatDecoder(EventDecoder):
    """Turns stream events into chunks, up to the one that has the whole answer."""

    def __init__(self, call: ChatCall) -> None:
        super().__init__(call)
        self._has_begun = False
        self._has_text = False
        # The ids of calls that were told.
        self._called: set[str] = set()
        self._calls = 0

    def _read(self, piece: SseEvent, chunks: list[ChatCompletionChunk]) -> None:
        if piece.data == b"[DONE]":
            return
        try:
            self._read_event(_DECODER.decode(piece.data), chunks)
        except msgspec.DecodeError as error:
            raise malformed(self._provider, "an event is not one of a response") from error

    def _read_event(self, event: Event, chunks: list[ChatCompletionChunk]) -> None:
        """Add the chunks of an event; types that are not known are skipped."""
        match event.type:
            case "response.output_text.delta" if event.delta:
                self._begin(chunks)
                self._has_text = True
                self._chunk(chunks, ChatDelta(content=event.delta))
            case "response.created":
                self._take_head(event.response)
                self._begin(chunks)
            case "response.output_item.done" if event.item is not None:
                self._add_calls([event.item], chunks)
            case "response.completed" | "response.incomplete":
                self._add_end(event.response, chunks)
            case "response.failed" | "error":
                raise failure(event.error, self._provider)
            case _ if event.thought:
                self._begin(chunks)
                self._chunk(chunks, ChatDelta(reasoning_content=event.thought))

    def _take_head(self, reply: Reply | None) -> None:
        if reply is not None:
            self._head.id = reply.id
            self._head.model = reply.model or self._head.model

    def _begin(self, chunks: list[ChatCompletionChunk]) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._chunk(chunks, ChatDelta(role=CHAT_ROLE_ASSISTANT, content=""))

    def _add_calls(self, items: list[Item], chunks: list[ChatCompletionChunk]) -> None:
        for item in calls_in(items):
            call_id = answered_id(item.call_id, self._calls)
            if call_id in self._called:
                continue
            if self._calls == MAX_CALLS:
                raise malformed(self._provider, "its answer has more calls than make sense")
            self._begin(chunks)
            delta = ChatDelta()
            call = delta.tool_calls.add(index=self._calls, id=call_id, type="function")
            call.function.name = item.name or ""
            call.function.arguments = item.arguments or "{}"
            call.unknown_json = signature_member(item)
            self._called.add(call_id)
            self._calls += 1
            self._chunk(chunks, delta)

    def _add_end(self, reply: Reply | None, chunks: list[ChatCompletionChunk]) -> None:
        if reply is None:
            raise malformed(self._provider, "its stream ends without an answer")
        finish = finish_of(reply, self._provider)
        items = reply.output or []
        self._begin(chunks)
        if not self._has_text and (text := text_of(items)):
            self._chunk(chunks, ChatDelta(content=text))
        self._add_calls(items, chunks)
        if cited := annotations(items):
            self._cite(chunks, cited)
        choice = self._chunk(chunks, ChatDelta())
        put_finish(choice, finish, has_calls=bool(self._calls))
        if found := sources(items):
            chunks[-1].unknown_json = msgspec.json.encode(found)
        self.done = True
        if reply.usage is not None:
            self.usage = reply.usage.quantities()
            self._add_usage(reply.usage.usage(), chunks)
