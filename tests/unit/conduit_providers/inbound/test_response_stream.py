"""Chunks of a chat as the events of a response."""

from typing import Any

import pytest
from tests.support.response_replays import accumulated, calls_in, thoughts_in, words_in

from conduit.v1.response_json import response_creation_from_json
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.response_stream import ResponseStreamWriter
from conduit_providers.inbound.response_tools import ResponseTools
from conduit_providers.inbound.sealed_thoughts import opened

Json = dict[str, Any]
COUNTS: Json = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}


def writer(**asked: Any) -> ResponseStreamWriter:  # noqa: ANN401 # JSON
    """Return a writer for a request."""
    request = response_creation_from_json({"model": "m", **asked})
    return ResponseStreamWriter(asked, ResponseTools(request, Dropped()), created=7)


def written(*deltas: Json, finish: str | None = "stop", **asked: Any) -> list[Json]:  # noqa: ANN401 # JSON
    """Return the events of chunks with these deltas."""
    made = writer(**asked)
    choices: list[Json] = [{"index": 0, "delta": delta} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    events: list[Json] = []
    for choice in choices:
        events += made.events_of([{"id": "chat.1", "model": "gpt", "choices": [choice]}])
    return events + made.end(COUNTS)


def call(place: int | None, call_id: str = "", name: str = "", arguments: str = "") -> Json:
    """Return a delta with a piece of a call."""
    function = {"name": name, "arguments": arguments}
    place_of = {} if place is None else {"index": place}
    return {"tool_calls": [{**place_of, "id": call_id, "type": "function", "function": function}]}


def test_an_answer_is_all_that_came() -> None:
    """Thoughts, words and calls, in their order, and the counts."""
    events = written(
        {"role": "assistant", "content": ""},
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"content": "a"},
        {"content": "b"},
        call(0, "c1", "f", '{"a"'),
        call(0, arguments=":1}"),
        finish="tool_calls",
    )
    response = accumulated(events)
    assert [item["type"] for item in response["output"]] == [
        "reasoning",
        "message",
        "function_call",
    ]
    assert (thoughts_in(response), words_in(response)) == ("hm", "ab")
    assert calls_in(response)[0]["arguments"] == '{"a":1}'
    assert (response["status"], response["usage"]) == ("completed", COUNTS)
    assert (response["id"], response["model"]) == ("resp_chat1", "gpt")
    assert response["created_at"] == 7


def test_calls_at_once_are_told_at_once_and_end_in_order() -> None:
    """Whatever piece comes of which."""
    events = written(
        call(0, "c1", "f", '{"a"'),
        call(1, "c2", "g", '{"b"'),
        call(1, arguments=":2}"),
        call(0, arguments=":1}"),
        finish="tool_calls",
    )
    response = accumulated(events)
    assert [each["arguments"] for each in calls_in(response)] == ['{"a":1}', '{"b":2}']


def test_a_whole_call_ends_when_another_begins() -> None:
    """Agents begin their work then."""
    events = written(call(0, "c1", "f", "{}"), call(1, "c2", "g", "{}"), call(2, "c3", "h", "{}"))
    kinds = [each["type"] for each in events]
    first_end = kinds.index("response.output_item.done")
    assert first_end < len(kinds) - 1 - kinds[::-1].index("response.output_item.added")
    assert [each["name"] for each in calls_in(accumulated(events))] == ["f", "g", "h"]


def test_calls_without_places_are_calls_of_their_own() -> None:
    """As some servers send them."""
    events = written(call(None, "c1", "f", "{}"), call(None, "c2", "g", "{}"))
    assert [each["call_id"] for each in calls_in(accumulated(events))] == ["c1", "c2"]


def test_a_call_begins_once_its_tool_is_known() -> None:
    """Some servers begin with the id alone; clients take the name of the beginning."""
    events = written(call(0, "c1"), call(0, name="f", arguments='{"a"'), call(0, arguments=":1}"))
    (made,) = calls_in(accumulated(events))
    assert (made["call_id"], made["name"], made["arguments"]) == ("c1", "f", '{"a":1}')


