"""The events of a streamed answer of Bedrock's ConverseStream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk, ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit_providers.codecs.bedrock.answer import (
    FORMAT,
    Block,
    Event,
    Reasoning,
    ToolUse,
    answer_id,
    extras_json,
    finish_of,
    qualifiers_of,
    thought_format,
)
from conduit_providers.codecs.bedrock.citations import StreamedCitations
from conduit_providers.codecs.bedrock.kept_blocks import StreamedBlocks, put_block
from conduit_providers.codecs.shared.aws_eventstream import Frame, FrameBuffer
from conduit_providers.codecs.shared.call_ids import answered_id
from conduit_providers.codecs.shared.chunk_decoder import ChunkDecoder
from conduit_providers.codecs.shared.counts import chat_usage
from conduit_providers.codecs.shared.finish import put_finish
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

_DECODER = JsonReader(Event)
_TEXT = JsonReader(str)

# The status that each exception has where it is an answer of its own. The model's own failures have
# 424, which says nothing of the request either.
STATUSES: Mapping[str, int] = {
    "throttlingexception": 429,
    "validationexception": 400,
    "accessdeniedexception": 403,
    "resourcenotfoundexception": 404,
    "internalserverexception": 500,
    "modelstreamerrorexception": 500,
    "modelerrorexception": 500,
    "modeltimeoutexception": 504,
    "serviceunavailableexception": 503,
}


class ConverseStreamDecoder(ChunkDecoder[Frame]):
    """Turns events into chunks, up to `metadata`."""

    def __init__(self, call: ChatCall, answer_name: str) -> None:
        """Take the name of the tool whose input is the answer; empty if there is none."""
        super().__init__(call)
        self._head.id = answer_id(call.answer_headers, call.created)
        self._whose = thought_format(call.model)
        self._answer_name = answer_name
        self._buffer = FrameBuffer(call.provider)
        # The blocks of the message by their index: a tool's place among the tool calls, and
        # whether any of its arguments came; a thought's place among the thoughts.
        self._tools: dict[int, int] = {}
        self._with_arguments: set[int] = set()
        self._thoughts: dict[int, int] = {}
        # The blocks whose input is the answer, and those that are not for the caller.
        self._answers: set[int] = set()
        self._citations = StreamedCitations()
        self._blocks = StreamedBlocks()
        # How many details there are; the event that is being read.
        self._details = 0
        self._payload = b""

    def _cut(self, data: bytes) -> Iterable[Frame]:
        return self._buffer.feed(data)

    def _bytes_of(self, piece: Frame) -> bytes:
        return piece.payload

    def _rest(self) -> Iterable[Frame]:
        # Frames are whole or they are not.
        return ()

    def _end(self) -> list[ChatCompletionChunk]:
        self.done = self.has_finished
        return []

    def _read(self, piece: Frame, chunks: list[ChatCompletionChunk]) -> None:
        """Add the chunks of an event; types that are not known are skipped."""
        try:
            self._read_event(piece, chunks)
        except msgspec.DecodeError as error:
            raise malformed(self._provider, "an event is not one of ConverseStream") from error

    def _read_event(self, piece: Frame, chunks: list[ChatCompletionChunk]) -> None:
        event = _DECODER.decode(piece.payload or b"{}")
        if not piece.is_event:
            failure = {"message": event.message or piece.words, "type": piece.name}
            raise error_in_stream(failure, self._provider, STATUSES.get(piece.name.lower(), 500))
        self._payload = piece.payload
        match piece.name:
            case "contentBlockDelta" if event.delta is not None:
                self._add_delta(event.content_block_index, event.delta, chunks)
            case "contentBlockStart" if event.start is not None:
                self._add_start(event.content_block_index, event.start, chunks)
            case "contentBlockStop":
                self._add_stop(event.content_block_index, chunks)
                self._add_citations(event.content_block_index, chunks)
                self._keep(self._blocks.end(event.content_block_index), chunks)
            case "messageStart":
                self._chunk(chunks, ChatDelta(role=CHAT_ROLE_ASSISTANT, content=""))
            case "messageStop":
                self._add_finish(event, chunks)
            case "metadata":
                self._add_end(event, chunks)
            case _:
                return

    def _keep(self, blocks: list[Json], chunks: list[ChatCompletionChunk]) -> None:
        if self._answer_name:
            # What a tool's input stands for is no turn of the model's own.
            return
        for block in blocks:
            delta = ChatDelta()
            put_block(delta.reasoning_details.add(), block, self._details)
            self._details += 1
            self._chunk(chunks, delta)

    def _add_start(self, index: int, start: Block, chunks: list[ChatCompletionChunk]) -> None:
        self._keep(self._blocks.begin(index, start, self._payload), chunks)
        if start.call is not None:
            self._add_tool(index, start.call, chunks)

    def _add_tool(self, index: int, call: ToolUse, chunks: list[ChatCompletionChunk]) -> None:
        if self._answer_name and call.name == self._answer_name:
            self._answers.add(index)
            return
        self._tools[index] = len(self._tools)
        delta = ChatDelta()
        number = self._tools[index]
        call_id = answered_id(call.tool_use_id, number)
        piece = delta.tool_calls.add(index=number, id=call_id, type="function")
        piece.function.name = call.name
        piece.function.arguments = ""
        self._chunk(chunks, delta)

    def _add_delta(self, index: int, piece: Block, chunks: list[ChatCompletionChunk]) -> None:
        if piece.text is not None:
            self._citations.say(index, piece.text)
            self._blocks.say(index, piece.text)
            self._chunk(chunks, ChatDelta(content=piece.text))
        elif bytes(piece.citation):
            self._citations.cite(index, piece.citation)
            self._blocks.cite(index, piece.citation)
        elif piece.reasoning_content is not None:
            self._add_thought(index, piece.reasoning_content, chunks)
        elif piece.tool_use is not None:
            text = self._text(piece.tool_use.input)
            self._blocks.add_input(index, text)
            self._add_input(index, text, chunks)
        else:
            self._blocks.fill(index, self._payload)

    def _add_citations(self, index: int, chunks: list[ChatCompletionChunk]) -> None:
        if cited := self._citations.end(index):
            self._cite(chunks, cited)

    def _text(self, raw: msgspec.Raw) -> str:
        try:
            return _TEXT.decode(raw)
        except msgspec.ValidationError as error:
            raise malformed(self._provider, "a piece of a tool's input is no text") from error

    def _add_input(self, index: int, text: str, chunks: list[ChatCompletionChunk]) -> None:
        if index in self._answers:
            self._chunk(chunks, ChatDelta(content=text))
        elif index in self._tools and text:
            self._with_arguments.add(index)
            delta = ChatDelta()
            delta.tool_calls.add(index=self._tools[index]).function.arguments = text
            self._chunk(chunks, delta)

    def _add_thought(self, index: int, piece: Reasoning, chunks: list[ChatCompletionChunk]) -> None:
        self._keep(self._blocks.think(index), chunks)
        if index not in self._thoughts:
            self._thoughts[index] = self._details
            self._details += 1
        place = self._thoughts[index]
        delta = ChatDelta(reasoning_content=piece.text)
        if piece.redacted_content is not None:
            delta.reasoning_details.add(
                type="reasoning.encrypted",
                data=piece.redacted_content,
                format=FORMAT,
                index=place,
            )
        else:
            delta.reasoning_details.add(
                type="reasoning.text",
                text=piece.text,
                signature=piece.signature,
                format=self._whose,
                index=place,
            )
        self._chunk(chunks, delta)

    def _add_stop(self, index: int, chunks: list[ChatCompletionChunk]) -> None:
        # A tool without arguments streams none; callers expect JSON all the same.
        if index in self._tools and index not in self._with_arguments:
            self._add_input(index, "{}", chunks)

    def _add_finish(self, event: Event, chunks: list[ChatCompletionChunk]) -> None:
        reason = event.stop_reason or ""
        finish = finish_of(reason, self._provider, is_answer=bool(self._answers))
        self.has_finished = True
        choice = self._chunk(chunks, ChatDelta())
        put_finish(choice, finish, has_calls=bool(self._tools))
        chunks[-1].unknown_json = extras_json(event)

    def _add_end(self, event: Event, chunks: list[ChatCompletionChunk]) -> None:
        if event.usage is not None:
            self.usage = event.usage.quantities(qualifiers_of(event))
        # Its place is behind the reason to stop; an answer without one is not whole.
        self.done = self.has_finished
        if event.service_tier is not None and event.service_tier.type:
            self._head.service_tier = event.service_tier.type
        extras = extras_json(event)
        if event.trace is not None and bytes(event.trace.guardrail):
            # Which the caller has asked for.
            self._chunk(chunks, ChatDelta())
            chunks[-1].unknown_json = extras
        if self.usage is not None and self._include_usage:
            self._add_usage(chat_usage(self.usage), chunks)
            chunks[-1].unknown_json = extras
