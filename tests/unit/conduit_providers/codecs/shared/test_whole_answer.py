"""Streams out of whole answers: nothing before the end, everything then, within bounds."""

import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.options import TranscribeOptions
from conduit_providers.codecs.openai.transcribe import OpenAITranscribeCodec
from conduit_providers.codecs.shared import whole_answer
from conduit_providers.codecs.shared.whole_transcript import WholeTranscriptDecoder
from conduit_providers.operations.transcribe import OPERATION
from conduit_providers.spec import Endpoint

ENDPOINT = Endpoint(
    codec="openai_transcribe", path="/audio/transcriptions", options=TranscribeOptions()
)


def decoder(content_type: str = "application/json", asked: bytes = b"{}") -> WholeTranscriptDecoder:
    """Return the decoder of a whole answer."""
    call = Call(OPERATION.plain_form(asked), alias="m", model="m", provider="P", stream=True)
    call.answer_headers = {"content-type": content_type}
    found = OpenAITranscribeCodec().decoder(call, ENDPOINT)
    assert isinstance(found, WholeTranscriptDecoder)
    return found


def test_events_come_with_the_end() -> None:
    """However the answer was cut; nothing has finished before."""
    body = b'{"text":"Hi.","usage":{"type":"duration","seconds":2}}'
    found = decoder()
    assert [found.feed(body[at : at + 1]) for at in range(len(body))] == [None] * len(body)
    assert (found.has_finished, found.done, found.usage) == (False, False, None)
    events = found.close()
    assert events is not None
    assert len(events.pieces) == found.emitted == 2
    assert found.done
    assert found.has_finished
    assert found.usage is not None


def test_what_makes_no_sense_is_an_error() -> None:
    """Nothing was handed out, so that another candidate may do better."""
    found = decoder()
    found.feed(b'{"text":"H')
    with pytest.raises(UpstreamError):
        found.close()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of whole answers is."""
    monkeypatch.setattr(whole_answer, "MAX_ANSWER_BYTES", 10)
    with pytest.raises(UpstreamError):
        decoder().feed(b"x" * 11)
