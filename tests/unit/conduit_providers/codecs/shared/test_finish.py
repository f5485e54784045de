"""The end of a choice, as translated answers have it."""

from typing import NamedTuple

import pytest

from conduit.v1.chat_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    ChatChoice,
    FinishReason,
)
from conduit_providers.codecs.shared.finish import put_finish


class Ended(NamedTuple):
    """An end."""

    reason: "FinishReason.ValueType"
    native: str | None = None


@pytest.mark.parametrize(
    ("reason", "has_calls", "found"),
    [
        (FINISH_REASON_STOP, False, FINISH_REASON_STOP),
        (FINISH_REASON_STOP, True, FINISH_REASON_TOOL_CALLS),
        (FINISH_REASON_LENGTH, True, FINISH_REASON_LENGTH),
        (FINISH_REASON_TOOL_CALLS, True, FINISH_REASON_TOOL_CALLS),
    ],
)
def test_what_calls_tools_ends_for_that(
    *, reason: "FinishReason.ValueType", has_calls: bool, found: int
) -> None:
    """Whatever the provider says; what was cut off stays so."""
    choice = ChatChoice()
    put_finish(choice, Ended(reason), has_calls=has_calls)
    assert choice.finish_reason == found
    assert not choice.HasField("native_finish_reason")


def test_the_provider_s_own_word_stands_beside_it() -> None:
    """Where it says more."""
    choice = ChatChoice()
    put_finish(choice, Ended(FINISH_REASON_STOP, "pause_turn"))
    assert (choice.finish_reason, choice.native_finish_reason) == (FINISH_REASON_STOP, "pause_turn")
