"""Images drawn by a prompt: `GenerateImages`, `StreamGenerateImages`."""

from typing import ClassVar

from conduit.v1 import image_requests_pb2 as pb
from conduit.v1.call_pb2 import CallReport
from conduit.v1.image_generation_json import (
    image_generation_request_from_json,
    image_generation_request_to_json,
)
from conduit.v1.image_generation_pb2 import ImageGenerationRequest
from conduit.v1.image_pb2 import ImageList
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call, Form
from conduit_providers.codec import StreamingCodec
from conduit_providers.images import (
    ImageAnswer,
    ImageEvents,
    ImageWish,
    estimated_images,
    images_of,
    worst_images,
    write_stream_end,
)
from conduit_providers.operation import Requirements, StreamedOperation, WorstCase
from conduit_providers.quantities import Quantities
from conduit_providers.request_reading import RequestReader

ImageCall = Call[ImageGenerationRequest]
ImageCodec = StreamingCodec[ImageCall, ImageAnswer, ImageEvents]


def image_request(
    *, json: bytes | None = None, typed: ImageGenerationRequest | None = None
) -> Form[ImageGenerationRequest]:
    """Hold a wish for images."""
    return Form(image_generation_request_from_json, image_generation_request_to_json, json, typed)


_read_wish = RequestReader(ImageWish).read


class ImageOperation(StreamedOperation[ImageGenerationRequest, ImageList, ImageEvents]):
    """Draws images."""

    name: ClassVar[str] = "image"
    codec_type: ClassVar[type] = StreamingCodec

    def form_of(
        self, request: pb.GenerateImagesRequest | pb.StreamGenerateImagesRequest
    ) -> Form[ImageGenerationRequest]:
        """Return the wish."""
        if request.WhichOneof("form") == "generation":
            return image_request(typed=request.generation)
        return image_request(json=request.json)

    def plain_form(self, body: bytes) -> Form[ImageGenerationRequest]:
        """Return the wish that stands in a body of JSON."""
        return image_request(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a wish; what it says of streaming is what its RPC says."""
        wish = _read_wish(body)
        return Requirements(
            wish.model,
            self.name,
            stream,
            capabilities=wish.capabilities(),
            choices=wish.n or 1,
            fallbacks=wish.named_fallbacks(),
            session=wish.session(),
        )

    def estimate(
        self,
        form: Form[ImageGenerationRequest],
        answer: ImageAnswer | None,
        emitted: int,
        codec: object,
    ) -> Quantities:
        """Count images."""
        try:
            return estimated_images(form.typed, answer)
        except InvalidRequest:
            # A provider may take what the contract does not.
            return images_of(1)

    def worst_case(
        self, form: Form[ImageGenerationRequest], requirements: Requirements
    ) -> WorstCase:
        """Count the images, and the tokens of the largest ones."""
        try:
            return WorstCase(*worst_images(form.typed, len(form.json)))
        except InvalidRequest:
            return WorstCase(images_of(requirements.choices), is_bounded=False)

    def write(
        self, response: pb.GenerateImagesResponse, answer: ImageAnswer, *, is_typed: bool
    ) -> None:
        """Put the images into the response."""
        if is_typed:
            response.images.CopyFrom(answer.typed)
        else:
            response.json = answer.json

    def started(self, message: pb.StreamGenerateImagesResponse) -> CallReport:
        """Return the report of the first message."""
        return message.started

    def put(
        self, message: pb.StreamGenerateImagesResponse, events: ImageEvents, *, is_typed: bool
    ) -> None:
        """Put messages, or events, into a message."""
        if is_typed:
            message.pieces.extend(events.pieces)
        else:
            message.events = events.sse

    def finished(
        self,
        message: pb.StreamGenerateImagesResponse,
        usage: Quantities | None,
        *,
        is_typed: bool,
    ) -> CallReport:
        """Put the counts into the last message."""
        write_stream_end(message.finished, usage)
        return message.finished.report


OPERATION = ImageOperation()
