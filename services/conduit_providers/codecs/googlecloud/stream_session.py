"""A live session of Google Cloud's: a call that hears, and another one before its time is up.

https://docs.cloud.google.com/speech-to-text/docs/transcribe-streaming-audio
"""

from collections.abc import Callable, Iterator, Sequence

from conduit_providers.codecs.googlecloud.streaming import MOST_BYTES, sound_message, told_by
from conduit_providers.codecs.shared.pause_session import PauseSession
from conduit_providers.codecs.shared.transcription_session import Handshake
from conduit_providers.codecs.shared.transcription_settings import TranscriptionSettings
from conduit_providers.failures import malformed
from conduit_providers.operations.converse import ConverseCall
from conduit_providers.quantities import Qualifiers
from conduit_providers.session_codec import Frame, KeepAlive, Step

Beginning = Callable[[TranscriptionSettings], Frame]
# A call hears for five minutes at most: https://docs.cloud.google.com/speech-to-text/docs/quotas
# Another one takes its place in a pause behind the first mark, and at the second wherever it is.
SOFT_MILLISECONDS = 4 * 60_000
HARD_MILLISECONDS = 4 * 60_000 + 50_000
# It ends a call in which it hears nothing for a while, and takes silence for sound: a tenth of a
# second of it, at the rate of most sessions.
_KEEP_ALIVE = KeepAlive(5.0, sound_message(bytes(4800)))


class StreamSession(PauseSession):
    """Translates one session. Turns end where the provider hears a pause, and nowhere else."""

    keep_alive: KeepAlive | None = _KEEP_ALIVE
    most_bytes = MOST_BYTES

    def __init__(self, call: ConverseCall, handshake: Handshake, beginning: Beginning) -> None:
        """Take what a call begins with, which depends on the session's settings."""
        super().__init__(call, handshake)
        self._beginning = beginning
        # In the session's sound, in milliseconds: where the current call began, and how far it is.
        self._began_at = self._passed = 0

    @property
    def qualifiers(self) -> Qualifiers:
        """Return nothing: words to expect cost nothing."""
        return ()

    def first_steps(self) -> Sequence[Step]:
        """Say what is to be heard; whoever takes that holds the session."""
        return (self._beginning(self.settings), *self.opened())

    def greeting(self) -> Sequence[Frame]:
        """Say it again to a call that replaces another one."""
        self._began_at = self._passed
        return (self._beginning(self.settings),)

    def sound(self, sound: bytes) -> Frame:
        """Send it in a message."""
        return sound_message(sound)

    def append(self, sound: bytes) -> Sequence[Step]:
        """Send it, in another call if this one has heard for long."""
        steps = super().append(sound)
        heard = self._passed - self._began_at
        if heard >= (HARD_MILLISECONDS if self.is_begun else SOFT_MILLISECONDS):
            steps = (self.handshake(), *self.greeting(), *steps)
        self._passed = self.sent
        return steps

    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Take in what was heard."""
        provider = self.call.provider
        if isinstance(frame, str):
            raise malformed(provider, "a message is a text")
        told, guess = told_by(frame, provider), ""
        steps: list[Step] = []
        for each in told.stretches:
            end = self._began_at + each.end * 1000
            self.heard_until(end)
            if each.is_final:
                steps += self.finish(each.text, end)
            else:
                guess = f"{guess} {each.text}".strip()
        if guess:
            steps += self._guessed(guess)
        return steps

    def _guessed(self, text: str) -> Iterator[Step]:
        yield from self.speech(self.heard)
        yield from self.guess(text)
