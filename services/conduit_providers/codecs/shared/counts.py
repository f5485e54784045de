"""Counts of tokens as OpenAI's answers have them, for the dialects that know how they split up."""

from conduit.v1.chat_pb2 import ChatUsage
from conduit_providers.usage import Usage


def chat_usage(usage: Usage) -> ChatUsage:
    """Return the counts; those read from a cache always stand there, the rarer ones if any."""
    told = ChatUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
    )
    prompt, completion = told.prompt_tokens_details, told.completion_tokens_details
    prompt.cached_tokens = usage.cached_input_tokens
    if usage.cache_write_tokens:
        prompt.cache_write_tokens = usage.cache_write_tokens
    if usage.audio_input_tokens:
        prompt.audio_tokens = usage.audio_input_tokens
    if usage.reasoning_tokens:
        completion.reasoning_tokens = usage.reasoning_tokens
    if usage.audio_output_tokens:
        completion.audio_tokens = usage.audio_output_tokens
    return told
