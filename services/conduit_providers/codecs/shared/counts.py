"""Counts of tokens as OpenAI's answers have them, for the dialects that are not OpenAI's."""

from conduit.v1.chat_pb2 import ChatUsage
from conduit_providers.quantities import (
    AUDIO_INPUTS,
    AUDIO_OUTPUT,
    CACHE_READS,
    CACHE_WRITES,
    REASONING,
    Quantities,
)


def token_totals(usage: Quantities) -> ChatUsage:
    """Return the totals alone, for dialects that do not say how they split up."""
    read, written = usage.input_tokens, usage.output_tokens
    return ChatUsage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


def chat_usage(usage: Quantities) -> ChatUsage:
    """Return the counts; those read from a cache always stand there, the rarer ones if any."""
    message = token_totals(usage)
    prompt, completion = message.prompt_tokens_details, message.completion_tokens_details
    prompt.cached_tokens = usage.count(*CACHE_READS)
    if written := usage.count(*CACHE_WRITES):
        prompt.cache_write_tokens = written
    if heard := usage.count(*AUDIO_INPUTS):
        prompt.audio_tokens = heard
    if reasoning := usage.count(REASONING):
        completion.reasoning_tokens = reasoning
    if spoken := usage.count(AUDIO_OUTPUT):
        completion.audio_tokens = spoken
    return message
