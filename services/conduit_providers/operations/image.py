"""Images drawn by a prompt: `GenerateImages`, `StreamGenerateImages`."""

from typing import Any, ClassVar

from conduit.v1 import image_requests_pb2 as pb
from conduit.v1.image_generation_json import (
    image_generation_request_from_json,
    image_generation_request_to_json,
)
from conduit.v1.image_generation_pb2 import ImageGenerationRequest
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call, Form
from conduit_providers.codec import StreamingCodec
from conduit_providers.drawing import DrawingOperation
from conduit_providers.images import ImageAnswer, ImageEvents, ImageWish, images_of, worst_images
from conduit_providers.operation import Requirements, WorstCase
from conduit_providers.request_reading import RequestReader

ImageCall = Call[ImageGenerationRequest]
ImageCodec = StreamingCodec[ImageCall, ImageAnswer, ImageEvents]


def image_request(
    *, json: bytes | None = None, typed: ImageGenerationRequest | None = None
) -> Form[ImageGenerationRequest]:
    """Hold a wish for images."""
    return Form(image_generation_request_from_json, image_generation_request_to_json, json, typed)


class ImageOperation(DrawingOperation[ImageGenerationRequest]):
    """Draws images."""

    name: ClassVar[str] = "image"
    wish_reader: ClassVar[RequestReader[Any]] = RequestReader(ImageWish)

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

    def worst_case(
        self, form: Form[ImageGenerationRequest], requirements: Requirements
    ) -> WorstCase:
        """Count the images, and the tokens of the largest ones."""
        try:
            return WorstCase(*worst_images(form.typed, len(form.json)))
        except InvalidRequest:
            return WorstCase(images_of(requirements.choices), is_bounded=False)


OPERATION = ImageOperation()
