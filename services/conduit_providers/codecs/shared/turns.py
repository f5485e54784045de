"""What dialects other than OpenAI's need of earlier turns: whole thoughts, and calls' arguments."""

from collections.abc import Iterable
from typing import Any

import msgspec

from conduit.v1.chat_message_pb2 import ReasoningDetail
from conduit_providers.json_reading import parsed

# The name that Anthropic's documentation recommends for arguments that are no JSON.
# https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming
INVALID_JSON = "INVALID_JSON"


def joined_details(details: Iterable[ReasoningDetail]) -> list[ReasoningDetail]:
    """Return whole thoughts, also where a caller only strung the pieces of a stream together."""
    whole: list[ReasoningDetail] = []
    for detail in details:
        last = whole[-1] if whole else None
        if (
            last is None
            or not detail.HasField("index")
            or (last.index, last.type) != (detail.index, detail.type)
        ):
            whole.append(ReasoningDetail())
            whole[-1].CopyFrom(detail)
            continue
        last.text += detail.text
        if detail.signature:
            last.signature = detail.signature
    return whole


def arguments_of(text: str) -> dict[str, Any]:
    """Return the arguments of a call as an object; what is none goes into a member of one."""
    try:
        value = parsed((text or "{}").encode())
    except msgspec.DecodeError:
        return {INVALID_JSON: text}
    return value if isinstance(value, dict) else {INVALID_JSON: text}


def is_thinking(native: object) -> bool:
    """Return whether Anthropic's own `thinking` asks for thoughts; the provider judges it."""
    return isinstance(native, dict) and native.get("type") in ("enabled", "adaptive")
