"""Streams of images out of whole answers, for providers that send no drafts."""

from codecs import BOM_UTF8
from collections.abc import Callable
from typing import Any

from conduit_providers.calls import Call
from conduit_providers.failures import malformed
from conduit_providers.images import ImageAnswer, ImageEvents, completed_events, events_of
from conduit_providers.quantities import Quantities
from conduit_providers.wire import HttpResponse

# As the Router reads of whole answers.
MAX_ANSWER_BYTES = 64 * 1024 * 1024


class WholeImageDecoder:
    """Waits for the whole answer, and says its images as events."""

    skipped = 0

    def __init__(
        self, call: Call[Any], kind: str, read: Callable[[HttpResponse], ImageAnswer]
    ) -> None:
        """Take the call, whose events they are (`image_generation`), and what reads an answer."""
        self.emitted = 0
        self.done = False
        self.has_finished = False
        self.usage: Quantities | None = None
        self._call = call
        self._kind = kind
        self._read = read
        self._body = bytearray()

    def feed(self, data: bytes) -> ImageEvents | None:
        """Take the next bytes; there are no events before the last one."""
        self._body += data
        if len(self._body) > MAX_ANSWER_BYTES:
            raise malformed(self._call.provider, f"it has more than {MAX_ANSWER_BYTES} bytes")
        return None

    def close(self) -> ImageEvents | None:
        """Return the images. UpstreamError if the answer makes no sense."""
        call = self._call
        body = bytes(self._body).removeprefix(BOM_UTF8)
        answer = self._read(HttpResponse(200, call.answer_headers, body))
        self._body.clear()
        self.usage = answer.usage
        events = list(completed_events(answer, self._kind, call.created))
        self.emitted = len(events)
        self.done = self.has_finished = True
        return ImageEvents(sse=events_of(events))
