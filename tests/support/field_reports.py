"""Requests that users of gateways saw refused: the parts that they are made of."""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from conduit.v1.provider_pb2 import Provider
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.operations.chat import chat_request
from conduit_providers.wire import HttpRequest

Json = dict[str, Any]
CATALOG = load_catalog()
USER: Json = {"role": "user", "content": "go"}
RUN: Json = {
    "type": "function",
    "function": {"name": "run", "parameters": {"type": "object", "properties": {}}},
}
DIALECTS = {
    "Anthropic": "claude-sonnet-4-5",
    "Bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "Cohere": "command-a-03-2025",
    "Gemini": "gemini-2.5-flash",
    "Mistral": "mistral-large-latest",
}


class Report(NamedTuple):
    """A request, to whom it goes, and whether that provider takes a body."""

    provider: str
    model: str
    request: Json
    takes: Callable[[Json], object]


def chat(*messages: Json, **members: object) -> Json:
    """Return a chat."""
    return {"messages": list(messages), **members}


def called(*call_ids: str, arguments: str = "{}", **more: object) -> list[Json]:
    """Return a round: a turn with calls, and their results."""
    function = {"name": "run", "arguments": arguments}
    calls = [{"id": each, "type": "function", "function": function, **more} for each in call_ids]
    results = [{"role": "tool", "tool_call_id": each, "content": "done"} for each in call_ids]
    return [{"role": "assistant", "content": None, "tool_calls": calls}, *results]


def request_of(report: Report) -> HttpRequest:
    """Return the request that a report's request becomes."""
    spec = CATALOG.find(report.provider)
    endpoint = spec.endpoints["chat"]
    instance = Provider(name="P", provider_type=spec.name)
    if "{" in (CATALOG.base_url(spec) or "{"):
        instance.base_url = "https://llm.example.com/v1"
    if any(setting.name == "region" for setting in spec.settings):
        instance.settings["region"] = "us-east-1"
    raw = orjson.dumps({"model": "alias", **report.request})
    call = Call(chat_request(json=raw), alias="alias", model=report.model)
    made = codec_named(endpoint.codec).to_upstream(call, endpoint, CATALOG.target(instance))
    assert isinstance(made, HttpRequest)
    return made


def sent(report: Report) -> Json:
    """Return the body that a report's request becomes."""
    body: Json = orjson.loads(request_of(report).body)
    return body
