"""Texts, and their tokens: up to eight characters and the blanks before them."""

import re

from conduit_simulator.requests import ChatRequest, Message

# What OpenAI counts for an image in low detail.
IMAGE_TOKENS = 85
_TOKEN = re.compile(r"\s*\S{1,8}|\s+")


def tokens_of(text: str) -> list[str]:
    """Cut a text into its tokens; joined they are the text again."""
    return _TOKEN.findall(text)


def text_of(message: Message) -> str:
    """Return a message's text; what is no text shows as its type, in brackets."""
    content = message.content
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text if part.type == "text" else f"[{part.type}]" for part in content)


def last_said(request: ChatRequest) -> str:
    """Return the text of the last message of the user, or of a tool if that came later."""
    for message in reversed(request.messages):
        if message.role in {"user", "tool"}:
            return text_of(message)
    return ""


def prompt_tokens(request: ChatRequest) -> int:
    """Count the tokens of all messages; other parts than texts count as images."""
    count = 0
    for message in request.messages:
        content = message.content
        if isinstance(content, str):
            count += len(tokens_of(content))
        for part in content if isinstance(content, list) else ():
            count += len(tokens_of(part.text)) if part.type == "text" else IMAGE_TOKENS
        for call in message.tool_calls or ():
            if call.function:
                count += len(tokens_of(call.function.arguments))
    return count
