"""Holds a streamed answer to guardrails: no piece goes out before what follows it was seen."""

import json
from collections import deque
from collections.abc import Sequence
from typing import Any

from conduit.v1.guardrail_pb2 import GUARDRAIL_ACTION_REDACT, GUARDRAIL_ACTION_REPORT
from conduit_providers.quantities import Quantities
from conduit_router.calls.stream_source import StreamSource
from conduit_router.guardrails.judging import ANSWER, Find, Judgement, blocked
from conduit_router.guardrails.matching import Finding
from conduit_router.guardrails.policy import Guard
from conduit_router.guardrails.texts import Text, words_in
from conduit_router.served_by import CallSummary

# So many characters follow each piece before it goes out, of each text that the answer has so far:
# what is no longer is found wherever the answer is cut.
WINDOW = 256
# So much is judged at a time by those who are asked.
ASKED_WINDOW = 1024
_DATA = b"data:"


class _Part:
    """A part of a text, in a document of a piece."""

    def __init__(self, text: Text, piece: "_Piece") -> None:
        self._text = text
        self._piece = piece

    @property
    def value(self) -> str:
        """Return what it says now."""
        text = self._text
        value: str = text.value if text.is_fixed else text.holder[text.place]
        return value

    def write(self, value: str) -> None:
        """Have it say something else."""
        self._text.holder[self._text.place] = value
        self._piece.is_changed = True


class _Channel:
    """One text of the answer, of which parts are in many pieces."""

    def __init__(self, *, is_fixed: bool) -> None:
        # Whether nothing of it can be replaced.
        self.is_fixed = is_fixed
        # What is still held back, and before it what has gone out of late.
        self.parts: deque[_Part] = deque()
        self.gone: deque[str] = deque()

    @property
    def context(self) -> str:
        """Return the end of what has gone out."""
        return "".join(self.gone)[-WINDOW:]

    def release(self) -> None:
        """Let the first part go."""
        self.gone.append(self.parts.popleft().value)
        while len(self.gone) > 1 and sum(map(len, self.gone)) - len(self.gone[0]) >= WINDOW:
            self.gone.popleft()

    def replace(self, found: Finding) -> None:
        """Put the kind of something in its place; what has gone out stays as it was."""
        at, word = len(self.context), f"[{found.kind}]"
        for part in self.parts:
            value = part.value
            start, end = max(found.start - at, 0), min(found.end - at, len(value))
            if start < end:
                part.write(value[:start] + word + value[end:])
                word = ""
            at += len(value)


class _Piece:
    """A piece that is held back."""

    def __init__(self, events: Any, characters: int) -> None:  # noqa: ANN401 # each operation has its own
        self.events = events
        # How many characters the answer had with it.
        self.characters = characters
        self.is_changed = False
        self._lines: list[bytes] = events.sse.split(b"\n")
        self._documents: dict[int, Any] = {}
        self.texts: list[Text] = []
        for at, line in enumerate(self._lines):
            if line.startswith(_DATA):
                self._read(at, line[len(_DATA) :])
        self.channels: list[_Channel] = []

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
        self._find = find
        self._asking = [guard for guard in guards if guard.is_asked]
        # So many characters were judged by those who are asked.
        self._asked = 0
        self._source = source
        self._guards = guards
        self._judgement = judgement
        self._held: deque[_Piece] = deque()
        self._channels: dict[tuple[object, ...], _Channel] = {}
        self._characters = 0
        self._has_ended = False

    async def next(self) -> Any | None:  # noqa: ANN401 # as above
        """Return the next piece that may go out, None at the end. ContentBlocked if none may."""
        while not self._is_free():
            events = None if self._has_ended else await self._source.next()
            if events is None:
                self._has_ended = True
                if not self._held:
                    return None
            else:
                self._hold(events)
        if self._asking and self._held[0].characters > self._asked:
            await self._ask()
        return self._release()

    def finish(self) -> tuple[Quantities | None, CallSummary]:
        """End the call, whose answer has passed."""
        usage, summary = self._source.finish()
        summary.guardrails = tuple(self._judgement.told)
        return usage, summary

    async def settle(self) -> None:
        """Settle the source."""
        await self._source.settle()

    def _is_free(self) -> bool:
        """Return whether the first piece may go out."""
        if not self._held:
            return False
        first = self._held[0].characters
        window = WINDOW * max(1, len(self._channels))
        if self._asking and first > self._asked:
            window = max(window, ASKED_WINDOW - (first - self._asked))
        return self._has_ended or self._characters - first >= window

    def _hold(self, events: Any) -> None:  # noqa: ANN401 # as above
        piece = _Piece(events, 0)
        for text in piece.texts:
            self._characters += len(text.value)
            channel = self._channels.get(text.path)
            if channel is None:
                channel = self._channels[text.path] = _Channel(is_fixed=text.is_fixed)
            channel.parts.append(_Part(text, piece))
            piece.channels.append(channel)
        piece.characters = self._characters
        for guard in self._guards:
            self._judgement.measure(guard, self._characters, ANSWER)
        self._held.append(piece)

    async def _ask(self) -> None:
        """Have all that is held back judged by those who are asked: it is not redacted."""
        assert self._find is not None  # noqa: S101 # where any guardrail asks
        held = [channel for channel in self._channels.values() if channel.parts]
        texts = [each.context + "".join(part.value for part in each.parts) for each in held]
        for guard in self._asking if texts else ():
            found = [one for each in await self._find(guard, texts, ANSWER) for one in each]
            if found and guard.action != GUARDRAIL_ACTION_REPORT:
                raise blocked(guard, ANSWER, found[0].kind)
            if found:
                self._judgement.note(guard, ANSWER, (each.kind for each in found))
        self._asked = self._characters

    def _release(self) -> Any:  # noqa: ANN401 # as above
        piece = self._held.popleft()
        for channel in piece.channels:
            for guard in self._guards:
                self._look(guard, channel)
            channel.release()
        return piece.written()

    def _look(self, guard: Guard, channel: _Channel) -> None:
        """Judge what begins in the first part of a text that is held back."""
        context = channel.context
        text = context + "".join(part.value for part in channel.parts)
        limit = len(context) + len(channel.parts[0].value)
        found = [f for f in guard.matcher.find(text) if f.end > len(context) and f.start < limit]
        if not found:
            return
        is_redacting = guard.action == GUARDRAIL_ACTION_REDACT and not channel.is_fixed
        if not is_redacting and guard.action != GUARDRAIL_ACTION_REPORT:
            raise blocked(guard, ANSWER, found[0].kind)
        self._judgement.note(guard, ANSWER, (each.kind for each in found))
        if is_redacting:
            # From the last one on, so that places stay what they were.
            for each in reversed(found):
                channel.replace(each)
