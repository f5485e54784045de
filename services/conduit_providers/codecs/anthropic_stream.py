"""The events of a streamed answer of Anthropic's Messages.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

import msgspec

from conduit.v1.chat_chunk_pb2 import ChatChoiceDelta, ChatCompletionChunk, ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import ChatCall, ChatEvents
from conduit_providers.codecs.anthropic_answer import (
    Block,
    Counts,
    Delta,
    Event,
    Message,
    chat_usage,
    finish_of,
    tier_of,
)
from conduit_providers.codecs.anthropic_turns import FORMAT
from conduit_providers.codecs.sse import EventBuffer, events_in
from conduit_providers.failures import error_in_stream, garbage
from conduit_providers.usage import Usage

_DECODER = msgspec.json.Decoder(Event)


class AnthropicChatDecoder:
    """Turns message events into chunks, up to `message_stop`."""

    def __init__(self, call: ChatCall) -> None:
        self.usage: Usage | None = None
        self.done = False
        self._provider = call.provider
        self._include_usage = call.include_usage
        self._buffer = EventBuffer(call.provider)
        self._failure: UpstreamError | None = None
        self._head = ChatCompletionChunk(object="chat.completion.chunk", created=call.created)
        self._counts = Counts()
        # The blocks of the message by their index: a tool's place among the tool calls, and
        # whether any of its arguments came; a thought's place among the thoughts.
        self._tools: dict[int, int] = {}
        self._with_arguments: set[int] = set()
        self._thoughts: dict[int, int] = {}

    def feed(self, data: bytes) -> ChatEvents | None:
        """Take the next bytes; return the chunks they complete, or None.

        UpstreamError if the provider reports a failure or sends garbage; chunks before that are
        returned first.
        """
        if self._failure is not None:
            raise self._failure
        block = self._buffer.take(data)
        return self._chunks_in(block) if block and not self.done else None

    def close(self) -> ChatEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        if self._failure is not None:
            raise self._failure
        if self.done:
            return None
        events = self._chunks_in_rest()
        if not self.done:
            raise StreamInterrupted(
                f"{self._provider} ended the stream before the answer was complete",
                provider=self._provider,
            )
        return events

    def _chunks_in_rest(self) -> ChatEvents | None:
        # The blank line behind the last event may be missing.
        rest = self._buffer.held.strip(b"\n")
        try:
            return self._chunks_in(rest + b"\n\n") if rest else None
        except UpstreamError as error:
            if error.metadata.get("kind") != "garbage":
                raise
            return None

    def _chunks_in(self, block: bytes) -> ChatEvents | None:
        chunks: list[ChatCompletionChunk] = []
        for event in events_in(block):
            try:
                self._read(_DECODER.decode(event.data), chunks)
            except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
                self._failure = garbage(self._provider, "an event is not a message event")
            except UpstreamError as error:
                self._failure = error
            if self._failure is not None or self.done:
                break
        if self._failure is not None and not chunks:
            raise self._failure
        return ChatEvents(chunks=chunks) if chunks else None

    def _read(self, event: Event, chunks: list[ChatCompletionChunk]) -> None:
        """Add the chunks of an event; types that are not known are skipped, as the API asks."""
        match event:
            case Event(type="content_block_delta", delta=Delta() as delta):
                self._add_delta(event.index, delta, chunks)
            case Event(type="content_block_start", content_block=Block() as block):
                self._add_start(event.index, block, chunks)
            case Event(type="content_block_stop"):
                self._add_stop(event.index, chunks)
            case Event(type="message_start", message=Message() as message):
                self._add_head(message, chunks)
            case Event(type="message_delta", delta=Delta() as delta):
                self._add_finish(delta, event.usage, chunks)
            case Event(type="message_stop"):
                self._add_end(chunks)
            case Event(type="error"):
                raise error_in_stream(event.error, self._provider)
            case _:
                return

    def _chunk(self, chunks: list[ChatCompletionChunk], delta: ChatDelta) -> ChatChoiceDelta:
        chunk = ChatCompletionChunk()
        chunk.CopyFrom(self._head)
        chunks.append(chunk)
        return chunk.choices.add(delta=delta)

    def _count(self, counts: Counts | None) -> None:
        if counts is not None:
            self._counts.update(counts)
            self.usage = self._counts.usage()

    def _add_head(self, message: Message, chunks: list[ChatCompletionChunk]) -> None:
        self._count(message.usage)
        self._head.id = message.id
        self._head.model = message.model
        tier = tier_of(message.usage)
        if tier:
            self._head.service_tier = tier
        self._chunk(chunks, ChatDelta(role=CHAT_ROLE_ASSISTANT, content=""))

    def _add_start(self, index: int, block: Block, chunks: list[ChatCompletionChunk]) -> None:
        match block.type:
            case "text" if block.text:
                self._chunk(chunks, ChatDelta(content=block.text))
            case "thinking":
                self._thoughts[index] = len(self._thoughts)
                if block.thinking:
                    self._add_thought(index, chunks, text=block.thinking)
            case "redacted_thinking":
                self._thoughts[index] = len(self._thoughts)
                delta = ChatDelta()
                delta.reasoning_details.add(
                    type="reasoning.encrypted",
                    data=block.data or "",
                    format=FORMAT,
                    index=self._thoughts[index],
                )
                self._chunk(chunks, delta)
            case "tool_use":
                self._tools[index] = len(self._tools)
                delta = ChatDelta()
                call = delta.tool_calls.add(
                    index=self._tools[index], id=block.id or "", type="function"
                )
                call.function.name = block.name or ""
                call.function.arguments = ""
                self._chunk(chunks, delta)
            case _:
                return

    def _add_delta(self, index: int, delta: Delta, chunks: list[ChatCompletionChunk]) -> None:
        match delta.type:
            case "text_delta":
                self._chunk(chunks, ChatDelta(content=delta.text))
            case "thinking_delta":
                self._add_thought(index, chunks, text=delta.thinking)
            case "signature_delta":
                self._add_thought(index, chunks, signature=delta.signature)
            case "input_json_delta" if index in self._tools and delta.partial_json:
                self._add_arguments(index, delta.partial_json, chunks)
            case _:
                return

    def _add_thought(
        self,
        index: int,
        chunks: list[ChatCompletionChunk],
        *,
        text: str | None = None,
        signature: str | None = None,
    ) -> None:
        delta = ChatDelta(reasoning_content=text)
        delta.reasoning_details.add(
            type="reasoning.text",
            text=text,
            signature=signature,
            format=FORMAT,
            index=self._thoughts.setdefault(index, len(self._thoughts)),
        )
        self._chunk(chunks, delta)

    def _add_arguments(self, index: int, text: str, chunks: list[ChatCompletionChunk]) -> None:
        self._with_arguments.add(index)
        delta = ChatDelta()
        delta.tool_calls.add(index=self._tools[index]).function.arguments = text
        self._chunk(chunks, delta)

    def _add_stop(self, index: int, chunks: list[ChatCompletionChunk]) -> None:
        # A tool without arguments streams none; callers expect JSON all the same.
        if index in self._tools and index not in self._with_arguments:
            self._add_arguments(index, "{}", chunks)

    def _add_finish(
        self, delta: Delta, counts: Counts | None, chunks: list[ChatCompletionChunk]
    ) -> None:
        self._count(counts)
        if delta.stop_reason is None:
            return
        finish = finish_of(delta.stop_reason, delta.stop_details)
        choice = self._chunk(chunks, ChatDelta(refusal=finish.refusal))
        choice.finish_reason = finish.reason
        if finish.native is not None:
            choice.native_finish_reason = finish.native

    def _add_end(self, chunks: list[ChatCompletionChunk]) -> None:
        self.done = True
        if self._include_usage and self.usage is not None:
            chunk = ChatCompletionChunk()
            chunk.CopyFrom(self._head)
            chunk.usage.CopyFrom(chat_usage(self.usage))
            chunks.append(chunk)
