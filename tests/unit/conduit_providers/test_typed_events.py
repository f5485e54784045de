"""Events in two forms, which say the same."""

import pytest

from conduit.v1.transcript_event_pb2 import TranscriptEvent
from conduit_kernel.errors import UpstreamError
from conduit_providers.transcripts import TranscriptEvents
from conduit_providers.typed_events import events_of


def delta(text: str) -> bytes:
    """Return an event with words."""
    return events_of([{"type": "transcript.text.delta", "delta": text}])


def test_events_are_named_by_their_type() -> None:
    """With a blank line behind each."""
    assert delta("a") == (
        b'event: transcript.text.delta\ndata: {"type":"transcript.text.delta","delta":"a"}\n\n'
    )


def test_both_forms_say_the_same() -> None:
    """Read and written again, and put together."""
    events = TranscriptEvents(sse=delta("a"))
    assert events.pieces[0].transcript_text_delta.delta == "a"
    assert TranscriptEvents(pieces=events.pieces).sse == delta("a")
    both = events.with_more(TranscriptEvents(sse=delta("b")))
    assert [each.transcript_text_delta.delta for each in both.pieces] == ["a", "b"]
    assert not events.is_head
    assert events.size >= len(delta("a"))


@pytest.mark.parametrize("json", [b"{", b'{"type":"transcript.text.delta","delta":7}'])
def test_an_event_that_does_not_fit_is_the_providers_fault(json: bytes) -> None:
    """So that the next candidate is asked; who takes bytes gets it as it came."""
    events = TranscriptEvents(sse=b"data: %b\n\n" % json)
    with pytest.raises(UpstreamError):
        events.to_form(is_typed=True)
    assert events.to_form(is_typed=False) is events


def test_a_message_that_holds_no_json_is_the_providers_fault() -> None:
    """It would be written as something else."""
    with pytest.raises(UpstreamError):
        _ = TranscriptEvents(pieces=[TranscriptEvent(unknown_json=b"{")]).sse
