"""What generations and edits of images have in common as operations."""

import base64
from collections.abc import Collection, Sequence
from typing import Any, ClassVar, TypeVar

import msgspec
import orjson
from google.protobuf.message import Message

from conduit.v1.call_pb2 import CallReport
from conduit.v1.image_pb2 import ImageList
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call, Form
from conduit_providers.codec import StreamingCodec
from conduit_providers.codecs.shared.sse import events_in
from conduit_providers.failures import malformed
from conduit_providers.images import (
    ImageAnswer,
    ImageEvents,
    ImageWish,
    estimated_images,
    image_answer,
    images_asked,
    images_of,
    usage_message,
    write_stream_end,
)
from conduit_providers.json_reading import JsonReader, parsed
from conduit_providers.model_rows import ImageModel
from conduit_providers.operation import AnsweredOperation, Media, Requirements, StreamedOperation
from conduit_providers.quantities import Quantities, total
from conduit_providers.request_reading import RequestReader
from conduit_providers.spec import Endpoint
from conduit_providers.typed_events import events_of

RequestT = TypeVar("RequestT", bound=Message)
T = TypeVar("T")


class _Wanted(msgspec.Struct):
    response_format: str | None = None


class _Image(msgspec.Struct):
    b64_json: str | None = None
    url: str | None = None

    @property
    def linked(self) -> str:
        """Its address where there is nothing else of it, else empty."""
        return "" if self.b64_json else self.url or ""


class _Images(msgspec.Struct):
    data: list[_Image] = []


_IMAGES, _EVENT = JsonReader(_Images), JsonReader(_Image)


