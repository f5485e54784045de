"""Requests that bring files, in each of their forms."""

import pytest

from conduit.v1.form_pb2 import FormFile
from conduit.v1.image_edit_pb2 import ImageEditRequest, ImageInput
from conduit.v1.json_runtime import JsonError
from conduit_kernel.http import JoinedUpload
from conduit_providers.calls import Call
from conduit_providers.operations.image import image_request
from conduit_providers.operations.image_edit import edit_form
from conduit_providers.uploaded_form import uploaded_form


def wish(*images: ImageInput) -> ImageEditRequest:
    """Return a wish for a change of these images."""
    return ImageEditRequest(model="m", prompt="p", images=images)


def test_a_typed_request_is_a_form_as_well() -> None:
    """Its files are in it."""
    file = FormFile(filename="a.png", content_type="image/png", content=b"PNG")
    form = edit_form(typed=wish(ImageInput(file=file)))
    assert [member.name for member in form.members.members] == ["model", "prompt", "image[]"]
    assert form.members.members[2].file.content == b"PNG"
    assert form.size == 3


def test_what_no_form_can_say_is_an_error() -> None:
    """An address is not a file."""
    with pytest.raises(JsonError):
        _ = edit_form(typed=wish(ImageInput(image_url="https://x"))).members


def test_uploads_count_as_what_they_have() -> None:
    """The request names them, and their bytes follow it."""
    typed = wish(ImageInput(file=FormFile(filename="a.png")))
    assert edit_form(typed=typed, uploads=[JoinedUpload([b"123", b"45"])]).size == 5


def test_calls_of_other_operations_have_no_form() -> None:
    """Whoever asks for it is wrong."""
    call = Call(image_request(json=b"{}"), alias="m", model="m")
    with pytest.raises(AssertionError):
        uploaded_form(call)
