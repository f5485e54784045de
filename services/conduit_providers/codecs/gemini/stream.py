"""The events of a streamed answer of Gemini's streamGenerateContent.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent: each event is an
answer with what is new; the stream has no end mark, it simply ends after the finish reasons.
"""

from dataclasses import dataclass, field
from itertools import count

import orjson

from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk, ChatDelta
from conduit.v1.chat_message_pb2 import CHAT_ROLE_ASSISTANT
from conduit_providers.codecs.gemini.answer import (
    Candidate,
    Response,
    answer_json,
    extras_json,
    logprobs_json,
    read_response,
)
from conduit_providers.codecs.gemini.finish import check_finish, finish_of
from conduit_providers.codecs.gemini.grounding import annotations, searches
from conduit_providers.codecs.gemini.parts import PartReader
from conduit_providers.codecs.shared.chunk_decoder import EventDecoder
from conduit_providers.codecs.shared.counts import chat_usage
from conduit_providers.codecs.shared.sse import SseEvent
from conduit_providers.dates import made_at
from conduit_providers.failures import malformed
from conduit_providers.operations.chat import ChatCall

# More answers than anybody can ask for.
MAX_CHOICES = 128


@dataclass(slots=True)
class _Choice:
    """One of the answers, as far as it came."""

    reader: PartReader
    finish: str = ""
    # What was said, for the places of what it is grounded on.
    said: list[str] = field(default_factory=list[str])
    # How many pictures came, and how many parts of Google's own.
    images: "count[int]" = field(default_factory=count)
    parts: "count[int]" = field(default_factory=count)

    def numbered(self, unknown: bytes) -> bytes:
        """Return members with the index by which OpenAI's accumulator tells entries of lists.

        It raises at the second list without.
        """
        members = orjson.loads(unknown)
        google = members.get("extra_content", {}).get("google", {})
        for entry in members.get("images", ()):
            entry["index"] = next(self.images)
        for entry in google.get("parts", ()):
            entry["index"] = next(self.parts)
        return orjson.dumps(members)


class GeminiChatDecoder(EventDecoder):
    """Turns events into chunks, up to the end of the stream.

    Reasons to stop are held back until then: older models repeat them in every event.
    """

    def __init__(self, call: ChatCall) -> None:
        super().__init__(call)
        self._expected = max(1, call.typed.n)
        self._choices: dict[int, _Choice] = {}
        self._model = call.model
        # What the answer is grounded on, as it came.
        self._grounding: list[bytes] = []
        # Whether an event without a reason to stop came, so that one with it is the last.
        self._went_on = False

    def _read(self, piece: SseEvent, chunks: list[ChatCompletionChunk]) -> None:
        event = read_response(piece.data, self._provider)
        for candidate in event.candidates or ():
            if candidate.grounding_metadata:
                self._grounding.append(bytes(candidate.grounding_metadata))
        self._take_head(event)
        for place, candidate in enumerate(event.candidates or ()):
            self._read_candidate(candidate, candidate.index or place, chunks)
        if chunks and (beside := answer_json(event)):
            chunks[-1].unknown_json = beside
        self._went_on = self._went_on or not self._is_whole()
        self.has_finished = self._went_on and self._is_whole()

    def _take_head(self, event: Response) -> None:
        if event.response_id and not self._head.id:
            self._head.id = event.response_id
            self._head.model = event.model_version or self._head.model
            self._head.created = made_at(event.create_time) or self._head.created
        counts = event.usage_metadata
        if counts is not None:
            self.usage = counts.quantities(searches(self._grounding, self._model))
            if counts.tier:
                self._head.service_tier = counts.tier

    def _read_candidate(
        self, candidate: Candidate, index: int, chunks: list[ChatCompletionChunk]
    ) -> None:
        # A model that tripped at once begins no answer: another candidate can still be asked.
        check_finish(candidate, self._provider)
        choice = self._choice(index, chunks)
        for part in candidate.parts:
            delta = choice.reader.read(part)
            if delta is not None:
                choice.said.append(delta.content)
                if delta.unknown_json:
                    delta.unknown_json = choice.numbered(delta.unknown_json)
                self._chunk(chunks, delta, index)
        if candidate.grounding_metadata:
            texts = {0: "".join(choice.said)}
            cited = annotations(bytes(candidate.grounding_metadata), texts)
            if cited:
                self._cite(chunks, cited, index)
        if candidate.finish_reason is not None:
            choice.finish = candidate.finish_reason
        logprobs, extras = logprobs_json(candidate.logprobs_result), extras_json(candidate)
        if logprobs or extras:
            piece = self._chunk(chunks, ChatDelta(), index)
            piece.logprobs_json = logprobs
            piece.unknown_json = extras

    def _choice(self, index: int, chunks: list[ChatCompletionChunk]) -> _Choice:
        found = self._choices.get(index)
        if found is None:
            if len(self._choices) >= MAX_CHOICES:
                raise malformed(self._provider, "it has more answers than were asked for")
            found = self._choices[index] = _Choice(PartReader(self._head.id, index))
            self._chunk(chunks, ChatDelta(role=CHAT_ROLE_ASSISTANT, content=""), index)
        return found

    def _is_whole(self) -> bool:
        finished = sum(bool(choice.finish) for choice in self._choices.values())
        return finished >= max(self._expected, len(self._choices))

    def _end(self) -> list[ChatCompletionChunk]:
        if not self._is_whole():
            return []
        self.done = True
        chunks: list[ChatCompletionChunk] = []
        for index, choice in sorted(self._choices.items()):
            if (rest := choice.reader.end()) is not None:
                self._chunk(chunks, rest, index)
            finish = finish_of(choice.finish, has_calls=choice.reader.calls > 0)
            piece = self._chunk(chunks, ChatDelta(), index)
            piece.finish_reason = finish.reason
            if finish.native is not None:
                piece.native_finish_reason = finish.native
        if self.usage is not None:
            self._add_usage(chat_usage(self.usage), chunks)
        return chunks
