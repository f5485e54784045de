"""The end of a choice, as translated answers have it."""

from typing import Protocol

from conduit.v1.chat_chunk_pb2 import ChatChoiceDelta
from conduit.v1.chat_pb2 import (
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    ChatChoice,
    FinishReason,
)


class Finish(Protocol):
    """The reason to stop, in OpenAI's words and in the provider's where those say more."""

    @property
    def reason(self) -> "FinishReason.ValueType":
        """OpenAI's word."""
        ...

    @property
    def native(self) -> str | None:
        """The provider's."""
        ...


def put_finish(
    choice: ChatChoice | ChatChoiceDelta, finish: Finish, *, has_calls: bool = False
) -> None:
    """Write why a choice ended into it.

    One that calls tools ends for that, whatever the provider says: agents that read `stop` would
    not run them.
    """
    is_mended = has_calls and finish.reason == FINISH_REASON_STOP
    choice.finish_reason = FINISH_REASON_TOOL_CALLS if is_mended else finish.reason
    if finish.native is not None:
        choice.native_finish_reason = finish.native
