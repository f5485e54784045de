"""The events of streamed transcriptions in OpenAI's dialect, passed on as they are.

https://platform.openai.com/docs/api-reference/audio/transcript-text-delta-event
"""

from conduit_providers.codecs.openai.transcription_usage import transcription_usage
from conduit_providers.codecs.shared.passed_events import EventHead, PassingDecoder
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import Quantities
from conduit_providers.transcripts import TranscriptEvents


class _Event(EventHead):
    delta: str | None = None
    text: str | None = None
    usage: object = None


_READER = JsonReader(_Event)


class OpenAITranscriptDecoder(PassingDecoder[_Event, TranscriptEvents]):
    """Passes on the events of one answer, to the one with all words."""

    def __init__(self, provider: str) -> None:
        """Take whose answer it is."""
        super().__init__(provider, _READER, TranscriptEvents)
        self._is_complete = False
        self._usage: Quantities | None = None

    @property
    def has_finished(self) -> bool:
        """Return whether all words are there."""
        return self._is_complete

    @property
    def usage(self) -> Quantities | None:
        """Return what the last event says."""
        return self._usage

    def _look_at(self, event: _Event) -> None:
        if event.type == "transcript.text.delta" and event.delta is None:
            raise malformed(self._provider, "an event has no words")
        if event.type == "transcript.text.done":
            if event.text is None:
                raise malformed(self._provider, "the last event has no text")
            self._is_complete = True
            self._usage = transcription_usage(event.usage)
