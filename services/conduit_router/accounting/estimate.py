"""Token counts for when the provider gave none: rough, and marked as such in the charge.

Four characters a token is the field's rule of thumb for English text:
https://help.openai.com/en/articles/4936856-what-are-tokens-and-how-to-count-them.
"""

from conduit.v1.chat_pb2 import ChatCompletionRequest, ChatUsage
from conduit.v1.json_runtime import JsonError
from conduit_providers.calls import Form
from conduit_providers.usage import Usage

CHARACTERS_PER_TOKEN = 4


def estimate_text(length: int) -> int:
    """Return about how many tokens a text of so many characters has."""
    return -(-length // CHARACTERS_PER_TOKEN)


def estimate_chat(form: Form[ChatCompletionRequest]) -> int:
    """Return about how many tokens a conversation has; pictures and sound are not counted."""
    try:
        messages = form.typed.messages
    except JsonError:
        return estimate_text(len(form.json))
    return estimate_text(sum(len(part.text) for m in messages for part in m.content))


def usage_message(usage: Usage) -> ChatUsage:
    """Return counts as OpenAI's usage object has them."""
    message = ChatUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
    )
    if usage.cached_input_tokens:
        message.prompt_tokens_details.cached_tokens = usage.cached_input_tokens
    if usage.cache_write_tokens:
        message.prompt_tokens_details.cache_write_tokens = usage.cache_write_tokens
    if usage.reasoning_tokens:
        message.completion_tokens_details.reasoning_tokens = usage.reasoning_tokens
    return message
