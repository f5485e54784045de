"""Choices of tools that were lost on their way elsewhere: each reaches its provider in its words.

Named for the reports that they stand for.
"""

from collections.abc import Callable

import orjson
import pytest
from tests.support.field_reports import DIALECTS, RUN, USER, Json, Report, chat, sent

OTHER: Json = {**RUN, "function": {**RUN["function"], "name": "other"}}
CHOICES: dict[str, object] = {
    "named": {"type": "function", "function": {"name": "run"}},
    "none": "none",
    "required": "required",
}
# What is sent for each choice, and what must not be.
CHOSEN: dict[str, dict[str, tuple[str, ...]]] = {
    "Anthropic": {
        "named": ('"type":"tool"',),
        "none": ('"type":"none"',),
        "required": ('"type":"any"',),
    },
    "Bedrock": {"named": ('"tool":{"name":"run"}',), "required": ('"any":{}',)},
    "Cohere": {
        "named": ('"tool_choice":"REQUIRED"', '"other"'),
        "none": ('"tool_choice":"NONE"',),
        "required": ('"tool_choice":"REQUIRED"',),
    },
    "Gemini": {
        "named": ('"allowedFunctionNames":["run"]',),
        "none": ('"mode":"NONE"',),
        "required": ('"mode":"ANY"',),
    },
    "Mistral": {
        "named": ('"name":"run"',),
        "none": ('"tool_choice":"none"',),
        "required": ('"tool_choice":"any"',),
    },
}


def has_choice(word: str, *absent: str) -> Callable[[Json], bool]:
    """Return the rule that a choice of tools is said in the provider's words."""

    def takes(body: Json) -> bool:
        named = {name: body[name] for name in ("tool_choice", "toolConfig") if name in body}
        told = orjson.dumps([named, body.get("tools")]).decode()
        return word in told and not any(each in told for each in absent)

    return takes


FORMS = [
    (provider, choice, found)
    for provider, by_choice in CHOSEN.items()
    for choice, found in by_choice.items()
]


@pytest.mark.parametrize(("provider", "choice", "found"), FORMS)
def test_tc_forms(provider: str, choice: str, found: tuple[str, ...]) -> None:
    """A named one is forced, or the only one left; with none, none is called."""
    request = chat(USER, tools=[RUN, OTHER], tool_choice=CHOICES[choice])
    report = Report(provider, DIALECTS[provider], request, has_choice(*found))
    assert report.takes(sent(report))


@pytest.mark.parametrize("choice", [None, "auto", "required"])
def test_tc_parallel(choice: str | None) -> None:
    """That calls come one by one is said inside of Anthropic's choice, whatever that is."""
    request = chat(USER, tools=[RUN], parallel_tool_calls=False, tool_choice=choice)
    body = sent(Report("Anthropic", "claude-sonnet-4-5", request, bool))
    assert body["tool_choice"]["disable_parallel_tool_use"] is True
