"""Blocks of Claude's turns in the forms of two APIs, which take each other's signed thoughts.

A turn in which words and calls stand between thoughts goes to either with its order: "`thinking`
or `redacted_thinking` blocks in the latest assistant message cannot be modified", says Claude
otherwise (maximhq/bifrost#6342).
"""

from typing import Any

Json = dict[str, Any]

# By which such details are known: of Anthropic's API, and of Bedrock's Converse.
MESSAGES_FORMAT = "anthropic-claude-block-v1"
CONVERSE_FORMAT = "amazon-bedrock-block-v1"


def as_converse(block: Json | None) -> Json | None:
    """Return a block of Anthropic's as Converse has it; None for what it has no word for."""
    match block:
        case {"type": "text", "text": str(text)}:
            return {"text": text}
        case {"type": "tool_use", "id": str(call_id), "name": str(name), "input": given}:
            return {"toolUse": {"toolUseId": call_id, "name": name, "input": given}}
        case _:
            return None


def as_messages(block: Json | None) -> Json | None:
    """Return a block of Converse's as Anthropic has it; None for what it has no word for."""
    match block:
        case {"text": str(text)}:
            return {"type": "text", "text": text}
        case {"toolUse": {"toolUseId": str(call_id), "name": str(name), "input": given} as use}:
            # One with a type is of a tool of Bedrock's own.
            call = {"type": "tool_use", "id": call_id, "name": name, "input": given}
            return None if use.get("type") else call
        case _:
            return None
