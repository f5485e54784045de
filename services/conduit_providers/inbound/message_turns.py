"""Turns of Anthropic's Messages as a chat has them.

https://platform.claude.com/docs/en/api/messages/create: results of tools stand apart in a chat,
in front of what the user says; what the model thought goes beside what it said.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from conduit.v1.message_pb2 import MessageBlock, MessageTurn
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.anthropic.turns import FORMAT
from conduit_providers.codecs.shared.claude_blocks import MESSAGES_FORMAT
from conduit_providers.codecs.shared.kept_blocks import CALL, TEXT, THOUGHT, BlockOrder
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.message_parts import Parts, result_blocks, text_of
from conduit_providers.inbound.sealed_thoughts import OpenedThoughts, is_sealed
from conduit_providers.inbound.tool_names import cut

Json = dict[str, Any]

# How Claude Code begins the instructions of each request, with another text each time:
# https://code.claude.com/docs/en/llm-gateway-protocol
BILLING = "x-anthropic-billing-header:"
# What is about the provider's own tools, which another provider has no word for.
_OWN_TOOLS = ("server_tool_use", "mcp_tool_use", "mcp_tool_listing")
# Instructions on the way are words, and which tools are offered from then on.
_OF_TOOLS = ("tool_addition", "tool_removal")
# Where another model of Anthropic's went on; no model is shown it.
_FALLBACK = "fallback"


class Turns:
    """Translates the turns of one request."""

    def __init__(self, dropped: Dropped, parts: Parts, *, knows_failures: bool) -> None:
        """Take whether a result may say that its call has failed."""
        self._dropped = dropped
        self._parts = parts
        self._knows_failures = knows_failures

    def system(self, blocks: Sequence[MessageBlock]) -> list[Json]:
        """Return the instructions as one turn, without what is meant for Anthropic alone."""
        kept = [b for b in blocks if text_of(b).strip() and not text_of(b).startswith(BILLING)]
        return [{"role": "system", "content": self._parts.content(kept)}] if kept else []

    def of(self, turns: Iterable[MessageTurn]) -> list[Json]:
        """Return the turns. UnsupportedCapability for content that a chat cannot have.

        InvalidRequest for turns of nobody.
        """
        found: list[Json] = []
        for turn in turns:
            match turn.role:
                case "assistant":
                    found += self._model(turn.content)
                case "user":
                    found += self._user(turn.content)
                case "system" | "developer":
                    found += self._instructions(turn)
                case _:
                    message = "messages.role must be user, assistant or system"
                    raise InvalidRequest(message, field="messages.role")
        return found

    def _instructions(self, turn: MessageTurn) -> list[Json]:
        """Return instructions on the way; nothing where they were about tools alone."""
        said: list[MessageBlock] = []
        for block in turn.content:
            if block.type in _OF_TOOLS:
                self._dropped.add(f"messages.content.{block.type}")
            else:
                said.append(block)
        if not said:
            return []
        return [{"role": turn.role, "content": self._parts.content(said)}]

    def _user(self, blocks: Iterable[MessageBlock]) -> list[Json]:
        results: list[Json] = []
        rest: list[MessageBlock] = []
        for block in blocks:
            if block.type == "tool_result":
                results.append(self._result(block))
            else:
                rest.append(block)
        if rest or not results:
            results.append({"role": "user", "content": self._parts.content(rest)})
        return results

    def _result(self, block: MessageBlock) -> Json:
        content = self._parts.content(result_blocks(block))
        result: Json = {"role": "tool", "tool_call_id": block.tool_use_id, "content": content}
        if block.is_error:
            if self._knows_failures:
                result["is_error"] = True
            else:
                self._dropped.add("messages.content.is_error")
        return result | self._parts.mark_of(block)

    def _model(self, blocks: Iterable[MessageBlock]) -> list[Json]:
        turn = _ModelTurn(self._parts)
        for block in blocks:
            match block.type:
                case "tool_use":
                    turn.call(block)
                    if block.HasField("cache_control"):
                        self._dropped.add("cache_control")
                case "thinking":
                    turn.think(block)
                case "redacted_thinking":
                    turn.think_sealed(block.data)
                case kind if kind in _OWN_TOOLS or kind.endswith("_tool_result"):
                    self._dropped.add(f"messages.content.{kind}")
                case kind if kind == _FALLBACK:
                    pass
                case _:
                    turn.say(block)
        return turn.members()


class _ModelTurn:
    """Gathers a turn of the model."""

    def __init__(self, parts: Parts) -> None:
        self._said: list[MessageBlock] = []
        self._parts = parts
        self._calls: list[Json] = []
        self._thoughts: list[str] = []
        # What Anthropic has no words for.
        self._opened = OpenedThoughts()
        # Where words and calls stand among its own thoughts, for who demands that all stays there.
        self._order = BlockOrder()
        self._in_order: list[Json] = []
        self._signed = 0

    def say(self, block: MessageBlock) -> None:
        """Add words, or what else was said."""
        self._said.append(block)
        self._order.add(TEXT)
        if text := text_of(block):
            self._keep({"type": "text", "text": text})

    def call(self, block: MessageBlock) -> None:
        """Add a call."""
        arguments = block.input_json.decode() or "{}"
        function = {"name": cut(block.name), "arguments": arguments}
        self._calls.append({"id": block.id, "type": "function", "function": function})
        self._order.add(CALL)
        given = orjson.loads(arguments)
        self._keep({"type": "tool_use", "id": block.id, "name": cut(block.name), "input": given})

    def _keep(self, block: Json) -> None:
        kept = {"type": "reasoning.encrypted", "data": orjson.dumps(block).decode()}
        self._in_order.append(kept | {"format": MESSAGES_FORMAT})

    def think(self, block: MessageBlock) -> None:
        """Add a thought."""
        self._thoughts.append(block.thinking)
        if is_sealed(block.signature):
            self._opened.add(block.signature)
        elif block.signature:
            self._add("reasoning.text", text=block.thinking, signature=block.signature)

    def think_sealed(self, data: str) -> None:
        """Add a thought that only its provider can read."""
        if is_sealed(data):
            self._opened.add(data)
        elif data:
            self._add("reasoning.encrypted", data=data)

    def _add(self, kind: str, **members: str) -> None:
        detail = {"type": kind, **members, "format": FORMAT, "index": len(self._opened.details)}
        self._opened.details.append(detail)
        self._order.add(THOUGHT)
        self._in_order.append(detail)
        self._signed += 1

    def _kept(self) -> list[Json]:
        """Return thoughts, and all else in its place where that is not behind them."""
        details = self._opened.details
        # What was opened says itself where what stands.
        if len(details) > self._signed or not self._order.is_lost:
            return details
        return [{**each, "index": index} for index, each in enumerate(self._in_order)]

    def members(self) -> list[Json]:
        """Return the turn; nothing where nothing was said."""
        found: Json = {**self._opened.of_turn}
        # The pieces of one answer, between thoughts and calls.
        if content := self._parts.content(self._said, between=""):
            found["content"] = content
        if self._calls:
            found.setdefault("content", None)
            found["tool_calls"] = [
                self._opened.of_calls.get(each["id"], {}) | each for each in self._calls
            ]
        if thought := "".join(self._thoughts):
            found["reasoning_content"] = thought
        if self._opened.details:
            found["reasoning_details"] = self._kept()
        if not found:
            return []
        found.setdefault("content", "")
        return [{"role": "assistant", **found}]
