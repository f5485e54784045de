"""What is new in OpenAI's SDK reaches no provider that refuses what it does not know."""

import pytest
from openai.types.chat.chat_completion_content_part_text_param import (
    ChatCompletionContentPartTextParam,
)
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from conduit_providers.catalog import load_catalog

CATALOG = load_catalog()
# Servers of OpenAI's dialect judge these by themselves, or have said in their files what they make
# of them; a parameter that is not here is new.
KNOWN = frozenset(
    {
        *("messages", "model", "audio", "frequency_penalty", "function_call", "functions"),
        *("logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "metadata"),
        *("modalities", "n", "parallel_tool_calls", "prediction", "presence_penalty"),
        *("prompt_cache_key", "prompt_cache_retention", "reasoning_effort", "response_format"),
        *("safety_identifier", "seed", "service_tier", "stop", "store", "stream"),
        *("stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p"),
        *("user", "verbosity", "web_search_options"),
    }
)
# OpenAI's own models, and those who pass on whatever comes.
TAKING_ALL = frozenset({"OpenAI", "AzureOpenAI", "OpenAICompatible", "OpenRouter", "Simulator"})
STRICT = [
    spec.name
    for spec in CATALOG.specs
    if spec.name not in TAKING_ALL
    and "chat" in spec.endpoints
    and spec.endpoints["chat"].codec in {"openai_chat", "mistral_chat"}
]


@pytest.mark.parametrize("name", STRICT)
def test_new_parameters_are_dropped(name: str) -> None:
    """One that a newer SDK has is to be put into each file, as taken or as dropped."""
    new = CompletionCreateParamsBase.__annotations__.keys() - KNOWN
    assert "moderation" in new
    assert new <= CATALOG.find(name).endpoints["chat"].drop


@pytest.mark.parametrize("name", STRICT)
def test_new_members_of_parts_are_dropped(name: str) -> None:
    """They stand within the messages."""
    new = ChatCompletionContentPartTextParam.__annotations__.keys() - {"text", "type"}
    assert new
    assert new <= CATALOG.find(name).endpoints["chat"].drop_in_messages
