"""The events of streamed images in OpenAI's dialect, passed on as they are.

https://platform.openai.com/docs/api-reference/images-streaming
"""

from copy import copy
from typing import Any

import msgspec

from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.image_answer import image_usage
from conduit_providers.codecs.shared.skipping import may_skip
from conduit_providers.codecs.shared.sse import EventBuffer, SseEvent, events_in
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.images import ImageEvents
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import Quantities, total

# An image of 3840x2160 pixels that cannot be compressed, in base64, and what stands around it.
MAX_IMAGE_EVENT_BYTES = 48 * 1024 * 1024
_DONE = b"[DONE]"


class _Event(msgspec.Struct):
    type: str = ""
    b64_json: str | None = None
    usage: object = None
    error: object = None
    message: object = None


_DECODER = JsonReader(_Event)


class OpenAIImageDecoder:
    """Passes on the events of one answer, to its last image."""

    def __init__(self, call: Call[Any], images: int) -> None:
        """Take the call, and how many images it asks for."""
        self.done = False
        self.emitted = 0
        self.skipped = 0
        self._provider = call.provider
        self._images = images
        self._completed = 0
        self._counts: list[Quantities] = []
        self._buffer = EventBuffer(call.provider, MAX_IMAGE_EVENT_BYTES)
        self._failure: UpstreamError | None = None

    @property
    def has_finished(self) -> bool:
        """Return whether all images are there."""
        return self._completed >= self._images

    @property
    def usage(self) -> Quantities | None:
        """Return what the images that are there used."""
        return total(self._counts) if self._counts else None

    def feed(self, data: bytes) -> ImageEvents | None:
        """Take the next bytes; return the events they complete, or None.

        UpstreamError if the provider reports a failure or sends malformed; events before that are
        returned first.
        """
        if self._failure is not None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        return self._pass_on(self._buffer.feed(data))

    def close(self) -> ImageEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        if self._failure is not None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        if self.done:
            return None
        events = None if self.has_finished else self._pass_on_rest()
        if not self.has_finished:
            raise StreamInterrupted(
                f"{self._provider} ended the stream before the images were complete",
                provider=self._provider,
            )
        self.done = True
        return events

    def _pass_on_rest(self) -> ImageEvents | None:
        # Some servers forget the blank line behind the last event.
        rest = self._buffer.held.strip(b"\n")
        try:
            return self._pass_on(rest + b"\n\n") if rest else None
        except UpstreamError as error:
            if error.metadata.get("kind") != "malformed":
                raise
            # It was cut off.
            return None

    def _pass_on(self, block: bytes) -> ImageEvents | None:
        kept: list[bytes] = []
        for event in events_in(block):
            if event.data.strip() == _DONE:
                self.done = self.has_finished
                break
            try:
                kept.append(self._looked_at(event))
            except UpstreamError as error:
                if not (self.emitted + len(kept)) or not may_skip(error, b"", self.skipped):
                    self._failure = error.with_traceback(None)
                    break
                self.skipped += 1
        self.emitted += len(kept)
        if self._failure is not None and not kept:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        return ImageEvents(sse=b"".join(kept)) if kept else None

    def _looked_at(self, event: SseEvent) -> bytes:
        """Return an event as it is passed on. UpstreamError if it is a failure, or malformed."""
        data = event.data.replace(b"\n", b" ").strip()
        try:
            found = _DECODER.decode(data)
        except msgspec.DecodeError as error:
            raise malformed(self._provider, "an event is not one of images") from error
        if found.error is not None or "error" in {found.type, event.event.decode("latin-1")}:
            raise error_in_stream(found.error or found.message, self._provider)
        kind = found.type
        if kind.endswith((".completed", ".partial_image")) and not found.b64_json:
            raise malformed(self._provider, "an event has no image")
        if kind.endswith(".completed"):
            self._completed += 1
            if (usage := image_usage(found.usage)) is not None:
                self._counts.append(usage)
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data) if kind else _bare(data)


def _bare(data: bytes) -> bytes:
    return b"data: %b\n\n" % data
