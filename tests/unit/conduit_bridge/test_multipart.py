"""Forms, well and badly made."""

import pytest

from conduit.v1.http_runtime import Part
from conduit_bridge.multipart import MAX_PARTS, parts_of
from conduit_kernel.errors import InvalidRequest

TYPE = b'multipart/form-data; boundary="x y"'


def form(*parts: bytes) -> bytes:
    """Return a form of parts, each with its head."""
    return b"".join(b"--x y\r\n" + part + b"\r\n" for part in parts) + b"--x y--\r\n"


def test_parts_keep_their_bytes() -> None:
    """Line breaks and half boundaries inside a part are data."""
    data = b"\r\n--x \r\n\x00\xff--x y?"
    head = b'Content-Disposition: form-data; name="file"; filename="a\xc3\xa4.mp3"\r\n'
    body = form(
        head + b"Content-Type: audio/mpeg\r\n\r\n" + data,
        b'content-disposition: form-data; name="model"\r\n\r\nwhisper',
        b'content-disposition: form-data; name="image[]"\r\n\r\n',
    )
    assert parts_of(TYPE, body) == [
        Part("file", "a\u00e4.mp3", "audio/mpeg", data),
        Part("model", None, "", b"whisper"),
        Part("image", None, "", b""),
    ]


@pytest.mark.parametrize(
    "content_type",
    [None, b"", b"application/json", b"multipart/form-data", b"multipart/form-data; boundary="],
)
def test_other_content_types_are_refused(content_type: bytes | None) -> None:
    """Without a boundary there is no form."""
    with pytest.raises(InvalidRequest) as caught:
        parts_of(content_type, form())
    assert caught.value.metadata["field"] == "content-type"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        b'--x y\r\ncontent-disposition: form-data; name="a"\r\n\r\ncut',
        b"--x y\r\ncontent-disposition",
        form(b"\r\nno head"),
        form(b"content-disposition: form-data\r\n\r\nno name"),
        form(b"a: b\r\n" * 100 + b"\r\ntoo many fields"),
    ],
)
def test_broken_forms_are_refused(body: bytes) -> None:
    """Nothing of a form that is not whole is used."""
    with pytest.raises(InvalidRequest):
        parts_of(TYPE, body)


def test_the_number_of_parts_is_bounded() -> None:
    """A form of a million empty parts would cost more than it may."""
    part = b'content-disposition: form-data; name="a"\r\n\r\n'
    assert len(parts_of(TYPE, form(*[part] * MAX_PARTS))) == MAX_PARTS
    with pytest.raises(InvalidRequest, match="at most"):
        parts_of(TYPE, form(*[part] * (MAX_PARTS + 1)))


def test_long_boundaries_are_refused() -> None:
    """RFC 2046 allows 70 characters; much more is an attack."""
    with pytest.raises(InvalidRequest):
        parts_of(b"multipart/form-data; boundary=" + b"b" * 10_000, form())
