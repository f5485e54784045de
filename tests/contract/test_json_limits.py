"""How deep JSON may be, for everything that is read."""

import random

import orjson
import pytest
from tests.support.nonsense import deep

from conduit.v1.form_pb2 import FormMember
from conduit.v1.form_runtime import raw
from conduit.v1.json_limits import MAX_DEPTH, is_one_too_deep, is_too_deep
from conduit.v1.json_runtime import JsonError, add_unknown, from_raw, parse

SIDES: tuple[object, ...] = ("}", "{[", '"', "\\", 1, [], {}, None)
NAMES = ('"', "\\", "}", '{"', "a", '\\"}]', "]}", "\\\\")


def nested(levels: int, chance: random.Random) -> object:
    """Return a value of so many levels, with brackets and quotes in its texts."""
    value: object = "x"
    for _ in range(levels):
        name, side = chance.choice(NAMES), chance.choice(SIDES)
        value = [side, value] if chance.random() < 0.5 else {name + "z": value, name: side}
    return value


@pytest.mark.parametrize("levels", [1, 50, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 240])
def test_levels_are_counted_whatever_stands_in_texts(levels: int) -> None:
    """Brackets and quotes in texts and names are none."""
    for seed in range(100):
        value = nested(levels, random.Random(seed))  # noqa: S311 # no secret
        assert is_too_deep(orjson.dumps(value)) is (depth(value) > MAX_DEPTH)


@pytest.mark.parametrize("before", [0, 1, 15, 16, 17, 300, 5000])
@pytest.mark.parametrize("behind", [0, 1, 15, 16, 17, 300, 5000])
def test_levels_are_counted_wherever_they_stand(before: int, behind: int) -> None:
    """At the end of a text too, with nothing behind them but what closes them."""
    for opening, closing in ((b"[", b"]"), (b'{"":', b"}")):
        for levels in (MAX_DEPTH - 1, MAX_DEPTH):
            inside = opening * levels + b"1" + closing * levels
            text = b'["%b",%b,"%b"]' % (b"x" * before, inside, b"x" * behind)
            assert is_too_deep(text) is (levels == MAX_DEPTH)
    text = b'["' + b"x" * before + b'",' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"]"
    assert is_too_deep(text)


def depth(value: object) -> int:
    """Return the levels of a value."""
    if not isinstance(value, dict | list):
        return 0
    inside = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, inside), default=0)


def test_many_values_side_by_side_are_not_deep() -> None:
    """Tools of an agent have thousands of brackets."""
    assert not is_too_deep(orjson.dumps([{"a": [{"b": {}}]}] * 2000))


def test_one_of_many_texts_is_looked_at_by_itself() -> None:
    """A hundred shallow events have as many brackets as one that is too deep."""
    assert not is_one_too_deep([])
    assert not is_one_too_deep([b'{"a":[{"b":1}]}'] * 1000)
    assert not is_one_too_deep([deep(MAX_DEPTH)] * 3)
    assert is_one_too_deep([b"{}", deep(MAX_DEPTH + 1), b"{}"])


def test_what_is_too_deep_is_refused_by_every_reader() -> None:
    """Bodies, members that are JSON text, and members of forms."""
    text = deep(MAX_DEPTH + 1)
    assert parse(deep(MAX_DEPTH))
    with pytest.raises(JsonError, match="the JSON is nested more than"):
        parse(text)
    with pytest.raises(JsonError, match="member is nested more than"):
        from_raw(text, "member")
    with pytest.raises(JsonError, match="member is nested more than"):
        add_unknown({}, text, (), "member")
    with pytest.raises(JsonError, match="member is nested more than"):
        raw(FormMember(name="member", value=text))


def test_a_text_in_a_form_is_not_json_for_its_brackets() -> None:
    """A prompt may have any number of them."""
    text = b"if (x) { " * 1000
    assert orjson.loads(raw(FormMember(name="prompt", value=text))) == text.decode()
