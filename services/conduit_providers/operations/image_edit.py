"""Images changed by a prompt: `EditImages`, `StreamEditImages`. They follow the request."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import msgspec
import orjson

from conduit.v1 import image_requests_pb2 as pb
from conduit.v1.form_pb2 import Form as MultipartForm
from conduit.v1.form_pb2 import FormFile
from conduit.v1.form_runtime import name_of
from conduit.v1.image_edit_form import image_edit_request_from_form, image_edit_request_to_form
from conduit.v1.image_edit_json import image_edit_request_from_json, image_edit_request_to_json
from conduit.v1.image_edit_pb2 import ImageEditRequest
from conduit.v1.image_pb2 import ImageList
from conduit.v1.json_runtime import JsonError
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import Upload
from conduit_providers.calls import Call, Form
from conduit_providers.codec import StreamingCodec
from conduit_providers.drawing import DrawingOperation
from conduit_providers.given_images import (
    FITTED_MASK,
    MASK_FILE,
    file_name,
    fitted_mask,
    urls_in,
)
from conduit_providers.image_spellings import with_usual_images
from conduit_providers.images import (
    ImageAnswer,
    ImageEvents,
    ImageWish,
    images_of,
    worst_images,
)
from conduit_providers.operation import (
    Media,
    Requirements,
    StreamedUploadOperation,
    WorstCase,
)
from conduit_providers.quantities import IMAGE_INPUT, counted, total
from conduit_providers.request_reading import RequestReader
from conduit_providers.spec import Endpoint
from conduit_providers.uploaded_form import UploadedForm, uploaded_form

ImageEditCall = Call[ImageEditRequest]
ImageEditCodec = StreamingCodec[ImageEditCall, ImageAnswer, ImageEvents]
EditForm = UploadedForm[ImageEditRequest]

MAX_INPUTS = 16
# The most that OpenAI documents for an image that is read with high fidelity: its tiles, and 6240
# beside them. https://platform.openai.com/docs/guides/image-generation
_INPUT_TOKENS = 7500


class _Edit(ImageWish, kw_only=True):
    images: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MAX_INPUTS)]
    mask: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    def capabilities(self) -> frozenset[str]:
        """Return what a provider must be able to do."""
        found = set(super().capabilities())
        if len(self.images) > 1:
            found.add("several_images")
        if self.mask is not msgspec.UNSET and bytes(self.mask) != b"null":
            found.add("mask")
        return frozenset(found)


class ImageEditOperation(
    DrawingOperation[ImageEditRequest],
    StreamedUploadOperation[ImageEditRequest, ImageList, ImageEvents],
):
    """Changes images."""

    name: ClassVar[str] = "image_edit"
    derives_media: ClassVar[bool] = True
    wish_reader: ClassVar[RequestReader[Any]] = RequestReader(_Edit)

    def form_of_upload(self, start: pb.EditImagesStart, uploads: Sequence[Upload]) -> Form[Any]:
        """Return the request with its images. InvalidRequest if its form makes no sense."""
        boundary = secrets.token_hex(16)
        match start.WhichOneof("form"):
            case "multipart":
                try:
                    typed = image_edit_request_from_form(start.multipart)
                except JsonError as error:
                    raise InvalidRequest(str(error), field=error.path) from error
                return edit_form(
                    json=orjson.dumps(image_edit_request_to_json(typed)),
                    typed=typed,
                    multipart=start.multipart,
                    uploads=uploads,
                    boundary=boundary,
                )
            case "edit":
                typed = ImageEditRequest()
                typed.CopyFrom(start.edit)
                return edit_form(typed=typed, uploads=uploads, boundary=boundary)
            case _:
                return self.plain_form(start.json)

    def form_of(self, request: pb.EditImagesStart) -> Form[ImageEditRequest]:
        """Return the request; its images are in it."""
        return self.form_of_upload(request, ())

    def plain_form(self, body: bytes) -> Form[ImageEditRequest]:
        """Return the request that stands in a body of JSON, its images too."""
        return edit_form(json=with_usual_images(body))

    def typed_form(self, call: ImageEditCall, request: ImageEditRequest) -> EditForm:
        """Return a wish that is a part of a call's, whose images are the same."""
        form = uploaded_form(call)
        return edit_form(typed=request, uploads=form.uploads, boundary=form.boundary)

    def native_media(self, call: ImageEditCall, endpoint: Endpoint) -> tuple[str, ...] | None:
        """Have the images at hand where the endpoint takes them within its request.

        A mask is made anew, and so must be fetched.
        """
        if not endpoint.inline_media:
            return None
        return () if call.typed.mask.image_url else endpoint.native_urls

    def media(self, form: Form[ImageEditRequest]) -> set[str]:
        """Return where images are that are given by address."""
        return urls_in(form.typed)

    def files(self, form: Form[ImageEditRequest]) -> Mapping[str, tuple[str, Upload]]:
        """Return the images that follow, and the mask."""
        assert isinstance(form, UploadedForm)  # noqa: S101 # as `edit_form` makes them
        if not form.uploads:
            return {}
        found = _files_in(form.typed)
        names = found if form.multipart is None else _names_in(form.multipart)
        return {
            name: (found[name].content_type, upload)
            for name, upload in zip(names, form.uploads, strict=True)
            if name in found
        }

    def derived(self, form: Form[ImageEditRequest], media: Media) -> Media:
        """Return the mask as providers other than OpenAI take it."""
        mask = media.get(FITTED_MASK) or fitted_mask(form.typed, media)
        return {} if mask is None else {FITTED_MASK: mask}

    def worst_case(self, form: Form[ImageEditRequest], requirements: Requirements) -> WorstCase:
        """Count the images, and the tokens of the largest ones, those that are read included."""
        try:
            wish = form.typed
        except InvalidRequest:
            return WorstCase(images_of(requirements.choices), is_bounded=False)
        usage, is_bounded = worst_images(wish, len(wish.prompt.encode()))
        given = len(wish.images) + wish.HasField("mask")
        read = counted(((IMAGE_INPUT, given * _INPUT_TOKENS),))
        return WorstCase(total((usage, read)), is_bounded)


def edit_form(
    *,
    json: bytes | None = None,
    typed: ImageEditRequest | None = None,
    multipart: MultipartForm | None = None,
    uploads: Sequence[Upload] = (),
    boundary: str = "conduit",
) -> EditForm:
    """Hold a wish for a change."""
    return UploadedForm(
        image_edit_request_from_json,
        image_edit_request_to_json,
        json,
        typed,
        to_multipart=image_edit_request_to_form,
        multipart=multipart,
        uploads=uploads,
        boundary=boundary,
    )


def _files_in(wish: ImageEditRequest) -> dict[str, FormFile]:
    """Return the files of a wish, the mask last."""
    files = [image.file for image in wish.images if image.HasField("file")]
    found = {file_name(place): file for place, file in enumerate(files)}
    return found | ({MASK_FILE: wish.mask.file} if wish.mask.HasField("file") else {})


def _names_in(form: MultipartForm) -> Iterator[str]:
    """Yield what we call the files of a form, in its order."""
    count = 0
    for member in form.members:
        if not member.HasField("file"):
            continue
        if name_of(member) == "image":
            yield file_name(count)
            count += 1
        else:
            yield MASK_FILE if name_of(member) == "mask" else member.name


OPERATION = ImageEditOperation()
