"""The ids of tool calls: fitted, unique, and the same in call and result."""

import random
import re

import pytest

from conduit_providers.codecs.shared.call_ids import MAX_CHARS, CallIds, answered_id, tool_name

TAKEN = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def test_an_id_that_is_taken_stays() -> None:
    """As most are."""
    ids = CallIds()
    assert ids.of_call("toolu_01A-b") == ids.of_result("toolu_01A-b") == "toolu_01A-b"


def test_ids_of_other_providers_are_fitted_alike_in_call_and_result() -> None:
    """Kimi's have dots and colons; some have none at all; two never become one."""
    ids = CallIds()
    given = ["functions.Bash:0", "functions_Bash:0", "functions Bash 0", "", "é" * 100]
    called = [ids.of_call(each) for each in given]
    assert all(TAKEN.fullmatch(each) for each in called)
    assert len(set(called)) == len(given)
    assert [ids.of_result(each) for each in given] == called


def test_a_repeated_id_becomes_another_in_each_round() -> None:
    """Grok's relays and clients of Gemini number the calls of each answer anew."""
    ids = CallIds()
    rounds = [(ids.of_call("call_0"), ids.of_result("call_0")) for _ in range(3)]
    assert [call for call, _ in rounds] == [result for _, result in rounds]
    assert len({call for call, _ in rounds}) == 3


def test_calls_of_one_answer_that_share_an_id_are_answered_in_order() -> None:
    """So each result finds a call."""
    ids = CallIds()
    called = [ids.of_call("x"), ids.of_call("x")]
    assert [ids.of_result("x"), ids.of_result("x")] == called
    # A result too many is the last call's.
    assert ids.of_result("x") == called[-1]


def test_a_longer_conversation_keeps_the_ids_of_a_shorter_one() -> None:
    """Otherwise no prompt would be found in a cache."""
    chance = random.Random(7)  # noqa: S311 # no secret
    given = ["".join(chance.choices("a.:_0", k=chance.randrange(4))) for _ in range(300)]
    short, long = CallIds(), CallIds()
    first = [short.of_call(each) for each in given[:100]]
    assert [long.of_call(each) for each in given][:100] == first


def test_a_hundred_thousand_calls_of_one_id_take_no_long_time() -> None:
    """Each is numbered on from the last; the suite's timeout would tell otherwise."""
    ids = CallIds()
    made = {ids.of_call("y" * 200) for _ in range(100_000)}
    assert len(made) == 100_000
    assert {ids.of_result("y" * 200) for _ in range(100_000)} == made
    assert max(map(len, made)) <= MAX_CHARS


def test_a_result_of_no_call_is_left_to_the_provider() -> None:
    """It names the fault better than we could."""
    assert CallIds().of_result("a.b") == "a_b"


@pytest.mark.parametrize(
    ("name", "fitted"),
    [("get-it_2", "get-it_2"), ("$READFILE", "_READFILE"), ("a.b/c", "a_b_c"), ("", "tool"),
     ("x" * 99, "x" * 64)],
)  # fmt: skip
def test_names_that_models_made_up_are_fitted(name: str, fitted: str) -> None:
    """A conversation with one in it can go on: vercel/ai#10202, openclaw/openclaw#21873."""
    assert tool_name(name, MAX_CHARS) == fitted


def test_a_call_without_an_id_gets_one_by_its_place() -> None:
    """Others keep theirs."""
    assert answered_id("a", 3) == "a"
    assert answered_id("", 3) == answered_id(None, 3) == "call_3"
