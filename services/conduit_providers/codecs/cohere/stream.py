"""The events of a streamed answer of Cohere's Chat.

https://docs.cohere.com/docs/streaming
"""

import msgspec

from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk, ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit_providers.codecs.cohere.answer import (
    FORMAT,
    TOOL_PLAN,
    Called,
    Citation,
    Content,
    Counts,
    Function,
    Logprob,
    annotations,
    chat_usage,
    failure,
    finish_of,
    logprobs,
)
from conduit_providers.codecs.shared.call_ids import answered_id
from conduit_providers.codecs.shared.chunk_decoder import EventDecoder
from conduit_providers.codecs.shared.finish import put_finish
from conduit_providers.codecs.shared.sse import SseEvent
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.chat import ChatCall

DONE = b"[DONE]"
# More calls and thoughts than that are no answer.
MAX_PARTS = 1000


class Piece(msgspec.Struct):
    """An event's part of the message. The head of a stream has empty lists in their places."""

    content: Content | list[object] | None = None
    tool_plan: str | None = None
    tool_calls: Called | list[object] | None = None
    citations: Citation | list[object] | None = None


class Delta(msgspec.Struct):
    """An event's addition, or the end of the stream."""

    message: Piece | None = None
    finish_reason: str | None = None
    error: str | None = None
    usage: Counts | None = None


class Event(msgspec.Struct):
    """An event of a stream. One without a type, but with a message, tells of a failure."""

    type: str = ""
    id: str | None = None
    index: int = 0
    delta: Delta | None = None
    logprobs: Logprob | None = None
    message: object = None


_DECODER = JsonReader(Event)


class CohereChatDecoder(EventDecoder):
    """Turns stream events into chunks, up to `message-end`."""

    def __init__(self, call: ChatCall) -> None:
        super().__init__(call)
        # By the indices of Cohere's events: a tool's place among the calls and whether any of its
        # arguments came; the place among the thoughts of a block, or of the plan.
        self._tools: dict[int, int] = {}
        self._with_arguments: set[int] = set()
        self._thoughts: dict[int | str, int] = {}

    def _read(self, piece: SseEvent, chunks: list[ChatCompletionChunk]) -> None:
        if piece.data == DONE:
            return
        try:
            self._read_event(_DECODER.decode(piece.data), chunks)
        except msgspec.DecodeError as error:
            raise malformed(self._provider, "an event is not one of a chat") from error
        self._check_size()

    def _read_event(self, event: Event, chunks: list[ChatCompletionChunk]) -> None:
        """Add the chunks of an event; types that are not known are skipped."""
        delta = event.delta or Delta()
        piece = delta.message or Piece()
        match event.type:
            case "content-delta" | "content-start":
                self._add_content(event, piece.content, chunks)
            case "tool-call-delta":
                self._add_arguments(event.index, piece.tool_calls, chunks)
            case "message-start":
                self._head.id = event.id or ""
                self._chunk(chunks, ChatDelta(role=CHAT_ROLE_ASSISTANT, content=""))
            case "tool-plan-delta":
                self._add_thought(TOOL_PLAN, piece.tool_plan, chunks)
            case "tool-call-start":
                self._add_call(event.index, piece.tool_calls, chunks)
            case "tool-call-end":
                self._add_call_end(event.index, chunks)
            case "citation-start":
                self._add_citation(piece.citations, chunks)
            case "message-end":
                self._add_end(delta, chunks)
            case "" if event.message is not None:
                raise failure(event.message, self._provider)
            case _:
                return

    def _check_size(self) -> None:
        if len(self._tools) + len(self._thoughts) > MAX_PARTS:
            raise malformed(self._provider, "its answer has more parts than make sense")

    def _add_content(
        self,
        event: Event,
        content: Content | list[object] | None,
        chunks: list[ChatCompletionChunk],
    ) -> None:
        if not isinstance(content, Content):
            return
        if content.thinking:
            self._add_thought(event.index, content.thinking, chunks)
        if content.text:
            choice = self._chunk(chunks, ChatDelta(content=content.text))
            if event.logprobs is not None:
                choice.logprobs_json = logprobs([event.logprobs])

    def _add_thought(
        self, key: int | str, text: str | None, chunks: list[ChatCompletionChunk]
    ) -> None:
        if not text:
            return
        delta = ChatDelta(reasoning_content=text)
        delta.reasoning_details.add(
            type="reasoning.text",
            text=text,
            id=TOOL_PLAN if key == TOOL_PLAN else None,
            format=FORMAT,
            index=self._thoughts.setdefault(key, len(self._thoughts)),
        )
        self._chunk(chunks, delta)

    def _add_call(
        self, index: int, called: Called | list[object] | None, chunks: list[ChatCompletionChunk]
    ) -> None:
        if not isinstance(called, Called) or called.function is None:
            raise malformed(self._provider, "a tool call has no function")
        self._tools[index] = len(self._tools)
        delta = ChatDelta()
        number = self._tools[index]
        call_id = answered_id(called.id, number)
        call = delta.tool_calls.add(index=number, id=call_id, type="function")
        call.function.name = called.function.name or ""
        call.function.arguments = called.function.arguments or ""
        if called.function.arguments:
            self._with_arguments.add(index)
        self._chunk(chunks, delta)

    def _add_arguments(
        self, index: int, called: Called | list[object] | None, chunks: list[ChatCompletionChunk]
    ) -> None:
        text = called.function.arguments if isinstance(called, Called) and called.function else None
        if not text or index not in self._tools:
            return
        self._with_arguments.add(index)
        delta = ChatDelta()
        delta.tool_calls.add(index=self._tools[index]).function.arguments = text
        self._chunk(chunks, delta)

    def _add_call_end(self, index: int, chunks: list[ChatCompletionChunk]) -> None:
        # A tool without arguments may stream none; callers expect JSON all the same.
        if index in self._tools and index not in self._with_arguments:
            self._add_arguments(index, Called(function=Function(arguments="{}")), chunks)

    def _add_citation(
        self, citation: Citation | list[object] | None, chunks: list[ChatCompletionChunk]
    ) -> None:
        found = annotations([citation]) if isinstance(citation, Citation) else []
        if found:
            self._cite(chunks, found)

    def _add_end(self, delta: Delta, chunks: list[ChatCompletionChunk]) -> None:
        if delta.usage is not None:
            self.usage = delta.usage.quantities()
        if delta.finish_reason is None:
            raise malformed(self._provider, "its stream ends without a reason")
        finish = finish_of(delta.finish_reason, delta.error, self._provider)
        choice = self._chunk(chunks, ChatDelta())
        put_finish(choice, finish, has_calls=bool(self._tools))
        self.done = True
        if self.usage is not None and delta.usage is not None:
            self._add_usage(chat_usage(self.usage, delta.usage), chunks)
