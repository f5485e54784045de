"""The events of a streamed answer of Gemini's streamGenerateContent.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent: each event is an
answer with what is new; the stream has no end mark, it simply ends after the finish reasons.
"""

from dataclasses import dataclass

from conduit.v1.chat_chunk_pb2 import ChatChoiceDelta, ChatCompletionChunk, ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import ChatCall, ChatEvents
from conduit_providers.codecs.gemini_answer import (
    Candidate,
    Response,
    chat_usage,
    check_finish,
    extras_json,
    finish_of,
    logprobs_json,
    made_at,
    read_response,
)
from conduit_providers.codecs.gemini_parts import PartReader
from conduit_providers.codecs.sse import EventBuffer, events_in
from conduit_providers.failures import garbage
from conduit_providers.usage import Usage

# More answers than anybody can ask for.
MAX_CHOICES = 128


@dataclass(slots=True)
class _Choice:
    """One of the answers, as far as it came."""

    reader: PartReader
    finish: str = ""


class GeminiChatDecoder:
    """Turns events into chunks, up to the end of the stream.

    Reasons to stop are held back until then: older models repeat them in every event.
    """

    def __init__(self, call: ChatCall) -> None:
        self.usage: Usage | None = None
        self.done = False
        self._provider = call.provider
        self._include_usage = call.include_usage
        self._expected = max(1, call.typed.n)
        self._buffer = EventBuffer(call.provider)
        self._failure: UpstreamError | None = None
        self._head = ChatCompletionChunk(
            object="chat.completion.chunk", created=call.created, model=call.model
        )
        self._choices: dict[int, _Choice] = {}

    def feed(self, data: bytes) -> ChatEvents | None:
        """Take the next bytes; return the chunks they complete, or None.

        UpstreamError if the provider reports a failure or sends garbage; chunks before that are
        returned first.
        """
        if self._failure is not None:
            raise self._failure
        block = self._buffer.take(data)
        chunks = self._chunks_in(block) if block else []
        return ChatEvents(chunks=chunks) if chunks else None

    def close(self) -> ChatEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        if self._failure is not None:
            raise self._failure
        chunks = self._rest()
        finished = [choice for choice in self._choices.values() if choice.finish]
        if len(finished) < max(self._expected, len(self._choices)):
            raise StreamInterrupted(
                f"{self._provider} ended the stream before the answer was complete",
                provider=self._provider,
            )
        self.done = True
        return ChatEvents(chunks=chunks + self._last_chunks())

    def _rest(self) -> list[ChatCompletionChunk]:
        """Return what the last event says; its blank line may be missing."""
        rest = self._buffer.held.strip(b"\n")
        if not rest.endswith(b"}"):
            return []
        try:
            chunks = self._chunks_in(rest + b"\n\n")
        except UpstreamError as error:
            # An event that was cut off is no garbage.
            if error.metadata.get("kind") != "garbage":
                raise
            return []
        if self._failure is not None:
            raise self._failure
        return chunks

    def _chunks_in(self, block: bytes) -> list[ChatCompletionChunk]:
        chunks: list[ChatCompletionChunk] = []
        for event in events_in(block):
            try:
                self._read(read_response(event.data, self._provider), chunks)
            except UpstreamError as error:
                self._failure = error
                break
        if self._failure is not None and not chunks:
            raise self._failure
        return chunks

    def _read(self, event: Response, chunks: list[ChatCompletionChunk]) -> None:
        self._take_head(event)
        for place, candidate in enumerate(event.candidates or ()):
            self._read_candidate(candidate, candidate.index or place, chunks)

    def _take_head(self, event: Response) -> None:
        if event.response_id and not self._head.id:
            self._head.id = event.response_id
            self._head.model = event.model_version or self._head.model
            self._head.created = made_at(event.create_time) or self._head.created
        counts = event.usage_metadata
        if counts is not None:
            self.usage = counts.usage()
            if counts.tier:
                self._head.service_tier = counts.tier

    def _read_candidate(
        self, candidate: Candidate, index: int, chunks: list[ChatCompletionChunk]
    ) -> None:
        choice = self._choice(index, chunks)
        check_finish(candidate, self._provider)
        for part in candidate.parts:
            delta = choice.reader.read(part)
            if delta is not None:
                self._chunk(chunks, index, delta)
        if candidate.finish_reason is not None:
            choice.finish = candidate.finish_reason
        logprobs, extras = logprobs_json(candidate.logprobs_result), extras_json(candidate)
        if logprobs or extras:
            piece = self._chunk(chunks, index, ChatDelta())
            piece.logprobs_json = logprobs
            piece.unknown_json = extras

    def _choice(self, index: int, chunks: list[ChatCompletionChunk]) -> _Choice:
        found = self._choices.get(index)
        if found is None:
            if len(self._choices) >= MAX_CHOICES:
                raise garbage(self._provider, "it has more answers than were asked for")
            found = self._choices[index] = _Choice(PartReader(self._head.id, index))
            self._chunk(chunks, index, ChatDelta(role=CHAT_ROLE_ASSISTANT, content=""))
        return found

    def _chunk(
        self, chunks: list[ChatCompletionChunk], index: int, delta: ChatDelta
    ) -> ChatChoiceDelta:
        chunk = ChatCompletionChunk()
        chunk.CopyFrom(self._head)
        chunks.append(chunk)
        return chunk.choices.add(index=index, delta=delta)

    def _last_chunks(self) -> list[ChatCompletionChunk]:
        chunks: list[ChatCompletionChunk] = []
        for index, choice in sorted(self._choices.items()):
            finish = finish_of(choice.finish, has_calls=choice.reader.calls > 0)
            piece = self._chunk(chunks, index, ChatDelta())
            piece.finish_reason = finish.reason
            if finish.native is not None:
                piece.native_finish_reason = finish.native
        if self._include_usage and self.usage is not None:
            chunk = ChatCompletionChunk()
            chunk.CopyFrom(self._head)
            chunk.usage.CopyFrom(chat_usage(self.usage))
            chunks.append(chunk)
        return chunks
