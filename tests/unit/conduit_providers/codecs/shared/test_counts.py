"""Counts as OpenAI's answers have them."""

from google.protobuf.json_format import MessageToDict

from conduit_providers.codecs.shared.counts import chat_usage, token_totals
from conduit_providers.quantities import (
    AUDIO_INPUT,
    AUDIO_OUTPUT,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    CACHED_AUDIO_INPUT,
    CACHED_INPUT,
    INPUT,
    MOST,
    OUTPUT,
    REASONING,
    Quantities,
    counted,
    plain,
)


def test_totals_include_everything() -> None:
    """Whatever it is a part of."""
    usage = counted(((INPUT, 1), (CACHED_INPUT, 2), (OUTPUT, 4), (REASONING, 8)))
    totals = token_totals(usage)
    assert (totals.prompt_tokens, totals.completion_tokens, totals.total_tokens) == (3, 12, 15)
    assert not totals.HasField("prompt_tokens_details")


def test_parts_are_told_if_there_are_any() -> None:
    """But what is from the cache always."""
    usage = counted(
        (
            (INPUT, 1),
            (CACHED_INPUT, 2),
            (CACHED_AUDIO_INPUT, 4),
            (CACHE_WRITE, 8),
            (CACHE_WRITE_1H, 16),
            (AUDIO_INPUT, 32),
            (OUTPUT, 64),
            (REASONING, 128),
            (AUDIO_OUTPUT, 256),
        )
    )
    told = MessageToDict(chat_usage(usage), preserving_proto_field_name=True)
    assert told["prompt_tokens_details"] == {
        "cached_tokens": "6",
        "cache_write_tokens": "24",
        "audio_tokens": "36",
    }
    assert told["completion_tokens_details"] == {"reasoning_tokens": "128", "audio_tokens": "256"}
    assert (told["prompt_tokens"], told["completion_tokens"]) == ("63", "448")
    told = MessageToDict(chat_usage(plain(1, 1)), preserving_proto_field_name=True)
    assert told["prompt_tokens_details"] == {"cached_tokens": "0"}
    assert not told.get("completion_tokens_details")


def test_nothing_and_the_most_can_be_told() -> None:
    """The sum of all leaves fits into the message."""
    assert chat_usage(Quantities()).total_tokens == 0
    most = counted(((INPUT, MOST), (CACHED_INPUT, MOST), (OUTPUT, MOST)))
    assert chat_usage(most).total_tokens == 3 * MOST
