"""Bodies of requests to Perplexity, beside the wire cases."""

from typing import Any

import orjson
import pytest
from tests.support.field_reports import CATALOG

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.perplexity.request import ChatBody
from conduit_providers.operations.chat import chat_request

Json = dict[str, Any]
HI = [{"role": "user", "content": "hi"}]
ENDPOINT = CATALOG.find("PerplexityAgent").endpoints["chat"]
SEARCH = {"type": "web_search"}


def body(model: str = "perplexity/sonar", **members: object) -> tuple[Json, list[str]]:
    """Return the body of a chat, and what is dropped."""
    raw = orjson.dumps({"model": "a", "messages": HI, **members})
    call = Call(chat_request(json=raw), alias="a", model=model, dropped=[])
    return ChatBody(call, ENDPOINT, "Lumen").build(), call.dropped


@pytest.mark.parametrize(
    ("model", "members", "tools"),
    [
        ("perplexity/sonar", {}, [SEARCH]),
        ("perplexity/sonar", {"disable_search": True}, None),
        ("perplexity/sonar", {"disable_search": False}, [SEARCH]),
        ("openai/gpt-6", {}, None),
        ("openai/gpt-6", {"web_search_options": {}}, [SEARCH]),
        ("openai/gpt-6", {"web_search_options": None}, [SEARCH]),
        (
            "openai/gpt-6",
            {"search_recency_filter": "day"},
            [{**SEARCH, "filters": {"search_recency_filter": "day"}}],
        ),
        (
            "openai/gpt-6",
            {"web_search_options": {"user_location": {"city": "Paris"}}},
            [{**SEARCH, "user_location": {"city": "Paris"}}],
        ),
    ],
)
def test_who_searches(model: str, members: Json, tools: object) -> None:
    """Perplexity's own models unless told otherwise; others where they are asked to."""
    found, dropped = body(model, **members)
    assert found.get("tools") == tools
    assert dropped == []


def test_a_search_of_the_callers_own_is_the_only_one() -> None:
    """Perplexity's own tools pass as they are."""
    own = {"type": "web_search", "search_type": "fast"}
    assert body(tools=[own, {"type": "sandbox"}])[0]["tools"] == [own, {"type": "sandbox"}]


def test_what_a_search_cannot_be_told_is_told() -> None:
    """By the name that the caller gave it."""
    place = {"type": "approximate", "approximate": {"city": "Paris", "timezone": "Europe/Paris"}}
    _, dropped = body(web_search_options={"user_location": place, "image_results": True})
    assert set(dropped) == {
        "web_search_options.user_location.timezone",
        "web_search_options.image_results",
    }


def test_tools_with_free_form_input_have_another_asked() -> None:
    """Offered or chosen."""
    custom = {"type": "custom", "custom": {"name": "f"}}
    for members in ({"tools": [custom]}, {"tool_choice": custom}):
        with pytest.raises(UnsupportedCapability):
            body(**members)


def test_the_newer_limit_counts_and_an_effort_goes_behind_its_own() -> None:
    """What Perplexity has itself is what the caller means."""
    found, dropped = body(
        max_completion_tokens=5, max_tokens=9, reasoning_effort="max", reasoning={"effort": "low"}
    )
    assert (found["max_output_tokens"], found["reasoning"]) == (5, {"effort": "low"})
    assert dropped == ["max_tokens"]
    assert body(reasoning_effort="max")[0]["reasoning"] == {"effort": "xhigh"}
