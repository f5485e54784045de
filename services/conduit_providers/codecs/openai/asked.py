"""What a caller's request says of the stream that answers it."""

import re

import msgspec

from conduit_providers.operations.chat import ChatCall


class Asked(msgspec.Struct):
    """The members that count, of whatever type callers gave them."""

    usage: object = None
    n: object = None

    @property
    def choices(self) -> int:
        """Return how many answers are asked for."""
        return self.n if isinstance(self.n, int) else 1


_NAMED = re.compile(rb'"tool_choice"\s*:\s*\{')
_decode = msgspec.json.Decoder(Asked).decode
_NOTHING = Asked()


def asked_by(call: ChatCall) -> Asked:
    """Return what a call says."""
    raw = call.request.json
    if b'"usage"' not in raw and b'"n"' not in raw:
        return _NOTHING
    try:
        return _decode(raw)
    except msgspec.MsgspecError:
        # A number that nobody holds; the provider has been asked all the same.
        return _NOTHING


def asks_accounting(asked: Asked) -> bool:
    """Return whether the caller asks for usage in OpenRouter's way: `"usage": {"include": true}`.

    https://openrouter.ai/docs/use-cases/usage-accounting
    """
    return isinstance(asked.usage, dict) and asked.usage.get("include") is True


def names_a_tool(call: ChatCall) -> bool:
    """Return whether the caller says which tools must be called.

    OpenAI's answers to that end with `stop`, though they call one.
    https://platform.openai.com/docs/guides/function-calling
    """
    raw = call.request.json
    return b'"tool_choice"' in raw and _NAMED.search(raw) is not None
