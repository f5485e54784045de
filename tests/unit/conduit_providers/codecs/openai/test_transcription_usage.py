"""What a transcription used, as its provider says it."""

import pytest

from conduit_providers.codecs.openai.transcription_usage import transcription_usage
from conduit_providers.quantities import AUDIO_INPUT, INPUT, OUTPUT
from conduit_providers.transcripts import AUDIO_MILLISECOND


def test_tokens_are_taken_apart() -> None:
    """Those of sound have a price of their own."""
    reported = {"input_tokens": 34, "output_tokens": 9, "input_token_details": {"audio_tokens": 30}}
    found = transcription_usage(reported, duration=7)
    assert found is not None
    assert [found.count(unit) for unit in (INPUT, AUDIO_INPUT, OUTPUT)] == [4, 30, 9]


@pytest.mark.parametrize(
    ("reported", "duration", "milliseconds"),
    [({"type": "duration", "seconds": 2}, 7, 2000), (None, 7.5, 7500), ({}, 7.5, 7500)],
)
def test_seconds_are_the_providers_own_before_the_sounds(
    reported: object, duration: float, milliseconds: int
) -> None:
    """It may charge by the started second."""
    found = transcription_usage(reported, duration)
    assert found is not None
    assert found.count(AUDIO_MILLISECOND) == milliseconds


@pytest.mark.parametrize("reported", [None, {}, 7, {"seconds": "many"}, {"input_tokens": []}])
def test_who_does_not_count_says_nothing(reported: object) -> None:
    """And what makes no sense is as if it was not said."""
    assert transcription_usage(reported) is None
