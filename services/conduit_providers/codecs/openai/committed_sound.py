"""The sound of a transcription session that was committed, and whose words are not there yet."""

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

# Of a millisecond, in base64: PCM has 24,000 samples of two bytes a second, the others 8,000 of
# one. https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
_CHARACTERS: Mapping[str, float] = MappingProxyType(
    {"audio/pcm": 64.0, "audio/pcmu": 32 / 3, "audio/pcma": 32 / 3}
)
# Of an event, around its sound.
_AROUND = len('{"type":"input_audio_buffer.append","audio":""}')


class CommittedSound:
    """Measures it by what the caller sent, since the provider counts whole items alone."""

    def __init__(self) -> None:
        self._per_ms = _CHARACTERS["audio/pcm"]
        # In milliseconds since the session began: what was sent, and what is accounted for.
        self._sent = self._done = 0.0
        # Where the items end whose words are not there.
        self._ends = deque[float]()

    def become(self, form: object) -> None:
        """Take the type of the session's sound."""
        self._per_ms = _CHARACTERS.get(str(form), self._per_ms)

    def append(self, event: str) -> None:
        """Take in an event with sound."""
        self._sent += max(0, len(event) - _AROUND) / self._per_ms

    def commit(self) -> None:
        """Note that an item has all sound up to now."""
        self._ends.append(self._sent)

    def clear(self) -> None:
        """Note that what was sent since the last item is in none."""
        self._sent = self._ends[-1] if self._ends else self._done

    def end(self) -> int:
        """Return how much the oldest item has: its words are there, or there will be none."""
        begin, self._done = self._done, self._ends.popleft() if self._ends else self._sent
        return int(self._done - begin)

    @property
    def milliseconds(self) -> int:
        """Return how much of it there is."""
        return int(self._ends[-1] - self._done) if self._ends else 0
