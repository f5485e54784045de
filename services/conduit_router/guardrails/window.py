"""The window by which what is said piece by piece is held back until what follows was seen."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from conduit.v1.guardrail_pb2 import GUARDRAIL_ACTION_REDACT, GUARDRAIL_ACTION_REPORT
from conduit_router.guardrails.judging import Find, Judgement, blocked
from conduit_router.guardrails.matching import Finding
from conduit_router.guardrails.policy import Guard
from conduit_router.guardrails.texts import Text

# So many characters follow each piece before it goes out, of each text that the answer has so far:
# what is no longer is found wherever the answer is cut.
WINDOW = 256
# So much is judged at a time by those who are asked.
ASKED_WINDOW = 1024


class Piece(Protocol):
    """A piece of what is said, with the texts in it."""

    is_changed: bool

    @property
    def texts(self) -> Sequence[Text]:
        """Return what it says."""
        ...

    @property
    def stage(self) -> str:
        """Return by which guardrails it is judged: those of requests, or those of answers."""
        ...

    def written(self) -> Any:  # noqa: ANN401 # each operation has its own
        """Return it as it goes out."""
        ...


class _Part:
    """A part of a text, in a document of a piece."""

    def __init__(self, text: Text, piece: Piece) -> None:
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

    def __init__(self, stage: str, *, is_fixed: bool) -> None:
        self.stage = stage
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


class _Held:
    """A piece that is held back."""

    def __init__(self, piece: Piece, channels: Sequence[_Channel], characters: int) -> None:
        self.piece = piece
        self.channels = channels
        # How many characters the answer had with it.
        self.characters = characters


class Window:
    """Holds pieces back, judges what begins in each, and lets them go in their order."""

    def __init__(
        self, guards: Mapping[str, Sequence[Guard]], judgement: Judgement, find: Find | None = None
    ) -> None:
        """Take the guardrails by stage, and what asks others, where any guardrail does."""
        self._guards = guards
        self._judgement = judgement
        self._find = find
        self._asks = any(guard.is_asked for each in guards.values() for guard in each)
        # So many characters were judged by those who are asked.
        self._asked = 0
        self._held: deque[_Held] = deque()
        self._channels: dict[tuple[object, ...], _Channel] = {}
        self._characters = 0

    @property
    def pieces(self) -> Sequence[Piece]:
        """Return what is held back."""
        return [held.piece for held in self._held]

    def hold(self, piece: Piece) -> None:
        """Hold a piece back. ContentBlocked if the answer has become too long."""
        channels = list[_Channel]()
        for text in piece.texts:
            self._characters += len(text.value)
            path = (piece.stage, *text.path)
            channel = self._channels.get(path)
            if channel is None:
                channel = _Channel(piece.stage, is_fixed=text.is_fixed)
                self._channels[path] = channel
            channel.parts.append(_Part(text, piece))
            channels.append(channel)
        for guard in self._guards[piece.stage]:
            self._judgement.measure(guard, self._characters, piece.stage)
        self._held.append(_Held(piece, channels, self._characters))

    def is_free(self, *, has_ended: bool) -> bool:
        """Return whether the first piece may go out."""
        if not self._held:
            return False
        first = self._held[0].characters
        window = WINDOW * max(1, len(self._channels))
        if self._asks and first > self._asked:
            window = max(window, ASKED_WINDOW - (first - self._asked))
        return has_ended or self._characters - first >= window

    async def release(self) -> Any:  # noqa: ANN401 # each operation has its own
        """Return the first piece as it goes out. ContentBlocked if it may not."""
        if self._asks and self._held[0].characters > self._asked:
            await self._ask()
        held = self._held.popleft()
        for channel in held.channels:
            for guard in self._guards[channel.stage]:
                self._look(guard, channel)
            channel.release()
        return held.piece.written()

    def begin_anew(self) -> None:
        """Forget what has gone out: what comes is another answer."""
        self._channels.clear()
        self._characters = self._asked = 0

    async def _ask(self) -> None:
        """Have all that is held back judged by those who are asked: it is not redacted."""
        assert self._find is not None  # noqa: S101 # where any guardrail asks
        for stage, guards in self._guards.items():
            held = [c for c in self._channels.values() if c.parts and c.stage == stage]
            texts = [each.context + "".join(part.value for part in each.parts) for each in held]
            for guard in guards if texts else ():
                if guard.is_asked:
                    self._follow(guard, stage, await self._find(guard, texts, stage))
        self._asked = self._characters

    def _follow(self, guard: Guard, stage: str, findings: Sequence[Sequence[Finding]]) -> None:
        found = [one for each in findings for one in each]
        if found and guard.action != GUARDRAIL_ACTION_REPORT:
            raise blocked(guard, stage, found[0].kind)
        if found:
            self._judgement.note(guard, stage, (each.kind for each in found))

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
            raise blocked(guard, channel.stage, found[0].kind)
        self._judgement.note(guard, channel.stage, (each.kind for each in found))
        if is_redacting:
            # From the last one on, so that places stay what they were.
            for each in reversed(found):
                channel.replace(each)
