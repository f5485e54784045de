"""Joining a second answer to the first part of another."""

from typing import Any

import orjson
import pytest

from conduit_providers.answer_joining import Joiner, NotContinuable, Said

Json = dict[str, Any]


def event(delta: Json, *, index: int = 0, finish: str | None = None, **more: object) -> bytes:
    """Return an event about one choice."""
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return b"data: %b\n\n" % orjson.dumps({"id": "c2", "created": 2, "choices": [choice], **more})


def content(text: str, **more: Any) -> bytes:  # noqa: ANN401 # as `event` takes them
    """Return an event with a piece of content."""
    return event({"content": text}, **more)


def call(arguments: str, name: str | None = None, index: int = 0) -> bytes:
    """Return an event with a piece of a call; the first one has a name and an id."""
    head = {"id": f"call_{name}", "type": "function"} if name else {}
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return event({"tool_calls": [{"index": index, **head, "function": function}]})


def said(*events: bytes) -> Said:
    """Return what events said."""
    return Said(events)


def deltas(sse: bytes) -> list[Json]:
    """Return the deltas of all events, and the reasons to stop."""
    chunks = [orjson.loads(line[6:]) for line in sse.splitlines() if line]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    return [c["delta"] | ({"finish": f} if (f := c.get("finish_reason")) else {}) for c in choices]


def joined(joiner: Joiner, *events: bytes) -> list[Json]:
    """Return what is new in a second answer."""
    return deltas(b"".join(joiner.join(each) for each in events))


ROLE = event({"role": "assistant", "content": ""})
STOP = event({}, finish="stop")


@pytest.mark.parametrize("cut", range(1, 11))
def test_what_both_say_is_left_out_wherever_it_is_cut(cut: int) -> None:
    """The pieces of two models have different lengths."""
    joiner = said(ROLE, content("Hel"), content("lo w")).starting_over()
    text = "Hello world!"
    new = joined(joiner, ROLE, content(text[:cut]), content(text[cut:]), STOP)
    assert "".join(each.get("content", "") for each in new) == "orld!"
    assert new[-1] == {"finish": "stop"}
    assert joiner.has_joined


def test_an_answer_that_begins_otherwise_cannot_be_joined() -> None:
    """Not even by a space."""
    joiner = said(content("Hello")).starting_over()
    with pytest.raises(NotContinuable):
        joiner.join(content("Hel") + content(" lo"))


def test_an_answer_that_ends_before_the_first_one_was_cut_cannot_be_joined() -> None:
    """It says less than the caller has."""
    joiner = said(content("Hello")).starting_over()
    with pytest.raises(NotContinuable):
        joiner.join(content("Hel") + STOP)
    assert not joiner.has_joined


def test_the_joined_answer_has_the_head_of_the_first() -> None:
    """One id for the caller's one answer; who goes on is told by the model."""
    first = b'data: {"id":"c1","created":1,"model":"a","choices":[{"delta":{"content":"Hi"}}]}\n\n'
    joiner = said(first).starting_over()
    joiner.join(content("Hi"))
    chunk = orjson.loads(joiner.join(content(" there", model="b"))[6:])
    assert (chunk["id"], chunk["created"], chunk["model"]) == ("c1", 1, "b")


def test_calls_are_joined_by_name_and_arguments() -> None:
    """Ids differ from answer to answer; the caller has the first one's already."""
    first = said(ROLE, call("", "weather"), call('{"city": "Par'))
    joiner = first.starting_over()
    new = joined(joiner, call("", "weather"), call('{"city":'), call(' "Paris"}'), STOP)
    assert new == [
        {"tool_calls": [{"index": 0, "function": {"arguments": 'is"}'}}]},
        {"finish": "stop"},
    ]


def test_another_call_cannot_be_joined() -> None:
    """Its name differs, or its arguments do."""
    first = (call("", "weather"), call('{"city": "Par'))
    for second in (call("", "time"), call('{"city": "London', "weather")):
        with pytest.raises(NotContinuable):
            said(*first).starting_over().join(second)


def test_a_call_that_the_first_answer_had_not_begun_is_new() -> None:
    """With its id."""
    joiner = said(content("Let me see.")).starting_over()
    [new] = joined(joiner, content("Let me see."), call("{}", "weather"))
    assert new["tool_calls"][0]["id"] == "call_weather"


def test_a_new_part_before_all_was_said_again_cannot_be_joined() -> None:
    """The order of what callers have is part of it."""
    joiner = said(content("Hello")).starting_over()
    with pytest.raises(NotContinuable):
        joiner.join(event({"reasoning_content": "Hm."}))


