"""OpenAI's edits of images, as forms and as JSON.

https://platform.openai.com/docs/api-reference/images/createEdit
"""

from collections.abc import Iterator

import orjson

from conduit.v1.form_pb2 import Form as MultipartForm
from conduit.v1.form_pb2 import FormMember
from conduit.v1.image_edit_pb2 import ImageEditRequest, ImageInput
from conduit.v1.json_runtime import JsonError
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.openai.image_answer import read_images
from conduit_providers.codecs.openai.image_stream import (
    OpenAIImageDecoder,
    fit_stream,
    image_decoder,
)
from conduit_providers.codecs.openai.request import fit, fitted_members, headers_of
from conduit_providers.codecs.shared.media import inline_file
from conduit_providers.codecs.shared.multipart import form_request
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.images import ImageAnswer
from conduit_providers.operations.image_edit import ImageEditCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.uploaded_form import uploaded_form
from conduit_providers.wire import HttpRequest, HttpResponse

# What goes by another way than that of the caller's members.
_OURS = frozenset({"model", "stream"})


class OpenAIImageEditCodec:
    """Speaks `POST /images/edits`."""

    def to_upstream(self, call: ImageEditCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's form or JSON on, with the provider's name of the model."""
        path = target.fill(endpoint.path_for(target.settings), model=call.model)
        form = uploaded_form(call)
        if not _is_form(call):
            return HttpRequest("POST", path, headers_of(endpoint), _json(call, endpoint, target))
        try:
            given = form.members
        except JsonError as error:
            raise InvalidRequest(str(error), field=error.path) from error
        return form_request(
            path,
            tuple(endpoint.headers.items()),
            _members(given, call, endpoint, target.provider_name),
            form.uploads,
            form.boundary,
        )

    def from_upstream(
        self, response: HttpResponse, call: ImageEditCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Pass the provider's body on, after a look at its images and its usage."""
        return read_images(response, call)

    def decoder(
        self, call: ImageEditCall, endpoint: Endpoint
    ) -> OpenAIImageDecoder | WholeImageDecoder:
        """Return a fresh decoder for one streamed answer."""
        return image_decoder(call, "image_edit")


def _is_form(call: ImageEditCall) -> bool:
    """Return whether the images are files, for which a form has a place.

    Where only some are, and all of it is at hand, JSON has one: the files go as data URLs.
    """
    form = uploaded_form(call)
    if form.multipart is not None:
        return True
    if form.json_at_hand is not None and b'"file"' not in form.json_at_hand:
        return False
    return all(map(_is_file, _given(call.typed))) or bool(form.uploads)


def _given(wish: ImageEditRequest) -> list[ImageInput]:
    return [*wish.images, *([wish.mask] if wish.HasField("mask") else ())]


def _is_file(image: ImageInput) -> bool:
    return image.HasField("file")


def _json(call: ImageEditCall, endpoint: Endpoint, target: Target) -> bytes:
    members = fitted_members(call, endpoint, target.provider_name)
    if b'"file"' in call.request.json:
        wish = call.typed
        members["images"] = list(map(_addressed, members["images"], wish.images))
        if _is_file(wish.mask):
            members["mask"] = _addressed(members["mask"], wish.mask)
    if fit_stream(members, call, endpoint, target.provider_name):
        members["stream"] = True
    return orjson.dumps(members)


def _addressed(said: object, image: ImageInput) -> object:
    """Return an image as JSON has it: a file as a data URL."""
    if not _is_file(image):
        return said
    inline = inline_file(image.file.content_type, image.file.content)
    return {"image_url": f"data:{inline.media_type};base64,{inline.base64}"}


def _members(
    given: MultipartForm, call: ImageEditCall, endpoint: Endpoint, provider: str
) -> Iterator[FormMember]:
    """Yield the members to send, the files last: they are read when all else was."""
    yield FormMember(name="model", value=call.model.encode())
    texts = [member for member in given.members if not member.HasField("file")]
    said = {_name(each): each.value.decode("utf-8", "replace") for each in texts}
    fitted: dict[str, object] = {name: said[name] for name in said.keys() - _OURS}
    fit(fitted, endpoint, call, provider)
    if fit_stream(fitted, call, endpoint, provider):
        yield FormMember(name="stream", value=b"true")
    for member in texts:
        name = _name(member)
        if fitted.get(name) == said[name]:
            yield member
    changed = {name: value for name, value in fitted.items() if said.get(name) != value}
    for name in sorted(changed):
        yield FormMember(name=name, value=str(changed[name]).encode())
    yield from (member for member in given.members if member.HasField("file"))


def _name(member: FormMember) -> str:
    return member.name.removesuffix("[]")


CODEC = OpenAIImageEditCodec()
