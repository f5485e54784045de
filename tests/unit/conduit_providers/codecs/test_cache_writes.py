"""How long tokens stay in a provider's cache, which decides their price."""

import msgspec
import pytest

from conduit_providers.codecs.anthropic import answer as anthropic_answer
from conduit_providers.codecs.bedrock import answer as bedrock_answer
from conduit_providers.usage import Usage


def of_anthropic(text: bytes) -> Usage:
    """Return the counts that Anthropic tells so."""
    return msgspec.json.decode(text, type=anthropic_answer.Counts).usage()


def of_bedrock(text: bytes) -> Usage:
    """Return the counts that Bedrock tells so."""
    return msgspec.json.decode(text, type=bedrock_answer.Counts).usage()


@pytest.mark.parametrize("told", [b"", b', "cache_creation": null', b', "cache_creation": {}'])
def test_anthropic_without_times_means_five_minutes(told: bytes) -> None:
    """As older servers answer: all that was written is at the usual price."""
    usage = of_anthropic(b'{"input_tokens": 1, "cache_creation_input_tokens": 9%b}' % told)
    assert usage == Usage(10, cache_write_tokens=9)


@pytest.mark.parametrize("told", [b"", b', "cacheDetails": null', b', "cacheDetails": []'])
def test_bedrock_without_times_means_five_minutes(told: bytes) -> None:
    """The list is empty where nothing is told."""
    usage = of_bedrock(b'{"inputTokens": 1, "cacheWriteInputTokens": 9%b}' % told)
    assert usage == Usage(10, cache_write_tokens=9)


def test_tokens_for_an_hour_are_always_a_part_of_those_written() -> None:
    """Also where the sum is missing or too small: what was written for an hour was written."""
    expected = Usage(8, cache_write_tokens=7, cache_write_1h_tokens=7)
    hour = b'"cache_creation": {"ephemeral_1h_input_tokens": 7, "ephemeral_5m_input_tokens": 0}'
    details = b'"cacheDetails": [{"ttl": "1h", "inputTokens": 7}]'
    assert of_anthropic(b'{"input_tokens": 1, %b}' % hour) == expected
    assert of_bedrock(b'{"inputTokens": 1, "cacheWriteInputTokens": 3, %b}' % details) == expected


def test_a_later_sum_of_a_stream_keeps_what_the_start_told_of_times() -> None:
    """The last event counts all that was written and not for how long; the rest is at the usual."""
    counts = msgspec.json.decode(
        b'{"input_tokens": 1, "cache_creation_input_tokens": 7,'
        b' "cache_creation": {"ephemeral_1h_input_tokens": 7, "ephemeral_5m_input_tokens": 0}}',
        type=anthropic_answer.Counts,
    )
    counts.update(anthropic_answer.Counts(cache_creation_input_tokens=9, output_tokens=4))
    assert counts.usage() == Usage(10, 4, cache_write_tokens=9, cache_write_1h_tokens=7)
