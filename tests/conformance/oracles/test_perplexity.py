"""Perplexity's newest SDK as oracle: what it sends for the same, we send."""

from typing import Any

import pytest
from perplexity import Perplexity
from tests.support.sdk_oracle import upstream, we_send
from tests.support.wire_cases import SECRET, case_named

Json = dict[str, Any]
SONAR = "perplexity/sonar"
SEARCH = {"type": "web_search"}


def said(role: str, content: object) -> Json:
    """Return an item of a conversation."""
    return {"type": "message", "role": role, "content": content}


HELLO: Json = {"input": [said("user", "Hello!")], "tools": [SEARCH]}
# By wire case: the same in the words of the SDK.
NATIVE: dict[str, Json] = {
    "plain": HELLO,
    "stream": {**HELLO, "stream": True},
    "system": {
        "input": [said("developer", "You are a helpful assistant."), *HELLO["input"]],
        "tools": [SEARCH],
        "max_output_tokens": 100,
    },
    "search": {
        "input": [said("user", "News?")],
        "tools": [
            {
                "type": "web_search",
                "search_context_size": "high",
                "user_location": {"country": "FR", "city": "Paris"},
                "filters": {
                    "search_domain_filter": ["nature.com"],
                    "search_recency_filter": "week",
                },
            }
        ],
    },
    "reasoning_max": {
        "input": [said("user", "Two plus two?")],
        "tools": [SEARCH],
        "reasoning": {"effort": "xhigh"},
    },
    "own_parameters": {
        "input": [said("user", "News?")],
        "tools": [SEARCH],
        "effort": "low",
        "max_steps": 3,
        "language_preference": "de",
        "previous_response_id": "resp_1",
        "instructions": "Be brief.",
    },
}


@pytest.mark.parametrize("name", NATIVE)
def test_perplexity_is_asked_as_its_sdk_asks(name: str) -> None:
    """Path and body; the SDK knows each member that we send."""
    with upstream(f"PerplexityAgent/chat/{name}") as server:
        sdk = Perplexity(api_key=SECRET, base_url=server.address, max_retries=0, timeout=20)
        found = sdk.responses.create(model=SONAR, **NATIVE[name])
        if NATIVE[name].get("stream"):
            list(found)
        asked = server.received[0]
    request = case_named(f"PerplexityAgent/chat/{name}").request
    ours = we_send("PerplexityAgent", "chat", {**request, "model": SONAR})
    assert (ours.path, ours.body) == (asked.path, asked.body)
