"""What sessions count, in each of their spellings."""

import msgspec
import pytest

from conduit.v1.charge_pb2 import UNIT_AUDIO_INPUT_MILLISECOND, UNIT_SESSION_MILLISECOND
from conduit_providers.codecs.openai.session_usage import SessionUsage
from conduit_providers.quantities import (
    AUDIO_INPUT,
    AUDIO_OUTPUT,
    CACHED_AUDIO_INPUT,
    CACHED_INPUT,
    INPUT,
    MOST,
    OUTPUT,
    REASONING,
    counted,
)


def report(value: object) -> SessionUsage:
    """Read a `usage`."""
    return msgspec.convert(value, SessionUsage)


@pytest.mark.parametrize("read", ["input_token_details", "input_tokens_details"])
def test_tokens_are_told_by_modality_in_either_spelling(read: str) -> None:
    """What is from the cache is told by modality, too."""
    cached = {"text_tokens": 3, "audio_tokens": 2}
    details = {"audio_tokens": 10, "cached_tokens": 5, "cached_tokens_details": cached}
    usage = report(
        {
            "input_tokens": 30,
            "output_tokens": 9,
            read: details,
            read.replace("input", "output"): {"audio_tokens": 4, "reasoning_tokens": 1},
        }
    )
    assert dict(usage.tokens().leaves) == {
        INPUT: 17,
        AUDIO_INPUT: 8,
        CACHED_INPUT: 3,
        CACHED_AUDIO_INPUT: 2,
        OUTPUT: 4,
        REASONING: 1,
        AUDIO_OUTPUT: 4,
    }


def test_parts_that_are_more_than_the_whole_are_marked() -> None:
    """The totals count then."""
    usage = report({"input_tokens": 1, "input_token_details": {"audio_tokens": 10}}).tokens()
    assert (usage.leaves, usage.is_consistent) == (((INPUT, 1),), False)


def test_transcriptions_count_seconds_or_tokens() -> None:
    """Whichever the model is billed by."""
    assert report({"seconds": 1.2345}).transcribed() == counted(
        ((int(UNIT_AUDIO_INPUT_MILLISECOND), 1234),)
    )
    assert report({"input_tokens": 3}).transcribed() == counted(((INPUT, 3),))


@pytest.mark.parametrize(
    ("seconds", "found", "is_consistent"),
    [(61.5, 61_500, True), (0.0, 0, True), (-1.0, 0, False), (1e306, MOST, False)],
)
def test_a_length_that_cannot_be_is_marked(
    seconds: float, found: int, *, is_consistent: bool
) -> None:
    """In milliseconds it may be more than any whole number holds; it breaks no session."""
    for usage, unit in (
        (report({"seconds": seconds}).lasted(), UNIT_SESSION_MILLISECOND),
        (report({"seconds": seconds}).transcribed(), UNIT_AUDIO_INPUT_MILLISECOND),
    ):
        assert usage is not None
        assert (usage.count(int(unit)), usage.is_consistent) == (found, is_consistent)


def test_a_session_that_does_not_say_how_long_it_lasted_is_not_counted() -> None:
    """Somebody else must."""
    assert report({"input_tokens": 3}).lasted() is None
