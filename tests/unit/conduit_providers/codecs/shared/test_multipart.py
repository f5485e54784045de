"""Forms as they are sent to providers."""

import pytest

from conduit.v1.form_pb2 import FormFile, FormMember
from conduit_kernel.http import JoinedUpload
from conduit_providers.codecs.shared.multipart import form_request
from conduit_providers.wire import HttpRequest


def file(name: str, filename: str, kind: str = "", content: bytes = b"") -> FormMember:
    """Return a member that is a file."""
    held = FormFile(filename=filename, content=content)
    return FormMember(name=name, content_type=kind, file=held)


async def sent(request: HttpRequest) -> bytes:
    """Return all that is sent."""
    if request.upload is None:
        return request.body
    reader = await request.upload.open()
    pieces = []
    while piece := await reader.next():
        pieces.append(piece)
    assert request.upload.length in {None, sum(map(len, pieces))}
    return b"".join(pieces)


MEMBERS = [
    FormMember(name="model", value=b"m"),
    FormMember(name="json", value=b"{}", content_type="application/json"),
    file("file", "a.mp3", "audio/mpeg", b"\x00\r\n"),
    file("file", "b", content=b"2"),
]
EXPECTED = (
    b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--x\r\ncontent-disposition: form-data; name="json"\r\n'
    b"content-type: application/json\r\n\r\n{}\r\n"
    b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.mp3"\r\n'
    b"content-type: audio/mpeg\r\n\r\n\x00\r\n\r\n"
    b'--x\r\ncontent-disposition: form-data; name="file"; filename="b"\r\n'
    b"content-type: application/octet-stream\r\n\r\n2\r\n"
    b"--x--\r\n"
)


async def test_a_form_with_its_files_is_a_body() -> None:
    """Its boundary is in the head."""
    request = form_request("/p", (("a", "b"),), MEMBERS, (), "x")
    assert request.headers == (("content-type", "multipart/form-data; boundary=x"), ("a", "b"))
    assert (request.body, request.upload) == (EXPECTED, None)


async def test_files_that_follow_are_sent_as_they_come() -> None:
    """Each in the place of its member."""
    uploads = [JoinedUpload([b"\x00", b"\r\n"]), JoinedUpload([b"2"])]
    request = form_request("/p", (), MEMBERS, uploads, "x")
    assert request.body == b""
    assert await sent(request) == EXPECTED


@pytest.mark.parametrize(
    ("name", "filename", "kind", "line"),
    [
        ('a"; b="c', "x", "", b'name="a%22; b=%22c"; filename="x"\r\n'),
        ("a\r\n\r\nb", "x", "", b'name="a%0D%0A%0D%0Ab"; filename="x"\r\n'),
        ("a", 'ä".mp3', "", 'name="a"; filename="ä%22.mp3"\r\n'.encode()),
        ("a", "x", "b/c\r\nd: e", b'name="a"; filename="x"\r\n'),
    ],
)
async def test_nothing_that_a_caller_wrote_ends_its_place(
    name: str, filename: str, kind: str, line: bytes
) -> None:
    """A name or a type cannot begin a header or a part of its own."""
    body = form_request("/p", (), [file(name, filename, kind)], (), "x").body
    begin = b"--x\r\ncontent-disposition: form-data; "
    end = b"content-type: application/octet-stream\r\n\r\n\r\n--x--\r\n"
    assert body == begin + line + end
