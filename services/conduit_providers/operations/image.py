"""Images drawn by a prompt: `GenerateImages`, `StreamGenerateImages`."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

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
    image_answer,
    images_asked,
    images_of,
    usage_message,
    worst_images,
    write_stream_end,
)
from conduit_providers.operation import (
    AnsweredOperation,
    Requirements,
    StreamedOperation,
    WorstCase,
)
from conduit_providers.quantities import Quantities, total
from conduit_providers.request_reading import RequestReader
from conduit_providers.spec import Endpoint, ImageModel

ImageCall = Call[ImageGenerationRequest]
ImageCodec = StreamingCodec[ImageCall, ImageAnswer, ImageEvents]


def image_request(
    *, json: bytes | None = None, typed: ImageGenerationRequest | None = None
) -> Form[ImageGenerationRequest]:
    """Hold a wish for images."""
    return Form(image_generation_request_from_json, image_generation_request_to_json, json, typed)


_read_wish = RequestReader(ImageWish).read


class ImageOperation(
    AnsweredOperation[ImageGenerationRequest, ImageList],
    StreamedOperation[ImageGenerationRequest, ImageList, ImageEvents],
):
    """Draws images."""

    name: ClassVar[str] = "image"
    codec_type: ClassVar[type] = StreamingCodec
    is_divisible: ClassVar[bool] = True

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
        facts: object,
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

    def split(self, call: ImageCall, endpoint: Endpoint) -> Sequence[ImageCall]:
        """Return calls for as many images as the model draws at once."""
        facts: ImageModel | None = endpoint.facts_of(call.model)
        most = facts.max_images if facts is not None else None
        if most is None:
            return (call,)
        wished = images_asked(call.typed)
        counts = [min(most, wished - at) for at in range(0, wished, most)]
        return (call,) if len(counts) == 1 else [_part(call, count) for count in counts]

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


def _part(call: ImageCall, count: int) -> ImageCall:
    """Return a call for some of the images."""
    request = ImageGenerationRequest()
    request.CopyFrom(call.typed)
    request.n = count
    part = msgspec.structs.replace(call, request=image_request(typed=request))
    # What the parts cannot say, the call could not.
    part.dropped = call.dropped
    return part


OPERATION = ImageOperation()
