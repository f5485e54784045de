"""Items of a streamed response and their events."""

from typing import Any

import orjson
import pytest

from conduit_providers.inbound.response_items import (
    COMPLETED,
    CallItem,
    CustomCallItem,
    OutputItem,
    SaidItem,
    ThoughtItem,
)
from conduit_providers.inbound.response_tools import GivenTool
from conduit_providers.inbound.sealed_thoughts import opened

Json = dict[str, Any]


def kinds(events: list[Json]) -> list[str]:
    """Return the types of events, without what they have in common."""
    return [each["type"].removeprefix("response.") for each in events]


def ended(item: OutputItem) -> tuple[list[Json], Json]:
    """Return the events that end an item, and the item."""
    events = item.end(COMPLETED)
    assert events[-1]["type"] == "response.output_item.done"
    return events, events[-1]["item"]


def test_words_refusals_and_citations_are_parts() -> None:
    """Each begins and ends, at its place."""
    item = SaidItem("a_0", 0)
    (begun,) = item.begin()
    assert begun["item"] == {
        "type": "message",
        "id": "msg_a_0",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    cited = {"type": "url_citation", "url": "u"}
    events = [*item.add("a", [{"token": "a"}]), *item.cite(cited), *item.refuse("no")]
    assert kinds(events) == [
        "content_part.added",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
    ]
    assert [each["content_index"] for each in events] == [0, 0, 0, 0, 0, 1, 1]
    last, whole = ended(item)
    assert kinds(last) == ["refusal.done", "content_part.done", "output_item.done"]
    assert whole["content"] == [
        {
            "type": "output_text",
            "text": "a",
            "annotations": [cited],
            "logprobs": [{"token": "a"}],
        },
        {"type": "refusal", "refusal": "no"},
    ]


@pytest.mark.parametrize(("is_summary", "member"), [(True, "summary"), (False, "content")])
def test_thoughts_are_summaries_where_these_were_asked_for(is_summary: bool, member: str) -> None:  # noqa: FBT001 # a case
    """Otherwise they are told as they are."""
    item = ThoughtItem("a_0", 0, is_summary=is_summary)
    events = [*item.begin(), *item.add("h"), *item.add("m")]
    item.keep({"details": [1]})
    last, whole = ended(item)
    added = "".join(each.get("delta", "") for each in events)
    assert (
        added == next(each["text"] for each in last if each["type"].endswith("text.done")) == "hm"
    )
    assert [part["text"] for part in whole[member]] == ["hm"]
    assert opened(whole["encrypted_content"]) == {"details": [1]}


def test_thoughts_that_are_sealed_alone_have_no_parts() -> None:
    """They are known as none of OpenAI's all the same."""
    item = ThoughtItem("a_0", 0, is_summary=True)
    last, whole = ended(item)
    assert kinds(last) == ["output_item.done"]
    assert (whole["summary"], opened(whole["encrypted_content"])) == ([], {"details": []})


def test_arguments_come_as_they_were_written() -> None:
    """Until they are whole."""
    item = CallItem("a_0", 0, "call_1", GivenTool("f", "crm"))
    assert not item.is_whole
    events = [each for text in ('{"a"', ":1}") for each in item.add(text)]
    assert [each["delta"] for each in events] == ['{"a"', ":1}"]
    assert item.is_whole
    last, whole = ended(item)
    assert kinds(last) == ["function_call_arguments.done", "output_item.done"]
    assert whole == {
        "type": "function_call",
        "id": "fc_a_0",
        "status": "completed",
        "call_id": "call_1",
        "name": "f",
        "namespace": "crm",
        "arguments": '{"a":1}',
    }


@pytest.mark.parametrize("text", ["", " "])
def test_no_arguments_are_an_empty_object(text: str) -> None:
    """Nothing at all is no JSON, which callers read."""
    item = CallItem("a_0", 0, "call_1", GivenTool("f"))
    list(item.add(text))
    events, whole = ended(item)
    assert whole["arguments"] == events[-2]["arguments"] == "{}"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"input": "*** Begin\\n"}', "*** Begin\n"),
        ("*** Begin", "*** Begin"),
        ('{"patch": "x"}', '{"patch": "x"}'),
        ('{"input": 1}', '{"input": 1}'),
        ("", ""),
    ],
)
def test_free_form_input_is_told_once_it_is_whole(written: str, expected: str) -> None:
    """Also where a model did not keep to the one text."""
    item = CustomCallItem("a_0", 0, "call_1", GivenTool("apply_patch", is_custom=True))
    assert item.begin()[0]["item"]["input"] == ""
    assert [list(item.add(each)) for each in written] == [[] for _ in written]
    events, whole = ended(item)
    assert kinds(events) == [
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert events[0]["delta"] == events[1]["input"] == whole["input"] == expected
    assert (whole["type"], whole["id"]) == ("custom_tool_call", "ctc_a_0")


def test_events_are_json() -> None:
    """All that they hold can be written."""
    item = SaidItem("a_0", 0)
    assert orjson.dumps([*item.begin(), *item.add("x"), *item.end(COMPLETED)])
