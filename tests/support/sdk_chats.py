"""The official SDKs as clients of each inbound surface, and what they read of an answer."""

from typing import Any, Protocol

from anthropic import AsyncAnthropic
from anthropic.types import Message
from google import genai
from google.genai import types
from openai import AsyncOpenAI
from openai.types.responses import ParsedResponse, Response
from tests.support.recorded_dialects import Heard, arranged, heard, prompt

Json = dict[str, Any]
_NAME, _TELLS = "get_weather", "Get the weather"
_SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}}
_FUNCTION: Json = {"name": _NAME, "description": _TELLS, "parameters": _SCHEMA}
_LIMIT = 4096


class SdkChat(Protocol):
    """An SDK that asks a model what a case's caller asked."""

    # What it is called, and which of Conduit's routes it speaks to.
    name: str
    route: str
    # Kinds to whom its requests pass as they are, so that their answers are no chats'.
    passed: frozenset[str]

    async def whole(self, model: str, case: str) -> Heard:
        """Return what it read of a whole answer."""
        ...

    async def streamed(self, model: str, case: str) -> Heard:
        """Return what it put together of a stream."""
        ...


class OpenAIChats:
    """openai, at `/v1/chat/completions`."""

    name = "openai"
    route = "/v1/chat/completions"
    passed: frozenset[str] = frozenset()

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def whole(self, model: str, case: str) -> Heard:
        """Return what it read of a whole answer."""
        answer = await self._client.chat.completions.create(**_chat(model, case))
        return heard([choice.model_dump() for choice in answer.choices], "message")

    async def streamed(self, model: str, case: str) -> Heard:
        """Return what its helper put together."""
        async with self._client.chat.completions.stream(**_chat(model, case)) as stream:
            async for _ in stream:
                pass
            final = await stream.get_final_completion()
        return heard([choice.model_dump() for choice in final.choices], "message")


def _chat(model: str, case: str) -> Json:
    asked: Json = {"model": model, "messages": [{"role": "user", "content": prompt(case)}]}
    if case == "tools":
        asked["tools"] = [{"type": "function", "function": _FUNCTION}]
    return asked | ({"reasoning_effort": "high"} if case == "reasoning" else {})


class OpenAIResponses:
    """openai, at `/v1/responses`."""

    name = "openai"
    route = "/v1/responses"
    passed: frozenset[str] = frozenset({"AzureOpenAI"})

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def whole(self, model: str, case: str) -> Heard:
        """Return what it read of a whole answer."""
        return _of_response(await self._client.responses.create(**_response(model, case)))

    async def streamed(self, model: str, case: str) -> Heard:
        """Return what its helper put together."""
        async with self._client.responses.stream(**_response(model, case)) as stream:
            async for _ in stream:
                pass
            return _of_response(await stream.get_final_response())


def _response(model: str, case: str) -> Json:
    # Thoughts are told where summaries of them are asked for, and only there.
    thinking = {"summary": "auto"} | ({"effort": "high"} if case == "reasoning" else {})
    asked: Json = {"model": model, "input": prompt(case), "store": False, "reasoning": thinking}
    if case == "tools":
        asked["tools"] = [{"type": "function", "strict": False, **_FUNCTION}]
    return asked


def _of_response(response: Response | ParsedResponse[Any]) -> Heard:
    thoughts = [item.summary for item in response.output if item.type == "reasoning"]
    calls = [item for item in response.output if item.type == "function_call"]
    return Heard(
        response.output_text,
        "".join(part.text for summary in thoughts for part in summary),
        tuple((call.name, arranged(call.arguments)) for call in calls),
    )


class AnthropicMessages:
    """anthropic, at `/v1/messages`."""

    name = "anthropic"
    route = "/v1/messages"
    passed: frozenset[str] = frozenset()

    def __init__(self, client: AsyncAnthropic) -> None:
        self._client = client

    async def whole(self, model: str, case: str) -> Heard:
        """Return what it read of a whole answer."""
        return _of_message(await self._client.messages.create(**_message(model, case)))

    async def streamed(self, model: str, case: str) -> Heard:
        """Return what its helper put together."""
        async with self._client.messages.stream(**_message(model, case)) as stream:
            return _of_message(await stream.get_final_message())


def _message(model: str, case: str) -> Json:
    turns = [{"role": "user", "content": prompt(case)}]
    asked: Json = {"model": model, "max_tokens": _LIMIT, "messages": turns}
    if case == "tools":
        asked["tools"] = [{"name": _NAME, "description": _TELLS, "input_schema": _SCHEMA}]
    if case == "reasoning":
        asked["thinking"] = {"type": "enabled", "budget_tokens": _LIMIT // 2}
    return asked


def _of_message(message: Message) -> Heard:
    calls = [block for block in message.content if block.type == "tool_use"]
    return Heard(
        "".join(block.text for block in message.content if block.type == "text"),
        "".join(block.thinking for block in message.content if block.type == "thinking"),
        tuple((call.name, arranged(dict(call.input))) for call in calls),
    )


class GoogleContents:
    """google-genai, at `/v1beta/models/{model}:generateContent`."""

    name = "google-genai"
    route = "/v1beta/models/{model}:generateContent"
    passed: frozenset[str] = frozenset()

    def __init__(self, client: genai.Client) -> None:
        self._models = client.aio.models

    async def whole(self, model: str, case: str) -> Heard:
        """Return what it read of a whole answer."""
        return _of_contents([await self._models.generate_content(**_content(model, case))])

    async def streamed(self, model: str, case: str) -> Heard:
        """Return what its pieces are together."""
        stream = await self._models.generate_content_stream(**_content(model, case))
        return _of_contents([piece async for piece in stream])


def _content(model: str, case: str) -> Json:
    config = types.GenerateContentConfig(
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
    )
    if case == "tools":
        function = types.FunctionDeclaration(
            name=_NAME, description=_TELLS, parameters_json_schema=_SCHEMA
        )
        config.tools = [types.Tool(function_declarations=[function])]
    if case == "reasoning":
        config.thinking_config = types.ThinkingConfig(
            include_thoughts=True, thinking_level=types.ThinkingLevel.HIGH
        )
    return {"model": model, "contents": prompt(case), "config": config}


def _of_contents(pieces: list[types.GenerateContentResponse]) -> Heard:
    parts = [part for piece in pieces for part in piece.parts or ()]
    calls = [part.function_call for part in parts if part.function_call]
    return Heard(
        "".join(part.text or "" for part in parts if not part.thought),
        "".join(part.text or "" for part in parts if part.thought),
        tuple((call.name or "", arranged(call.args or {})) for call in calls),
    )


SDKS: tuple[type[SdkChat], ...] = (
    OpenAIChats,
    OpenAIResponses,
    AnthropicMessages,
    GoogleContents,
)
