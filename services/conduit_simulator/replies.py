"""What a model says: pure, from the request and the behaviour."""

from dataclasses import dataclass

from conduit_simulator.behaviour import Behaviour
from conduit_simulator.requests import ChatRequest, Tool, max_tokens
from conduit_simulator.schema import value_for
from conduit_simulator.text import last_said, prompt_tokens, tokens_of

_REASONING = "The user said something. I shall say it again."


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `arguments` are JSON, cut into tokens."""

    id: str
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written; the written ones include the reasoning."""

    prompt: int
    completion: int
    reasoning: int

    def as_json(self) -> dict[str, object]:
        """Return it as OpenAI has it."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, cut into tokens as a stream sends them. All choices are the same."""

    tokens: tuple[str, ...]
    calls: tuple[Call, ...]
    reasoning: tuple[str, ...]
    finish_reason: str
    choices: int
    usage: Usage


def reply_to(request: ChatRequest, behaviour: Behaviour, id_: str) -> Reply:
    """Answer a request; `id_` distinguishes the ids of its tool calls."""
    reasoning = tuple(tokens_of(_REASONING)) if behaviour.habit == "think" else ()
    calls = tuple(
        Call(
            f"call_{id_}{index}",
            tool.function.name,
            tuple(tokens_of(value_for(tool.function.parameters, last_said(request)).decode())),
        )
        for index, tool in enumerate(_tools_to_call(request, behaviour))
        if tool.function
    )
    tokens = [] if calls else _said(request, behaviour)
    kept = tokens if (limit := max_tokens(request)) is None else tokens[:limit]
    written = len(kept) + len(reasoning) + sum(len(call.arguments) for call in calls)
    choices = request.n or 1
    return Reply(
        tokens=tuple(kept),
        calls=calls,
        reasoning=reasoning,
        finish_reason=_finish_reason(calls, cut=len(kept) < len(tokens)),
        choices=choices,
        usage=Usage(prompt_tokens(request), written * choices, len(reasoning) * choices),
    )


def _finish_reason(calls: tuple[Call, ...], *, cut: bool) -> str:
    if calls:
        return "tool_calls"
    return "length" if cut else "stop"


def _said(request: ChatRequest, behaviour: Behaviour) -> list[str]:
    if behaviour.habit == "count":
        return [str(n) if n == 1 else f" {n}" for n in range(1, behaviour.chunks + 1)]
    text = last_said(request)
    wanted = request.response_format
    if wanted and wanted.type == "json_schema" and wanted.json_schema:
        text = value_for(wanted.json_schema.schema, text).decode()
    elif wanted and wanted.type == "json_object":
        text = value_for({"properties": {"echo": {"type": "string"}}}, text).decode()
    stops = [request.stop] if isinstance(request.stop, str) else request.stop or []
    for stop in filter(None, stops):
        text = text.partition(stop)[0]
    return tokens_of(text)


def _tools_to_call(request: ChatRequest, behaviour: Behaviour) -> list[Tool]:
    tools = request.tools or []
    choice = request.tool_choice
    if isinstance(choice, Tool):
        name = choice.function.name if choice.function else ""
        return [tool for tool in tools if tool.function and tool.function.name == name][:1]
    # A conversation that has got its tool's answer goes on in words, so that loops end.
    answered = request.messages[-1].role == "tool"
    if choice == "none" or (choice != "required" and answered):
        return []
    if behaviour.habit == "tools" and request.parallel_tool_calls is not False:
        return tools
    wanted = choice == "required" or behaviour.habit in {"tool", "tools"}
    return tools[:1] if wanted else []