class DrawingOperation(
    StreamedOperation[RequestT, ImageList, ImageEvents], AnsweredOperation[RequestT, ImageList]
):
    """Draws images, or changes them."""

    codec_type: ClassVar[type] = StreamingCodec
    is_divisible: ClassVar[bool] = True
    has_linked_media: ClassVar[bool] = True
    # Reads as much of a wish as routing needs.
    wish_reader: ClassVar[RequestReader[Any]]

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a wish; what it says of streaming is what its RPC says."""
        wish: ImageWish = self.wish_reader.read(body)
        return Requirements(
            wish.model,
            self.name,
            stream,
            capabilities=wish.capabilities(),
            choices=wish.n or 1,
            fallbacks=wish.named_fallbacks(),
            session=wish.session(),
            tags=wish.tags(),
        )

    def estimate(
        self,
        form: Form[RequestT],
        answer: ImageAnswer | None,
        emitted: int,
        codec: object,
        facts: object,
    ) -> Quantities:
        """Count images."""
        try:
            return estimated_images(form.typed, answer)
        except InvalidRequest:
            # A provider may take what the contract does not.
            return images_of(1)

    def split(self, call: Call[RequestT], endpoint: Endpoint) -> Sequence[Call[RequestT]]:
        """Return calls for as many images as the model draws at once."""
        facts: ImageModel | None = endpoint.facts_of(call.model)
        most = facts.max_images if facts is not None else None
        if most is None:
            return (call,)
        wished = images_asked(call.typed)
        counts = [min(most, wished - at) for at in range(0, wished, most)]
        if len(counts) == 1:
            return (call,)
        return [self._part(call, place, count) for place, count in enumerate(counts)]

    def _part(self, call: Call[RequestT], place: int, count: int) -> Call[RequestT]:
        """Return a call for some of the images."""
        typed = call.typed
        request = type(typed)()
        request.CopyFrom(typed)
        part: Any = request
        part.n = count
        if "seed" in request.DESCRIPTOR.fields_by_name and request.HasField("seed"):
            # With the same seed they would be the same images.
            part.seed ^= place
        made = msgspec.structs.replace(call, request=self.typed_form(call, request))
        # What the parts cannot say, the call could not.
        made.dropped = call.dropped
        return made

    def typed_form(self, call: Call[RequestT], request: RequestT) -> Form[RequestT]:
        """Return a wish that is a part of a call's."""
        return msgspec.structs.replace(call.request, json_at_hand=None, _typed=request)

    def join(self, answers: Sequence[ImageAnswer]) -> ImageAnswer:
        """Return all images in one answer; their usage is the sum, None if a part is unknown."""
        if len(answers) == 1:
            return answers[0]
        whole = ImageList()
        whole.CopyFrom(answers[0].typed)
        for answer in answers[1:]:
            whole.data.extend(answer.typed.data)
        counted = [answer.usage for answer in answers if answer.usage is not None]
        usage = total(counted) if len(counted) == len(answers) else None
        whole.ClearField("usage")
        if usage is not None:
            whole.usage.CopyFrom(usage_message(usage))
        return image_answer(usage=usage, typed=whole)

    def linked(self, form: Form[RequestT], answer: ImageAnswer) -> Collection[str]:
        """Return where the images are that were asked for themselves, and came as addresses."""
        if _format_of(form) != "b64_json":
            return ()
        return [url for image in _read(_IMAGES, answer.json).data if (url := image.linked)]

    def inlined(self, answer: ImageAnswer, media: Media) -> ImageAnswer:
        """Return an answer with the images themselves."""
        whole = _members(answer.json)
        whole["data"] = [_inlined(image, media) for image in whole["data"]]
        return image_answer(usage=answer.usage, json=orjson.dumps(whole))

    def linked_in(self, events: ImageEvents) -> Collection[str]:
        """Return where the images of events are that have none in them: no event is without."""
        if b'"url":' not in events.sse:
            return ()
        found = [_read(_EVENT, event.data) for event in events_in(events.sse)]
        return [url for image in found if (url := image.linked)]

    def inlined_in(self, events: ImageEvents, media: Media) -> ImageEvents:
        """Return events with the images themselves."""
        found = [_members(event.data) for event in events_in(events.sse)]
        return ImageEvents(sse=events_of(_inlined(each, media) for each in found))

    def write(self, response: Any, answer: ImageAnswer, *, is_typed: bool) -> None:  # noqa: ANN401 # of each RPC its own
        """Put the images into the response."""
        if is_typed:
            response.images.CopyFrom(answer.typed)
        else:
            response.json = answer.json

    def started(self, message: Any) -> CallReport:  # noqa: ANN401 # as above
        """Return the report of the first message."""
        report: CallReport = message.started
        return report

    def put(self, message: Any, events: ImageEvents, *, is_typed: bool) -> None:  # noqa: ANN401 # as above
        """Put messages, or events, into a message."""
        if is_typed:
            message.pieces.extend(events.pieces)
        else:
            message.events = events.sse

    def finished(self, message: Any, usage: Quantities | None, *, is_typed: bool) -> CallReport:  # noqa: ANN401 # as above
        """Put the counts into the last message."""
        write_stream_end(message.finished, usage)
        report: CallReport = message.finished.report
        return report


def _format_of(form: Form[Any]) -> str | None:
    if form.json_at_hand is None:
        wanted: str = form.typed.response_format
        return wanted
    try:
        return msgspec.json.decode(form.json_at_hand, type=_Wanted).response_format
    except msgspec.MsgspecError:
        # No name of a format; the provider has been asked all the same.
        return None


def _read(reader: JsonReader[T], text: bytes) -> T:
    try:
        return reader.decode(text)
    except msgspec.DecodeError as error:
        raise malformed("", "its images cannot be read") from error


def _members(text: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = parsed(text)
    except msgspec.DecodeError as error:
        raise malformed("", "its images cannot be read") from error
    return found


def _inlined(image: dict[str, Any], media: Media) -> dict[str, Any]:
    """Return an image, or its event, with what was fetched from its address instead of that."""
    if image.get("url") not in media or image.get("b64_json"):
        return image
    content = base64.b64encode(media[image["url"]][1]).decode()
    return {
        ("b64_json" if name == "url" else name): (content if name == "url" else value)
        for name, value in image.items()
        if name != "b64_json"
    }
