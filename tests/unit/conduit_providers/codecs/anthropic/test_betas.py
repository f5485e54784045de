"""Betas that callers, operators and the request itself name."""

from typing import Any

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.anthropic.betas import betas_of, taken_betas
from conduit_providers.operations.chat import ChatCall, chat_request

Json = dict[str, Any]


def call(*betas: str) -> ChatCall:
    """Return a call whose caller names betas."""
    return ChatCall(chat_request(json=b"{}"), alias="m", model="m", betas=betas)


def test_each_beta_is_named_once() -> None:
    """The operator's first, then the caller's, then those that follow."""
    settings = {"betas": " a-1 ,b-2,"}
    body: Json = {"mcp_servers": [{}]}
    assert betas_of(call("b-2", "c-3"), settings, ["d-4"], body) == [
        *("a-1", "b-2", "c-3", "d-4", "mcp-client-2025-11-20")
    ]


def test_a_plain_request_needs_none() -> None:
    """Nor do members that say nothing."""
    assert betas_of(call(), {}, [], {"tools": [], "context_management": {}, "speed": "x"}) == []
    assert betas_of(call(), {}, [], {"tools": [7], "context_management": 7, "thread": None}) == []


@pytest.mark.parametrize(
    ("body", "betas"),
    [
        ({"speed": "fast"}, ["fast-mode-2026-02-01"]),
        ({"context_management": {"edits": []}}, ["context-management-2025-06-27"]),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, ["compact-2026-01-12"]),
        ({"context_management": {"edits": [{"type": {}}]}}, ["context-management-2025-06-27"]),
        ({"tools": [{"type": "advisor_20260301"}]}, ["advisor-tool-2026-03-01"]),
        ({"output_config": {"effort": "low"}}, []),
        ({"output_config": {"task_budget": {"total": 1}}}, ["task-budgets-2026-03-13"]),
    ],
)
def test_members_name_the_beta_that_they_need(body: Json, betas: list[str]) -> None:
    """The API does not know them without."""
    assert betas_of(call(), {}, [], body) == betas


def test_bodies_name_betas_in_either_word() -> None:
    """As Anthropic's SDK and as Bedrock have it; both are taken out."""
    members: Json = {"betas": ["a-1"], "anthropic_beta": "b-2, c-3", "other": 1}
    assert taken_betas(members) == ["a-1", "b-2", "c-3"]
    assert members == {"other": 1}
    assert taken_betas({"betas": None}) == []


@pytest.mark.parametrize("betas", [7, [7], [["a"]], {"a": 1}])
def test_what_is_no_list_of_names_is_refused(betas: object) -> None:
    """By its member."""
    with pytest.raises(InvalidRequest, match="list of names") as refused:
        taken_betas({"betas": betas})
    assert refused.value.metadata["field"] == "betas"


@pytest.mark.parametrize("name", ["", "a b", "a\r\nx-api-key: stolen", "a,b", "ä", "-a", "a" * 101])
def test_what_cannot_be_a_name_reaches_no_header(name: str) -> None:
    """Whoever says it."""
    for caller, named in ((call(name), []), (call(), [name])):
        with pytest.raises(InvalidRequest, match="no name of a beta"):
            betas_of(caller, {}, named, {})
