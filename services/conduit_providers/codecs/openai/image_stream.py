"""The events of streamed images in OpenAI's dialect, passed on as they are.

https://platform.openai.com/docs/api-reference/images-streaming
"""

from functools import partial
from typing import Any

import msgspec

from conduit_providers.calls import Call
from conduit_providers.codecs.openai.image_answer import image_usage, read_images
from conduit_providers.codecs.shared.passed_events import EventHead, PassingDecoder
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.failures import malformed
from conduit_providers.images import ImageEvents
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import Quantities, total
from conduit_providers.spec import Endpoint

# An image of 3840x2160 pixels that cannot be compressed, in base64, and what stands around it.
MAX_IMAGE_EVENT_BYTES = 48 * 1024 * 1024
_JSON_TYPE = "application/json"
# In JSON and in forms.
_NO_DRAFTS = (None, 0, "0")


class _Event(EventHead):
    b64_json: str | None = None
    usage: object = None


class _Asked(msgspec.Struct):
    n: int | None = None


_READER = JsonReader(_Event)


def fit_stream(members: dict[str, Any], call: Call[Any], endpoint: Endpoint, provider: str) -> bool:
    """Return whether the provider is asked for a stream, which members may then say more of.

    An endpoint that sends no drafts sends whole answers, too, to who wants a stream.
    """
    members.pop("stream", None)
    if "partial_images" in endpoint.capabilities:
        return call.stream
    if members.pop("partial_images", None) not in _NO_DRAFTS:
        call.drop("partial_images", provider)
    return False


def image_decoder(call: Call[Any], kind: str) -> "OpenAIImageDecoder | WholeImageDecoder":
    """Return what passes events on; or what makes them, of an answer that is none.

    `kind` is whose events they are.
    """
    if call.answer_headers.get("content-type", "").strip().lower().startswith(_JSON_TYPE):
        return WholeImageDecoder(call, kind, partial(read_images, call=call))
    return OpenAIImageDecoder(call, _number_asked(call))


def _number_asked(call: Call[Any]) -> int:
    try:
        return msgspec.json.decode(call.request.json, type=_Asked).n or 1
    except msgspec.MsgspecError:
        # No number; the provider has been asked all the same.
        return 1


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
