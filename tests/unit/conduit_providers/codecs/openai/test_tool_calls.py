"""Tool calls of servers that break OpenAI's form."""

from typing import Any

import msgspec
import orjson
import pytest

from conduit_providers.codecs.openai.tool_calls import (
    CallNumbers,
    are_whole,
    as_text,
    index_of,
    raw,
    text_of,
    whole_calls,
)

Json = dict[str, Any]


def said(value: object) -> msgspec.Raw:
    """Return a value as a member."""
    return msgspec.Raw(orjson.dumps(value))


def numbered(*pieces: Json) -> list[Json]:
    """Return pieces of calls, one after the other, in form."""
    numbers, found = CallNumbers(), []
    for piece in pieces:
        kept = numbers.in_form(said([piece]))
        assert kept is not None
        found += orjson.loads(bytes(kept))
    return found


def call(name: str = "", arguments: object = "", **more: object) -> Json:
    """Return a piece of a call."""
    return {**more, "function": {**({"name": name} if name else {}), "arguments": arguments}}


@pytest.mark.parametrize(
    ("pieces", "numbers"),
    [
        # Whole calls without an index, as Gemini's endpoint and relays have them.
        ([call("f", id="a"), call("g", id="b"), call(id="a")], [0, 1, 0]),
        # All with the same one.
        ([call("f", id="a", index=0), call("g", id="b", index=0), call(index=0)], [0, 1, 1]),
        # vLLM once made up an id for each piece.
        ([call("f", id="a", index=0), call(id="b", index=0), call(id="c", index=0)], [0, 0, 0]),
        # Numbers that begin elsewhere, or leave some out.
        ([call("f", id="a", index=1), call(index=1), call("g", id="b", index=3)], [0, 0, 1]),
        # No ids at all: by their names, or the last one.
        ([call("f"), call(), call("g"), call()], [0, 0, 1, 1]),
        ([call("f", id="null"), call(id="null"), call("g", id="null")], [0, 0, 1]),
        ([{}, {}], [0, 0]),
        ([{"id": 7, "function": 7}, {"id": None, "index": "x"}, {"index": -1}], [0, 0, 0]),
    ],
)
def test_each_call_has_its_own_number(pieces: list[Json], numbers: list[int]) -> None:
    """OpenAI's SDKs put pieces together by it, and raise where there is none."""
    assert [piece["index"] for piece in numbered(*pieces)] == numbers


def test_a_call_begins_with_all_that_sdks_rely_on() -> None:
    """An id, a type, and arguments that are a text, from the first piece on."""
    first, second = numbered(call("f", {"a": 1e300}), {"function": {"name": "g"}})
    assert first["id"] == "call_0"
    assert first["type"] == "function"
    assert orjson.loads(first["function"]["arguments"]) == {"a": 1e300}
    assert second == {
        "id": "call_1",
        "type": "function",
        "function": {"name": "g", "arguments": ""},
        "index": 1,
    }


def test_what_was_said_is_not_said_again() -> None:
    """Accumulators would add a second id, name or type to the first."""
    begin = call("f", "{", id="a", index=0, type="function")
    _, more = numbered(begin, call("f", "}", id="a", index=0, type="function"))
    assert more == {"index": 0, "function": {"arguments": "}"}}


def test_pieces_of_functions_have_one() -> None:
    """OpenAI's accumulator asserts it, also of pieces that only say the id again."""
    begin = call("f", "{", id="a", index=0, type="function")
    _, again, odd = numbered(begin, {"index": 0, "id": "a"}, {"index": 0, "function": 7})
    assert again == odd == {"index": 0, "function": {}}


def test_other_members_stay() -> None:
    """Signatures are of the call, too; custom tools have no function."""
    custom = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "c", "input": "x"}}
    signed = {**call("f", id="b", index=1, type="function"), "extra_content": {"google": {"s": 1}}}
    assert numbered(custom, signed) == [custom, signed]


def test_good_pieces_are_known_as_such() -> None:
    """They are passed on as they came."""
    numbers = CallNumbers()
    assert not numbers.go_on(said([call("f", id="a", index=0)]))
    numbers.in_form(said([call("f", id="a", index=0)]))
    assert len(numbers) == 1
    assert numbers.go_on(said([call("", "x", index=0)]))
    for odd in (
        [call("", "x", index=1)],
        [call("", "x")],
        [call("", {}, index=0)],
        [call("", "x", index=0, id="a")],
        [{"index": 0}],
        [7],
        7,
    ):
        assert not numbers.go_on(said(odd))


def test_calls_that_are_none_are_left_out() -> None:
    """Nobody could make them."""
    for odd in (7, "x", [7], None):
        assert CallNumbers().in_form(said(odd)) is None
        assert whole_calls(said(odd)) is None


def test_whole_calls_are_in_form() -> None:
    """A good list stays as it is."""
    good = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert are_whole(said([good]))
    for odd in (
        {**good, "id": ""},
        {**good, "index": 0},
        {**good, "function": {"name": "f", "arguments": ""}},
        {"id": "a"},
        call("f", {}, id="a", type="function"),
    ):
        assert not are_whole(said([odd]))
    for none in ("", None):
        empty = said([call("f", none, id="a", type="function")])
        found = whole_calls(empty)
        assert found is not None
        assert orjson.loads(bytes(found)) == [good]
        cut = whole_calls(empty, is_cut=True)
        assert cut is not None
        assert orjson.loads(bytes(cut))[0]["function"]["arguments"] == ""
    found = whole_calls(said([call("f", {"a": [1]}, index=7), good]))
    assert found is not None
    assert orjson.loads(bytes(found)) == [
        {
            "function": {"name": "f", "arguments": '{"a":[1]}'},
            "id": "call_0",
            "type": "function",
        },
        good,
    ]


@pytest.mark.parametrize(
    ("value", "text"), [("null", ""), ('"x"', "x"), ('{"a": 1e999}', '{"a":1e999}'), ("7", "7")]
)
def test_arguments_are_a_text(value: str, text: str) -> None:
    """Whatever numbers are in them."""
    assert orjson.loads(bytes(as_text(msgspec.Raw(value.encode())))) == text


def test_members_of_other_types_are_none() -> None:
    """A name that is a number is no name."""
    assert (text_of(said(7)), text_of(None), text_of(said("a"))) == ("", "", "a")
    assert (index_of(said("1")), index_of(None), index_of(said(-1))) == (None, None, None)
    assert index_of(raw(3)) == 3


def test_many_calls_cost_time_in_proportion() -> None:
    """A provider that sends a hundred thousand does not hold up everybody else."""
    calls = [call("f", "{}", id=f"c{i}", index=0) for i in range(100_000)]
    kept = CallNumbers().in_form(said(calls))
    assert kept is not None
    assert orjson.loads(bytes(kept))[-1]["index"] == 99_999
