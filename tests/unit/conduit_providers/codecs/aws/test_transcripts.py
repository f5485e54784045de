"""What Amazon Transcribe hears, put together."""

import orjson
import pytest
from tests.support.eventstream import event, frame

from conduit_kernel.errors import (
    ConduitError,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRefused,
)
from conduit_providers.codecs.aws.transcripts import Result, heard_in, results_in, whole_frames


def results(*payloads: object) -> list[Result]:
    """Return what is heard for good in events."""
    data = b"".join(event("TranscriptEvent", orjson.dumps(each)) for each in payloads)
    return [*results_in(whole_frames(data, "P"), "P")]


def result(text: str, *items: tuple[str, str], **members: object) -> dict[str, object]:
    """Return an event with one stretch of speech, made of items: their type and content."""
    made = [{"Type": kind, "Content": content, "EndTime": 1.0} for kind, content in items]
    alternative = {"Transcript": text, "Items": made}
    return {"Transcript": {"Results": [{"Alternatives": [alternative], **members}]}}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"Transcript": {"Results": []}},
        {"Transcript": {"Results": [{"Alternatives": []}]}},
        result(""),
        result("Hello", IsPartial=True),
    ],
)
def test_what_is_not_heard_for_good_is_nothing(odd: object) -> None:
    """Partial results are heard again; some events have none."""
    assert results(odd) == []


def test_punctuation_belongs_to_the_word_before() -> None:
    """At the beginning it stands alone."""
    items = [("punctuation", "¿"), ("pronunciation", "Si"), ("punctuation", "?"), ("", "No")]
    found = heard_in(results(result("¿Si? No", *items)), "es")
    assert [word.text for word in found.words] == ["¿", "Si?", "No"]
    assert (found.text, found.language) == ("¿Si? No", "es")


def test_an_unknown_failure_is_the_providers() -> None:
    """Known ones are what their statuses would be."""
    kinds: list[tuple[str, type[ConduitError]]] = [
        ("BadRequestException", UpstreamRefused),
        ("LimitExceededException", UpstreamRateLimited),
        ("InternalFailureException", UpstreamError),
        ("BrandNewException", UpstreamError),
    ]
    for name, kind in kinds:
        data = event(name, b'{"Message":"words"}')
        with pytest.raises(kind, match="words") as raised:
            list(results_in(whole_frames(data, "P"), "P"))
        assert type(raised.value) is kind


def test_an_error_of_the_framing_has_its_own_words() -> None:
    """It has no payload."""
    headers = {":message-type": "error", ":error-code": "Broken", ":error-message": "words"}
    with pytest.raises(UpstreamError, match="words"):
        list(results_in(whole_frames(frame(headers, b""), "P"), "P"))


def test_an_event_nested_too_deep_is_malformed() -> None:
    """However small it is."""
    data = event("TranscriptEvent", b'{"Other":' + b"[" * 5_000 + b"]" * 5_000 + b"}")
    with pytest.raises(UpstreamError, match="not one of transcriptions"):
        list(results_in(whole_frames(data, "P"), "P"))
