"""Which blocks must be kept, and how they travel."""

import pytest

from conduit.v1.chat_message_pb2 import ReasoningDetail
from conduit.v1.chat_tool_pb2 import ToolCall
from conduit_providers.codecs.shared.kept_blocks import (
    CALL,
    TEXT,
    THOUGHT,
    BlockOrder,
    CallsAgain,
    block_in,
    put_block,
)


@pytest.mark.parametrize(
    ("places", "is_lost"),
    [
        ([], False),
        ([THOUGHT, THOUGHT, TEXT, CALL, CALL], False),
        ([CALL], False),
        ([TEXT, TEXT], True),
        ([TEXT, THOUGHT], True),
        ([CALL, TEXT], True),
        ([None], True),
        ([None, TEXT], True),
    ],
)
def test_order_is_lost_unless_it_is_openais(places: list[int | None], *, is_lost: bool) -> None:
    """Thoughts, one text, calls; once it is lost, it stays so."""
    order = BlockOrder()
    for place in places:
        order.add(place)
    assert order.is_lost == is_lost


def test_a_block_comes_back_as_it_was_put() -> None:
    """In a detail of its dialect's form; another dialect's is none."""
    detail = ReasoningDetail()
    put_block(detail, "ours", {"a": 1}, 3)
    assert (detail.type, detail.format, detail.index) == ("reasoning.encrypted", "ours", 3)
    assert block_in(detail, "ours") == {"a": 1}
    assert block_in(detail, "theirs") is None


@pytest.mark.parametrize("data", ["", "{", "7", "[]"])
def test_what_a_caller_has_broken_is_no_block(data: str) -> None:
    """It is passed over like a stranger's."""
    assert block_in(ReasoningDetail(format="ours", data=data), "ours") is None


def test_calls_go_back_once_each() -> None:
    """Those of one id in their order; those that no block has are what is left."""
    made = [ToolCall(id=each, unknown_json=b"%d" % place) for place, each in enumerate("abacab")]
    calls = CallsAgain(made)
    ids: list[object] = ["b", "a", "a", "d", None, ["a"], {}, "b", "b"]
    taken = [calls.take(each) for each in ids]
    assert [call and call.unknown_json for call in taken] == [
        b"1",
        b"0",
        b"2",
        *[None] * 4,
        b"5",
        None,
    ]
    assert [call.unknown_json for call in calls.rest()] == [b"3", b"4"]
