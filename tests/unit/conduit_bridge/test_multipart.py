"""Forms, well and badly made."""

from pathlib import Path

import pytest
from tests.support.form_reading import form, part, read

from conduit_bridge.multipart import MAX_PARTS, FormLimits
from conduit_kernel.errors import InvalidRequest, RequestTooLarge


@pytest.mark.parametrize(
    "content_type",
    [None, b"", b"application/json", b"multipart/form-data", b"multipart/form-data; boundary="],
)
async def test_other_content_types_are_refused(content_type: bytes | None, tmp_path: Path) -> None:
    """Without a boundary there is no form."""
    with pytest.raises(InvalidRequest) as caught:
        await read(form(), 50, tmp_path, content_type=content_type)
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
async def test_broken_forms_are_refused(body: bytes, tmp_path: Path) -> None:
    """Nothing of a form that is not whole is used."""
    with pytest.raises(InvalidRequest):
        await read(body, 50, tmp_path)


async def test_the_number_of_parts_is_bounded(tmp_path: Path) -> None:
    """A form of a million empty parts would cost more than it may."""
    empty = b'content-disposition: form-data; name="a"\r\n\r\n'
    assert len(await read(form(*[empty] * MAX_PARTS), 5000, tmp_path)) == MAX_PARTS
    with pytest.raises(InvalidRequest, match="at most"):
        await read(form(*[empty] * (MAX_PARTS + 1)), 5000, tmp_path)


async def test_long_boundaries_are_refused(tmp_path: Path) -> None:
    """RFC 2046 allows 70 characters; much more is an attack."""
    content_type = b"multipart/form-data; boundary=" + b"b" * 10_000
    with pytest.raises(InvalidRequest):
        await read(form(), 50, tmp_path, content_type=content_type)


async def test_form_is_the_same_however_it_is_cut(tmp_path: Path) -> None:
    """Members before, between and behind files; brackets kept; empty ones; half boundaries."""
    data = b"\r\n--x \r\n\x00\xff--x y?" * 50
    body = form(
        part(b'name="model"', b"whisper"),
        part(b'name="file"; filename="a.mp3"\r\ncontent-type: audio/mpeg', data),
        part(b'name="image[]"; filename="b"', b""),
        part(b'name="image[]"; filename="c"', b"second"),
        part(b'name="timestamp_granularities[]"', b"word"),
        part(b'name="unknown"', b""),
        part(b'name="last"; filename=""', b"z" * 700),
    )
    wanted = [
        ("model", None, "", b"whisper"),
        ("file", "a.mp3", "audio/mpeg", data),
        ("image[]", "b", "", b""),
        ("image[]", "c", "", b"second"),
        ("timestamp_granularities[]", None, "", b"word"),
        ("unknown", None, "", b""),
        ("last", "", "", b"z" * 700),
    ]
    for size in (1, 2, 3, 7, 64, 1_000, len(body)):
        assert await read(body, size, tmp_path) == wanted


@pytest.mark.parametrize("cut", [3, 20, 100, 300])
async def test_form_that_breaks_off_keeps_nothing(cut: int, tmp_path: Path) -> None:
    """Wherever it does."""
    body = form(
        part(b'name="a"; filename="a"', b"x" * 150), part(b'name="b"; filename="b"', b"y" * 150)
    )
    with pytest.raises(InvalidRequest):
        await read(body[:-cut], 10, tmp_path)


@pytest.mark.parametrize(
    ("body", "limits", "error"),
    [
        (form(*[part(b'name="a"', b"")] * 4), FormLimits(parts=3), InvalidRequest),
        (form(part(b'name="a"', b"x" * 101)), FormLimits(member_bytes=100), RequestTooLarge),
        (
            form(*[part(b'name="a"', b"x" * 60)] * 2),
            FormLimits(member_bytes=100),
            RequestTooLarge,
        ),
        (
            form(part(b'name="%b"' % (b"a" * 600), b"")),
            FormLimits(header_bytes=500),
            InvalidRequest,
        ),
        (form(part(b'name="a"\r\nb: c\r\nd: e', b"")), FormLimits(header_fields=2), InvalidRequest),
    ],
    ids=["parts", "member", "members", "head", "fields"],
)
async def test_forms_are_bounded(
    body: bytes, limits: FormLimits, error: type[Exception], tmp_path: Path
) -> None:
    """In number, in their heads, and in what is held in memory."""
    with pytest.raises(error):
        await read(body, 50, tmp_path, limits)
