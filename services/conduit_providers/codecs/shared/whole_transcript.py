"""Streams out of whole transcriptions, for models that find all words before they say any."""

from collections.abc import Iterator

from conduit.v1.transcript_event_json import transcript_event_to_json
from conduit_providers.codecs.shared.whole_answer import WholeAnswerDecoder
from conduit_providers.operations.transcribe import TranscriptionAnswer
from conduit_providers.transcripts import TranscriptEvents, transcript_events


class WholeTranscriptDecoder(WholeAnswerDecoder[TranscriptionAnswer, TranscriptEvents]):
    """Waits for the whole answer, and says its words as events."""

    def _events(self, answer: TranscriptionAnswer) -> Iterator[dict[str, object]]:
        return (transcript_event_to_json(each) for each in transcript_events(answer.typed))
