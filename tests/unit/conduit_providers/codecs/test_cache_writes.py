"""How long tokens stay in a provider's cache, which decides their price."""

import msgspec
import pytest

from conduit_providers.codecs.anthropic import answer as anthropic_answer
from conduit_providers.codecs.bedrock import answer as bedrock_answer
from conduit_providers.quantities import (
    CACHE_WRITE,
    CACHE_WRITE_1H,
    INPUT,
    OUTPUT,
    Quantities,
    counted,
)


def of_anthropic(text: bytes) -> Quantities:
    """Return the counts that Anthropic tells so."""
    return msgspec.json.decode(text, type=anthropic_answer.Counts).quantities()


def of_bedrock(text: bytes) -> Quantities:
    """Return the counts that Bedrock tells so."""
    return msgspec.json.decode(text, type=bedrock_answer.Counts).quantities()


@pytest.mark.parametrize("received", [b"", b', "cache_creation": null', b', "cache_creation": {}'])
def test_anthropic_without_times_means_five_minutes(received: bytes) -> None:
    """As older servers answer: all that was written is at the usual price."""
    usage = of_anthropic(b'{"input_tokens": 1, "cache_creation_input_tokens": 9%b}' % received)
    assert usage == counted([(INPUT, 1), (CACHE_WRITE, 9)])


@pytest.mark.parametrize("received", [b"", b', "cacheDetails": null', b', "cacheDetails": []'])
def test_bedrock_without_times_means_five_minutes(received: bytes) -> None:
    """The list is empty where nothing is told."""
    usage = of_bedrock(b'{"inputTokens": 1, "cacheWriteInputTokens": 9%b}' % received)
    assert usage == counted([(INPUT, 1), (CACHE_WRITE, 9)])


def test_tokens_for_an_hour_need_no_sum() -> None:
    """What was written for an hour was written; a sum below that is marked as odd."""
    leaves = [(INPUT, 1), (CACHE_WRITE_1H, 7)]
    hour = b'"cache_creation": {"ephemeral_1h_input_tokens": 7, "ephemeral_5m_input_tokens": 0}'
    details = b'"cacheDetails": [{"ttl": "1h", "inputTokens": 7}]'
    assert of_anthropic(b'{"input_tokens": 1, %b}' % hour) == counted(leaves)
    assert of_bedrock(b'{"inputTokens": 1, "cacheWriteInputTokens": 3, %b}' % details) == counted(
        leaves, is_consistent=False
    )


def test_a_later_sum_of_a_stream_keeps_what_the_start_told_of_times() -> None:
    """The last event counts all that was written and not for how long; the rest is at the usual."""
    counts = msgspec.json.decode(
        b'{"input_tokens": 1, "cache_creation_input_tokens": 7,'
        b' "cache_creation": {"ephemeral_1h_input_tokens": 7, "ephemeral_5m_input_tokens": 0}}',
        type=anthropic_answer.Counts,
    )
    counts.update(anthropic_answer.Counts(cache_creation_input_tokens=9, output_tokens=4))
    assert counts.quantities() == counted(
        [(INPUT, 1), (CACHE_WRITE, 2), (CACHE_WRITE_1H, 7), (OUTPUT, 4)]
    )
