"""Speech out of whole answers, for providers that do not send its bytes by themselves."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any

from conduit_providers.calls import Call
from conduit_providers.codecs.shared.speeches import SpeechWriter, wish_of
from conduit_providers.codecs.shared.whole_answer import MAX_ANSWER_BYTES
from conduit_providers.failures import malformed, too_large
from conduit_providers.quantities import Quantities
from conduit_providers.speech import SpeechEvents, spoken_tokens
from conduit_providers.wire import HttpResponse

# The sound, and what was used where the provider counts.
Spoken = tuple[bytes, Quantities | None]


class WholeSpeechDecoder:
    """Waits for the whole answer, and hands its sound out in one piece."""

    skipped = 0

    def __init__(self, call: Call[Any], read: Callable[[HttpResponse], Spoken]) -> None:
        """Take the call, and what finds the sound in an answer."""
        self.usage: Quantities | None = None
        self.done = False
        self.has_finished = False
        self.emitted = 0
        self._headers = call.answer_headers
        self._provider = call.provider
        self._wish = wish_of(call)
        self._read = read
        self._body = bytearray()

    def feed(self, data: bytes) -> SpeechEvents | None:
        """Take the next bytes; there is no sound before the last one."""
        self._body += data
        if len(self._body) > MAX_ANSWER_BYTES:
            raise too_large(self._provider, f"it has more than {MAX_ANSWER_BYTES} bytes")
        return None

    def close(self) -> SpeechEvents | None:
        """Return the sound. UpstreamError if there is none."""
        audio, self.usage = self._read(HttpResponse(200, self._headers, bytes(self._body)))
        self._body.clear()
        if not audio:
            raise malformed(self._provider, "it has no sound")
        writer = SpeechWriter(self._wish)
        found = writer.piece(audio)
        end = writer.end(self.usage)
        self.emitted = max(1, spoken_tokens(self._wish.seconds))
        self.done = self.has_finished = True
        return found if end is None else found.with_more(end)


def sound_in(text: str, provider: str) -> bytes:
    """Return the bytes of base64. UpstreamError if it is none."""
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise malformed(provider, "its sound is no base64") from error
