"""Holds a streamed answer to guardrails: no piece goes out before what follows it was seen."""

import json
from collections.abc import Sequence
from typing import Any

from conduit_providers.quantities import Quantities
from conduit_router.calls.stream_source import StreamSource
from conduit_router.guardrails.judging import ANSWER, Find, Judgement
from conduit_router.guardrails.policy import Guard
from conduit_router.guardrails.texts import Text, words_in
from conduit_router.guardrails.window import Window
from conduit_router.served_by import CallSummary

_DATA = b"data:"


class _StreamPiece:
    """Some events of a stream, with the texts in them."""

    stage = ANSWER

    def __init__(self, events: Any) -> None:  # noqa: ANN401 # each operation has its own
        self.events = events
        self.is_changed = False
        self._lines: list[bytes] = events.sse.split(b"\n")
        self._documents: dict[int, Any] = {}
        self.texts: list[Text] = []
        for at, line in enumerate(self._lines):
            if line.startswith(_DATA):
                self._read(at, line[len(_DATA) :])

    def _read(self, at: int, data: bytes) -> None:
        try:
            document = self._documents[at] = json.loads(data)
        except (ValueError, RecursionError):
            text = data.decode("utf-8", "replace")
            self.texts.append(Text([text], 0, text, is_fixed=True))
        else:
            self.texts += words_in(document)

    def written(self) -> Any:  # noqa: ANN401 # as above
        """Return the piece as it goes out."""
        if not self.is_changed:
            return self.events
        for at, document in self._documents.items():
            self._lines[at] = _DATA + b" " + json.dumps(document, separators=(",", ":")).encode()
        return self.events.with_sse(b"\n".join(self._lines))


class GuardedSource:
    """A streamed answer that guardrails look at."""

    def __init__(
        self,
        source: StreamSource,
        guards: Sequence[Guard],
        judgement: Judgement,
        find: Find | None = None,
    ) -> None:
        """Take what asks others, where any guardrail does."""
        self.summary = source.summary
        self._source = source
        self._judgement = judgement
        self._window = Window({ANSWER: guards}, judgement, find)
        self._has_ended = False

    async def next(self) -> Any | None:  # noqa: ANN401 # as above
        """Return the next piece that may go out, None at the end. ContentBlocked if none may."""
        while not self._window.is_free(has_ended=self._has_ended):
            events = None if self._has_ended else await self._source.next()
            if events is None:
                self._has_ended = True
                if not self._window.pieces:
                    return None
            else:
                self._window.hold(_StreamPiece(events))
        return await self._window.release()

    def finish(self) -> tuple[Quantities | None, CallSummary]:
        """End the call, whose answer has passed."""
        usage, summary = self._source.finish()
        summary.guardrails = tuple(self._judgement.told)
        return usage, summary

    async def settle(self) -> None:
        """Settle the source."""
        await self._source.settle()
