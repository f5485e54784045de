"""A caller's end of a stream of events."""

from typing import cast

from conduit_kernel.http import AnswerMisuse, CallerGone, Stream
from conduit_router.served_by import CallSummary


class Page:
    """Takes what is written, and goes wrong as a test says."""

    def __init__(self, *, leaves_after: int = 100, has_begun: bool = False) -> None:
        self.events = b""
        self.summaries: list[CallSummary] = []
        self.waits = 0
        self.is_finished = False
        self._left = leaves_after
        self._has_begun = has_begun

    def start(self, summary: CallSummary) -> Stream:
        """Send the head."""
        if self._has_begun:
            raise AnswerMisuse("this request has been answered already")
        self.summaries.append(summary)
        return cast(Stream, self)

    def write(self, data: bytes) -> bool:
        """Take events; be slow."""
        self.events += data
        return True

    async def drain(self) -> None:
        """Catch up, or leave."""
        self.waits += 1
        if self.waits >= self._left:
            raise CallerGone("the caller left before its answer was whole")

    def finish(self, last: bytes = b"") -> None:
        """Take the end."""
        self.events += last
        self.is_finished = True
