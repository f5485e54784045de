"""The events of a streamed answer of Anthropic's Messages.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from typing import Any

import msgspec

from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk, ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit_providers.codecs.anthropic.answer import (
    Block,
    Counts,
    Delta,
    Event,
    Message,
    finish_of,
    tier_of,
)
from conduit_providers.codecs.anthropic.blocks import StreamedBlocks, put_block
from conduit_providers.codecs.anthropic.members import answer_json, choice_json, with_details
from conduit_providers.codecs.anthropic.turns import FORMAT
from conduit_providers.codecs.shared.call_ids import answered_id
from conduit_providers.codecs.shared.chunk_decoder import EventDecoder
from conduit_providers.codecs.shared.counts import chat_usage
from conduit_providers.codecs.shared.finish import put_finish
from conduit_providers.codecs.shared.sse import SseEvent
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.chat import ChatCall

_DECODER = JsonReader(Event)


class AnthropicChatDecoder(EventDecoder):
    """Turns message events into chunks, up to `message_stop`.

    An answer that has said why it stopped is whole without it.
    """

    def __init__(self, call: ChatCall) -> None:
        super().__init__(call)
        self._counts = Counts()
        self._first: Message | None = None
        # The blocks of the message by their index: a tool's place among the tool calls, and the
        # arguments it began with, until others come; a thought's place among the thoughts.
        self._tools: dict[int, int] = {}
        self._first_arguments: dict[int, str] = {}
        self._thoughts: dict[int, int] = {}
        self._blocks = StreamedBlocks()
        # The event that is being read.
        self._data = b""

    def _read(self, piece: SseEvent, chunks: list[ChatCompletionChunk]) -> None:
        self._data = piece.data
        try:
            self._read_event(_DECODER.decode(piece.data), chunks)
        except msgspec.DecodeError as error:
            raise malformed(self._provider, "an event is not a message event") from error

    def _read_event(self, event: Event, chunks: list[ChatCompletionChunk]) -> None:
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
                self._add_finish(event, delta, chunks)
            case Event(type="message_stop") if self.has_finished:
                self._add_end(chunks)
            case Event(type="error"):
                raise error_in_stream(event.error, self._provider)
            case _:
                return

    def _count(self, counts: Counts | None) -> None:
        if counts is not None:
            self._counts.update(counts)
            self.usage = self._counts.quantities()

    def _add_head(self, message: Message, chunks: list[ChatCompletionChunk]) -> None:
        self._count(message.usage)
        self._first = message
        self._head.id = message.id
        self._head.model = message.model
        tier = tier_of(message.usage)
        if tier:
            self._head.service_tier = tier
        self._chunk(chunks, ChatDelta(role=CHAT_ROLE_ASSISTANT, content=""))

    def _add_start(self, index: int, block: Block, chunks: list[ChatCompletionChunk]) -> None:
        self._add_kept(self._blocks.begin(index, block, self._data), chunks)
        match block.type:
            case "text":
                if block.text:
                    self._chunk(chunks, ChatDelta(content=block.text))
            case "thinking":
                self._thoughts[index] = len(self._thoughts)
                if block.thinking or block.signature:
                    self._add_thought(
                        index,
                        chunks,
                        text=block.thinking or None,
                        signature=block.signature or None,
                    )
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
                self._first_arguments[index] = block.arguments
                delta = ChatDelta()
                call = delta.tool_calls.add(
                    index=self._tools[index],
                    id=answered_id(block.id, self._tools[index]),
                    type="function",
                )
                call.function.name = block.name or ""
                call.function.arguments = ""
                self._chunk(chunks, delta)
            case _:
                return

    def _add_delta(self, index: int, delta: Delta, chunks: list[ChatCompletionChunk]) -> None:
        match delta.type:
            case "text_delta":
                self._blocks.add_text(index, delta.text)
                self._chunk(chunks, ChatDelta(content=delta.text))
            case "citations_delta" if bytes(delta.citation):
                self._blocks.cite(index, delta.citation)
            case "thinking_delta":
                self._add_thought(index, chunks, text=delta.thinking)
            case "signature_delta":
                self._add_thought(index, chunks, signature=delta.signature)
            case "input_json_delta" if index in self._tools and delta.partial_json:
                self._add_arguments(index, delta.partial_json, chunks)
            case "input_json_delta":
                self._blocks.add_input(index, delta.partial_json)
            case "compaction_delta":
                self._blocks.fill(index, self._data)
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
        self._first_arguments.pop(index, None)
        self._blocks.add_input(index, text)
        delta = ChatDelta()
        delta.tool_calls.add(index=self._tools[index]).function.arguments = text
        self._chunk(chunks, delta)

    def _add_stop(self, index: int, chunks: list[ChatCompletionChunk]) -> None:
        # What a call began with counts unless pieces came: `{}` where a tool takes no arguments,
        # and all of them where the provider's own code made the call.
        first = self._first_arguments.get(index)
        if first is not None:
            self._add_arguments(index, first, chunks)
        cited = self._blocks.cited(index)
        if cited:
            self._cite(chunks, cited)
        self._add_kept(self._blocks.end(index), chunks)

    def _add_kept(
        self, blocks: list[tuple[int, dict[str, Any]]], chunks: list[ChatCompletionChunk]
    ) -> None:
        for place, block in blocks:
            delta = ChatDelta()
            self._thoughts[place] = len(self._thoughts)
            put_block(delta.reasoning_details.add(), block, self._thoughts[place])
            self._chunk(chunks, delta)

    def _add_finish(self, event: Event, delta: Delta, chunks: list[ChatCompletionChunk]) -> None:
        self._count(event.usage)
        if delta.stop_reason is None:
            return
        self.has_finished = True
        finish = finish_of(delta.stop_reason, delta.stop_details)
        choice = self._chunk(chunks, ChatDelta(refusal=finish.refusal))
        put_finish(choice, finish, has_calls=bool(self._tools))
        choice.unknown_json = choice_json(delta)
        chunks[-1].unknown_json = answer_json(delta, event, self._first)

    def _end(self) -> list[ChatCompletionChunk]:
        chunks: list[ChatCompletionChunk] = []
        if self.has_finished:
            self._add_end(chunks)
        return chunks

    def _add_end(self, chunks: list[ChatCompletionChunk]) -> None:
        self.done = True
        if self.usage is not None:
            self._add_usage(with_details(chat_usage(self.usage), self._counts), chunks)
