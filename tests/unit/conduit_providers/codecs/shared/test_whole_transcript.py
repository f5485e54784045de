"""Whole transcriptions, said as events."""

import pytest
from tests.unit.conduit_providers.codecs.shared.test_whole_answer import decoder

from conduit_kernel.errors import UpstreamError


@pytest.mark.parametrize("document", ["WEBVTT\n\n00:00.000 --> 00:01.000\nHi.\n", "Hi.\n"])
def test_of_a_document_the_text_is_the_document(document: str) -> None:
    """As of answers to typed requests."""
    found = decoder("text/vtt; charset=utf-8", b'{"response_format":"vtt"}')
    found.feed(document.encode())
    events = found.close()
    assert events is not None
    delta, done = events.pieces
    assert delta.transcript_text_delta.delta == done.transcript_text_done.text == document


def test_what_does_not_fit_the_contract_is_the_providers_fault() -> None:
    """An event cannot be made of it."""
    found = decoder()
    found.feed(b'{"text":"Hi.","segments":7}')
    with pytest.raises(UpstreamError):
        found.close()
