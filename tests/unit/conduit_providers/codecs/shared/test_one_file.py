"""Requests whose body is a call's only file."""

import pytest

from conduit.v1.audio_requests_pb2 import TranscribeStart
from conduit.v1.form_pb2 import Form, FormFile, FormMember
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import JoinedUpload, Upload
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.one_file import file_request
from conduit_providers.operations.transcribe import OPERATION
from conduit_providers.wire import HttpRequest

SOUND = FormMember(name="file", file=FormFile(content=b"RIFF"), content_type="audio/wav")


def sent(*members: FormMember, upload: Upload | None = None) -> tuple[HttpRequest, list[str]]:
    """Return the request of a form, and what is dropped of it."""
    start = TranscribeStart(multipart=Form(members=members))
    form = OPERATION.form_of_upload(start, [upload] if upload is not None else [])
    call = Call(form, alias="m", model="m")
    return file_request(call, "/v1/x", (("x-a", "1"),), {"file", "language"}, "P"), call.dropped


def text(name: str) -> FormMember:
    """Return a member that is no file."""
    return FormMember(name=name, value=b"en")


def test_the_file_is_the_body() -> None:
    """In its own type; what else is said is told as dropped, but for what goes by another way."""
    request, dropped = sent(
        text("model"), text("language"), text("prompt"), text("include[]"), SOUND
    )
    assert request.body == b"RIFF"
    assert request.headers == (("content-type", "audio/wav"), ("x-a", "1"))
    assert dropped == ["prompt", "include"]


def test_a_file_that_follows_is_sent_as_it_comes() -> None:
    """It is never whole in memory."""
    upload = JoinedUpload([b"RIFF"])
    request, _ = sent(SOUND, upload=upload)
    assert request.upload is upload
    assert request.body == b""


@pytest.mark.parametrize("kind", ["", "audio/wav\r\nx-evil: 1"])
def test_a_type_that_is_none_is_unknown(kind: str) -> None:
    """The provider looks by itself; nobody writes headers of ours."""
    file = FormMember(name="file", file=FormFile(content=b"RIFF"), content_type=kind)
    assert sent(file)[0].headers[0] == ("content-type", "application/octet-stream")


@pytest.mark.parametrize("files", [[], [SOUND, SOUND]])
def test_there_is_one_file(files: list[FormMember]) -> None:
    """None, or more, is the caller's fault."""
    with pytest.raises(InvalidRequest) as refused:
        sent(*files)
    assert refused.value.metadata["field"] == "file"
