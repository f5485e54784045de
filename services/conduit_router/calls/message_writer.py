"""What the pieces of a streamed answer are handed on as, where an RPC has messages."""

from collections.abc import Callable
from typing import Any

from conduit_providers.operation import AnyStreamedOperation
from conduit_providers.quantities import Quantities
from conduit_router.calls.call_report import fill_report
from conduit_router.served_by import CallSummary


class MessageWriter:
    """Writes the messages of an RPC."""

    __slots__ = ("_is_typed", "_message", "_operation", "_response")

    def __init__(
        self, operation: AnyStreamedOperation, response: Callable[[], Any], *, is_typed: bool
    ) -> None:
        self._operation = operation
        self._response = response
        self._is_typed = is_typed
        self._message = response()

    def start(self, summary: CallSummary) -> None:
        """Note what was done until the first piece."""
        fill_report(self._operation.started(self._message), summary)

    def piece(self, events: Any) -> Any:  # noqa: ANN401 # each operation has its own
        """Return the message of a piece."""
        message, self._message = self._message, self._response()
        self._operation.put(message, events, is_typed=self._is_typed)
        return message

    def end(self, usage: Quantities | None, summary: CallSummary) -> Any:  # noqa: ANN401 # of each RPC its own
        """Return the last message."""
        report = self._operation.finished(self._message, usage, is_typed=self._is_typed)
        fill_report(report, summary)
        return self._message