def test_a_call_of_no_tool_is_told_at_the_end() -> None:
    """It is the model's slip, and no reason to lose what follows."""
    response = accumulated(written(call(0, "c1", arguments="{}"), {"content": "So"}))
    assert [item["type"] for item in response["output"]] == ["message", "function_call"]


def test_what_comes_between_is_an_item_of_its_own() -> None:
    """Words after a thought after words; text after a call."""
    events = written(
        {"content": "a"}, {"reasoning_content": "t"}, {"content": "b"}, call(0, "c", "f", "{}"),
        {"content": "d"},
    )  # fmt: skip
    kinds = [item["type"] for item in accumulated(events)["output"]]
    assert kinds == ["message", "reasoning", "message", "function_call", "message"]


def test_a_call_under_way_holds_back_no_words() -> None:
    """They are told as they come; items end in order all the same."""
    made = writer()
    chunk = {"id": "1", "choices": [{"delta": call(0, "c", "f", '{"a')}]}
    made.events_of([chunk])
    events = made.events_of([{"choices": [{"delta": {"content": "now"}}]}])
    assert any(each.get("delta") == "now" for each in events)
    assert not any(each["type"] == "response.output_item.done" for each in events)


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_answers_that_were_cut_are_incomplete(finish: str, reason: str) -> None:
    """With the reason, and so is their last item."""
    events = written({"content": "a"}, finish=finish)
    response = accumulated(events)
    assert events[-1]["type"] == "response.incomplete"
    assert (response["status"], response["incomplete_details"]) == (
        "incomplete",
        {"reason": reason},
    )
    assert response["output"][-1]["status"] == "incomplete"


def test_what_providers_want_back_is_sealed_before_what_it_is_of() -> None:
    """Of calls, of the thought, and of the turn."""
    signed = call(0, "c1", "f", "{}")
    signed["tool_calls"][0]["extra_content"] = {"g": 1}
    detail = {"type": "reasoning.text", "text": "t", "signature": "s"}
    response = accumulated(
        written({"reasoning_content": "t", "reasoning_details": [detail]}, signed, {"images": [1]})
    )
    sealed = [
        opened(item["encrypted_content"])
        for item in response["output"]
        if item["type"] == "reasoning"
    ]
    assert sealed == [
        {"details": [detail], "calls": {"c1": {"extra_content": {"g": 1}}}},
        {"details": [], "said": {"images": [1]}},
    ]


def test_summaries_are_told_where_they_were_asked_for() -> None:
    """Otherwise thoughts are told as they are."""
    asked = accumulated(written({"reasoning_content": "t"}, reasoning={"summary": "auto"}))
    assert asked["output"][0]["summary"] == [{"type": "summary_text", "text": "t"}]
    unasked = accumulated(written({"reasoning_content": "t"}, reasoning={"effort": "low"}))
    assert unasked["output"][0]["content"] == [{"type": "reasoning_text", "text": "t"}]


def test_citations_have_their_members_beside_the_type() -> None:
    """Chats hold them one level deeper."""
    cited = {"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}
    response = accumulated(written({"content": "a"}, {"annotations": [cited]}))
    (part,) = response["output"][0]["content"]
    assert part["annotations"] == [{"type": "url_citation", "url": "u", "title": "t"}]


def test_only_the_first_choice_is_told() -> None:
    """A response has one answer."""
    made = writer()
    made.events_of([{"id": "1", "choices": [{"index": 1, "delta": {"content": "no"}}]}])
    assert made.end(COUNTS)[-1]["response"]["output"] == []


def test_an_answer_of_nothing_is_whole() -> None:
    """Its events are the first two and the last."""
    assert [each["type"] for each in writer().end(COUNTS)] == [
        "response.created",
        "response.in_progress",
        "response.completed",
    ]


@pytest.mark.parametrize("given", ["x" * 300, "a/b+c", "resp_1", None, 7])
def test_ids_are_such_as_openai_takes(given: object) -> None:
    """Items of other ids, or longer ones, are refused there in the next turn."""
    made = writer()
    events = made.events_of([{"id": given, "choices": [{"delta": {"content": "a"}}]}])
    item_id = next(each["item"]["id"] for each in events if "item" in each)
    assert len(item_id) <= 64
    assert item_id.startswith("msg_")
    assert item_id.replace("_", "").replace("-", "").isalnum()
