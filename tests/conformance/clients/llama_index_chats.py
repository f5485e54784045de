# mypy: ignore-errors
# LlamaIndex is installed apart.
"""LlamaIndex as a client of chats and of Responses; prints what it reads, one JSON a line.

usage: llama_index_chats.py URL KEY KIND...
"""

import json
import sys
from collections import deque

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAIResponses
from llama_index.llms.openai_like import OpenAILike

CASES = ("plain", "tools", "reasoning")
# Of tools: all that recorded providers call.
NAMES = ("get_weather", "get_current_weather", "get_temperature", "get_time", "now")


def _weather(city: str = "", location: str = "") -> str:
    return f"Case: plain. {city}{location}"


TOOLS = [
    FunctionTool.from_defaults(_weather, name=name, description="Get the weather") for name in NAMES
]


def models(url: str, key: str, model: str) -> dict:
    """Return LlamaIndex's models by their routes."""
    asked = {"model": model, "api_base": f"{url}/v1", "api_key": key, "max_retries": 0}
    asked |= {"context_window": 128_000}
    return {
        "chat": OpenAILike(**asked, is_chat_model=True, is_function_calling_model=True),
        "responses": OpenAIResponses(**asked, reasoning_options={"summary": "auto"}),
    }


def ask(model: object, turns: list, tools: list, *, is_stream: bool) -> object:
    """Return the last answer."""
    if tools and is_stream:
        found = model.stream_chat_with_tools(tools, chat_history=turns)
    elif tools:
        return model.chat_with_tools(tools, chat_history=turns)
    elif is_stream:
        found = model.stream_chat(turns)
    else:
        return model.chat(turns)
    return deque(found, maxlen=1).pop()


def main(url: str, key: str, *kinds: str) -> None:
    """Ask for each case of each kind, and go on from calls of tools."""
    for kind in kinds:
        for case in CASES:
            for route, model in models(url, key, f"{kind}-{case}").items():
                for is_stream in (False, True):
                    tools = TOOLS if case == "tools" else []
                    turns = [ChatMessage(role="user", content=f"Case: {case}.")]
                    answer = ask(model, turns, tools, is_stream=is_stream)
                    made = model.get_tool_calls_from_response(answer, error_on_no_tool_call=False)
                    again = None
                    if made:
                        results = [
                            ChatMessage(
                                role="tool",
                                content="Case: plain.",
                                additional_kwargs={"tool_call_id": call.tool_id},
                            )
                            for call in made
                        ]
                        more = [*turns, answer.message, *results]
                        again = ask(model, more, tools, is_stream=is_stream).message.content
                    said = answer.message
                    thoughts = [b.content or "" for b in said.blocks if b.block_type == "thinking"]
                    calls = [[call.tool_name, call.tool_kwargs] for call in made]
                    told = [route, kind, case, is_stream, said.content or ""]
                    told += ["".join(thoughts), calls, again]
                    sys.stdout.write(json.dumps(told) + "\n")


main(*sys.argv[1:])
