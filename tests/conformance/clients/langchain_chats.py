# mypy: ignore-errors
# LangChain is installed apart.
"""LangChain as a client of each route; prints what it reads, one JSON a line.

usage: langchain_chats.py URL KEY KIND...
"""

import json
import sys
from collections.abc import Iterator
from functools import reduce
from operator import add

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import ChatOpenAI

CASES = ("plain", "tools", "reasoning")
# Of tools: all that recorded providers call.
NAMES = ("get_weather", "get_current_weather", "get_temperature", "get_time", "now")


def _weather(city: str = "", location: str = "") -> str:
    """Get the weather."""
    return f"Case: plain. {city}{location}"


TOOLS = [tool(name)(_weather) for name in NAMES]


def models(url: str, key: str, model: str, case: str) -> Iterator[tuple[str, object]]:
    """Yield LangChain's models by their routes."""
    chat = {"model": model, "base_url": f"{url}/v1", "api_key": key, "max_retries": 0}
    yield "chat", ChatOpenAI(**chat, stream_usage=True)
    summaries = {"summary": "auto"}
    for route, store in (("responses", None), ("stateless", False)):
        yield route, ChatOpenAI(**chat, use_responses_api=True, reasoning=summaries, store=store)
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 2048}}
    own = thinking if case == "reasoning" else {}
    yield (
        "messages",
        ChatAnthropic(
            model=model, base_url=url, api_key=key, max_retries=0, max_tokens=4096, **own
        ),
    )
    google = {"model": model, "base_url": url, "google_api_key": key, "max_retries": 0}
    yield "contents", ChatGoogleGenerativeAI(**google, include_thoughts=True)


def ask(model: object, turns: list, *, is_stream: bool) -> AIMessage:
    """Return the answer, put together where it was streamed."""
    return reduce(add, model.stream(turns)) if is_stream else model.invoke(turns)


def main(url: str, key: str, *kinds: str) -> None:
    """Ask for each case of each kind, and go on from calls of tools."""
    for kind in kinds:
        for case in CASES:
            for route, plain in models(url, key, f"{kind}-{case}", case):
                model = plain.bind_tools(TOOLS) if case == "tools" else plain
                for is_stream in (False, True):
                    turns = [HumanMessage(f"Case: {case}.")]
                    answer = ask(model, turns, is_stream=is_stream)
                    again = None
                    if answer.tool_calls:
                        results = [
                            ToolMessage("Case: plain.", tool_call_id=call["id"])
                            for call in answer.tool_calls
                        ]
                        again = ask(model, [*turns, answer, *results], is_stream=is_stream).text
                    blocks = answer.content_blocks
                    thoughts = [
                        b.get("reasoning") or "" for b in blocks if b["type"] == "reasoning"
                    ]
                    calls = [[call["name"], call["args"]] for call in answer.tool_calls]
                    told = [route, kind, case, is_stream, answer.text, "".join(thoughts), calls]
                    sys.stdout.write(json.dumps([*told, again]) + "\n")


main(*sys.argv[1:])
