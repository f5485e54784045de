"""The events of streamed images in OpenAI's dialect, passed on as they are.

https://platform.openai.com/docs/api-reference/images-streaming
"""

from typing import Any

from conduit_providers.calls import Call
from conduit_providers.codecs.openai.image_answer import image_usage
from conduit_providers.codecs.shared.passed_events import EventHead, PassingDecoder
from conduit_providers.failures import malformed
from conduit_providers.images import ImageEvents
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import Quantities, total

# An image of 3840x2160 pixels that cannot be compressed, in base64, and what stands around it.
MAX_IMAGE_EVENT_BYTES = 48 * 1024 * 1024


class _Event(EventHead):
    b64_json: str | None = None
    usage: object = None


_READER = JsonReader(_Event)


class OpenAIImageDecoder(PassingDecoder[_Event, ImageEvents]):
    """Passes on the events of one answer, to its last image."""

    def __init__(self, call: Call[Any], images: int) -> None:
        """Take the call, and how many images it asks for."""
        super().__init__(call.provider, _READER, ImageEvents, most=MAX_IMAGE_EVENT_BYTES)
        self._images = images
        self._completed = 0
        self._counts: list[Quantities] = []

    @property
    def has_finished(self) -> bool:
        """Return whether all images are there."""
        return self._completed >= self._images

    @property
    def usage(self) -> Quantities | None:
        """Return what the images that are there used."""
        return total(self._counts) if self._counts else None

    def _look_at(self, event: _Event) -> None:
        if event.type.endswith((".completed", ".partial_image")) and not event.b64_json:
            raise malformed(self._provider, "an event has no image")
        if event.type.endswith(".completed"):
            self._completed += 1
            if (usage := image_usage(event.usage)) is not None:
                self._counts.append(usage)
