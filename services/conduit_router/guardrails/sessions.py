"""Holds sessions to guardrails: what is written in them, and what is written down of their sound.

Sound itself is not judged: it goes as it comes, and its transcript follows. Where that must not
pass, the session ends.
"""

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from conduit_providers.session_codec import SessionEvent
from conduit_router.calls.call_scope import CallScope
from conduit_router.context import CallerContext
from conduit_router.guardrails.calls import guard_request, read_strictly
from conduit_router.guardrails.judging import ANSWER, REQUEST, Judgement
from conduit_router.guardrails.matching import Finding
from conduit_router.guardrails.policy import Guard, Guards
from conduit_router.guardrails.texts import Text, is_base64, texts_in, words_in
from conduit_router.guardrails.window import Window

# So long a text is held back for what may follow it, at most.
HELD_SECONDS = 1.0
# Those who are asked have as long as each of them says.
_ASKED_SECONDS = 60.0
# Where events have sound: their type, or that of a part of a turn, and the member.
_SOUND = frozenset(
    {
        ("input_audio_buffer.append", "audio"),
        ("session.input_audio.append", "audio"),
        ("response.output_audio.delta", "delta"),
        ("response.audio.delta", "delta"),
        ("session.output_audio.delta", "delta"),
        *((kind, "audio") for kind in ("input_audio", "output_audio", "audio")),
    }
)
_SOUND_EVENTS = frozenset(kind for kind, member in _SOUND if member == "delta")
_BEGIN, _ENDS = "response.created", frozenset({"response.done", "session.closed"})
# What a caller said, as the provider tells it again.
_TRANSCRIPTION = "conversation.item.input_audio_transcription."
_TRANSCRIBED = frozenset({f"{_TRANSCRIPTION}completed", f"{_TRANSCRIPTION}failed"})
_OF_CALLERS = (_TRANSCRIPTION, "session.input_transcript.", "session.created", "session.updated")


class _Asking:
    """A session, as far as judges need it: there is no end of the call that they must heed."""

    def __init__(self, caller: CallerContext) -> None:
        self.caller = caller

    def left(self) -> float:
        """Return enough seconds for any of them."""
        return _ASKED_SECONDS


class _EventPiece:
    """An event of a provider's, with the texts in it."""

    def __init__(self, event: SessionEvent) -> None:
        self.event = event
        self.is_changed = False
        self._document: Any = json.loads(event.json)
        kind = self._document.get("type") if isinstance(self._document, dict) else None
        self.kind = kind if isinstance(kind, str) else ""
        self.texts: list[Text] = _written(words_in(self._document))

    @property
    def stage(self) -> str:
        """Return whether it is the caller who has said it."""
        item = self._document.get("item") if isinstance(self._document, dict) else None
        role = item.get("role") if isinstance(item, dict) else None
        is_callers = role in {"user", "system"} or self.kind.startswith(_OF_CALLERS)
        return REQUEST if is_callers else ANSWER

    @property
    def may_be_behind(self) -> bool:
        """Return whether sound that came later may go out before it."""
        return self.kind.endswith(".delta")

    def written(self) -> SessionEvent:
        """Return it as it goes out."""
        if not self.is_changed:
            return self.event
        return self.event.with_json(json.dumps(self._document, separators=(",", ":")).encode())


class SessionGuard:
    """The guardrails of one session."""

    def __init__(self, scope: CallScope, guards: Guards, clock: Callable[[], float]) -> None:
        """Take a clock of seconds."""
        self._scope = scope
        self._guards = guards
        self._clock = clock
        self._judgement = Judgement(scope.caller.request_id)
        self._asking = _Asking(scope.caller)
        self._looking = [guard for guard in guards if guard.looks_at_requests]
        answering = [guard for guard in guards if guard.looks_at_answers]
        by_stage = {REQUEST: self._looking, ANSWER: answering}
        self._window = Window(by_stage, self._judgement, self._find)
        self._is_responding = False
        # Since when something is held back.
        self._since = 0.0

    @property
    def told(self) -> tuple[str, ...]:
        """Return the guardrails that found something, with what they did."""
        return tuple(self._judgement.told)

    async def begin(self) -> None:
        """Judge how the session begins, and redact it. ContentBlocked if it must not pass."""
        await guard_request(self._scope, self._guards, self._judgement)

    async def said(
        self, events: AsyncGenerator[SessionEvent, None]
    ) -> AsyncGenerator[SessionEvent, None]:
        """Yield what the caller says, redacted. ContentBlocked for what must not pass."""
        try:
            async for event in events:
                yield await self._passed(event)
        finally:
            await events.aclose()

    async def heard(self, events: Sequence[SessionEvent]) -> Sequence[SessionEvent]:
        """Take what the provider says; return what may go out. ContentBlocked if some must not."""
        out = list[SessionEvent]()
        for event in events:
            piece, held = _EventPiece(event), self._window.pieces
            if piece.kind in _SOUND_EVENTS and all(_may_be_behind(each) for each in held):
                out.append(event)
                continue
            if not held:
                self._since = self._clock()
            self._window.hold(piece)
            self._is_responding |= piece.kind == _BEGIN
            if piece.kind in _ENDS:
                self._is_responding = False
            out += await self._released(piece.kind)
        return out

    async def rest(self) -> Sequence[SessionEvent]:
        """Return what is held back still, at the end."""
        return await self._all()

    async def _released(self, kind: str) -> Sequence[SessionEvent]:
        """Return what may go out, now that an event of a kind is the last one."""
        is_answered = kind in _ENDS or (kind in _TRANSCRIBED and not self._is_responding)
        is_late = self._clock() - self._since >= HELD_SECONDS
        if is_answered or is_late or not any(map(_may_be_behind, self._window.pieces)):
            out = await self._all()
            if is_answered:
                self._window.begin_anew()
            return out
        out = []
        while self._window.is_free(has_ended=False):
            out.append(await self._window.release())
        return out

    async def _all(self) -> list[SessionEvent]:
        out = list[SessionEvent]()
        while self._window.pieces:
            out.append(await self._window.release())
        return out

    async def _passed(self, event: SessionEvent) -> SessionEvent:
        """Return an event of the caller's as it may go to the provider."""
        if not self._looking:
            return event
        document = read_strictly(event.json)
        texts, judgement = _written(texts_in(document)), self._judgement
        has_changed = judgement.judge(self._looking, texts, REQUEST)
        if await judgement.ask(self._looking, texts, REQUEST, self._find) or has_changed:
            return event.with_json(json.dumps(document, separators=(",", ":")).encode())
        return event

    async def _find(self, guard: Guard, texts: Sequence[str], stage: str) -> list[list[Finding]]:
        judges = self._scope.runtime.judges
        assert judges is not None  # noqa: S101 # every router has some
        return await judges.find(guard, texts, self._asking, stage)


def session_guard(scope: CallScope, clock: Callable[[], float]) -> SessionGuard | None:
    """Return what holds a session to its guardrails; None where it has none."""
    guards = scope.hooks.guards if scope.hooks is not None else ()
    return SessionGuard(scope, guards, clock) if guards else None


def _written(texts: Sequence[Text]) -> list[Text]:
    """Return the texts of an event without its sound."""
    return [text for text in texts if not _is_sound(text)]


def _is_sound(text: Text) -> bool:
    holder, place = text.holder, text.place
    if not isinstance(holder, dict) or (holder.get("type"), place) not in _SOUND:
        return False
    return is_base64(text.value)


def _may_be_behind(piece: Any) -> bool:  # noqa: ANN401 # one of a window's
    is_behind: bool = piece.may_be_behind
    return is_behind