def test_choices_are_joined_each_for_itself() -> None:
    """They come in any order."""
    joiner = said(content("a"), content("b", index=1)).starting_over()
    new = joined(joiner, content("b", index=1), content("bc", index=1), content("a"), content("x"))
    assert new == [{"content": "bc"}, {"content": "x"}]


def test_reasoning_has_one_place_by_both_of_its_names() -> None:
    """Providers of one model use one each."""
    joiner = said(event({"reasoning": "Hm"})).starting_over()
    new = joined(joiner, event({"reasoning_content": "Hmm"}), content("Yes"))
    assert new == [{"reasoning_content": "m"}, {"content": "Yes"}]


@pytest.mark.parametrize(
    "delta",
    [{"reasoning_details": [{"signature": "x"}]}, {"audio": {"id": "a"}}, {"content": 5}],
    ids=lambda delta: next(iter(delta)),
)
def test_an_answer_with_more_than_texts_is_not_continued(delta: Json) -> None:
    """Signatures and sound of another model are other ones."""
    with pytest.raises(NotContinuable):
        said(event(delta))


def test_empty_members_are_nothing() -> None:
    """Providers write all that they know, as null or empty."""
    odd: Json = {"content": "Hi", "annotations": [], "function_call": None, "refusal": None}
    assert said(event(odd)).prefill == "Hi"


def test_a_choice_that_has_ended_is_not_continued() -> None:
    """Of several choices one had its reason to stop."""
    with pytest.raises(NotContinuable):
        said(content("a"), event({}, index=1, finish="stop"))


def test_a_prefill_is_all_the_text_without_the_space_at_its_end() -> None:
    """Some models refuse such a space; what goes on says it again."""
    first = said(ROLE, content("def f():\n"), content("    "))
    assert first.prefill == "def f():"
    joiner = first.going_on(is_repeated=False)
    assert joined(joiner, ROLE, content("\n    return 1"), STOP)[0] == {"content": "return 1"}


def test_a_repeated_prefill_is_left_out() -> None:
    """As Mistral answers."""
    joiner = said(content("Hello ")).going_on(is_repeated=True)
    assert joined(joiner, content("Hello"), content(" world")) == [{"content": "world"}]


@pytest.mark.parametrize(
    "events",
    [
        (ROLE,),
        (content("  "),),
        (content("a"), content("b", index=1)),
        (content("a"), call("{", "f")),
        (event({"reasoning_content": "Hm"}),),
    ],
    ids=["nothing", "space", "choices", "calls", "reasoning"],
)
def test_what_is_no_text_is_no_prefill(events: tuple[bytes, ...]) -> None:
    """Half a call least of all."""
    first = said(*events)
    assert first.prefill == ""
    assert first.with_prefill(b'{"messages":[{"role":"user","content":"hi"}]}', 1) is None


def test_a_prefilled_request_ends_with_the_models_own_message() -> None:
    """Whatever else the request has stays as it is; the limit is less by what was written."""
    request = b'{"model":"m","max_tokens":10,"zz":1.0,"messages":[{"role":"user","content":"hi"}]}'
    body = said(content("Hello")).with_prefill(request, 4)
    assert body is not None
    assert b'"zz":1.0' in body
    members = orjson.loads(body)
    assert members["messages"][1:] == [{"role": "assistant", "content": "Hello"}]
    assert members["max_tokens"] == 6


def test_a_prefill_of_the_callers_is_gone_on_with() -> None:
    """It is the beginning of the same message."""
    request = b'{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"He"}]}'
    body = said(content("llo")).with_prefill(request, 1)
    assert body is not None
    assert orjson.loads(body)["messages"][1:] == [{"role": "assistant", "content": "Hello"}]
    unheld = said(content("llo")).with_prefill(b'{"max_tokens":1e999,"messages":[-1e999]}', 1)
    assert unheld is not None
    odd = b'{"messages":[{"role":"assistant","tool_calls":[{"id":"x"}]}]}'
    assert said(content("llo")).with_prefill(odd, 1) is None


@pytest.mark.parametrize(
    "data",
    [b'{"choices":5}', b'{"choices":[{"delta":"x"}]}', b"nope", b'{"choices":[7]}', b"1e999"],
)
def test_nonsense_is_not_continued(data: bytes) -> None:
    """Providers' events pass as they are, so that they may be anything."""
    with pytest.raises(NotContinuable):
        said(b"data: " + data + b"\n\n")
