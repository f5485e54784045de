"""Media types, as callers label contents and as providers take them."""

import base64

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.media import data_url, inlined

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(30)).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff" + bytes(30)).decode()
PDF = base64.b64encode(b"%PDF-1.7 and more").decode()
WEBP = base64.b64encode(b"RIFF\x00\x01\x02\x03WEBPVP8 ").decode()
TEXT = base64.b64encode(b"# Notes").decode()


@pytest.mark.parametrize(
    ("label", "content", "media_type"),
    [
        ("image/jpg", JPEG, "image/jpeg"),
        ("IMAGE/PNG", PNG, "image/png"),
        ("image/pjpeg", JPEG, "image/jpeg"),
        ("image/png;charset=utf-8", PNG, "image/png"),
        ("application/octet-stream", PNG, "image/png"),
        ("application/octet-stream", WEBP, "image/webp"),
        ("application/octet-stream", TEXT, "application/octet-stream"),
        ("", PDF, "application/pdf"),
        ("", TEXT, "text/plain"),
        ("text/markdown", TEXT, "text/markdown"),
    ],
)
def test_a_label_is_read_and_where_it_tells_nothing_the_content(
    label: str, content: str, media_type: str
) -> None:
    """Labels that tell something are taken at their word, in the usual spelling."""
    found = data_url(f"data:{label};base64,{content}", "f")
    assert found == (media_type, content)


def test_what_was_fetched_is_labelled_alike() -> None:
    """Servers of files often say no more than that they send bytes."""
    fetched = {"http://a/b": ("application/octet-stream", base64.b64decode(PDF))}
    found = inlined("http://a/b", fetched, "f")
    assert found is not None
    assert found.media_type == "application/pdf"
    assert inlined("http://a/c", fetched, "f") is None


@pytest.mark.parametrize(
    ("label", "is_textual"),
    [
        ("text/markdown", True),
        ("application/json", True),
        ("application/ld+json", True),
        ("application/x-yaml", True),
        ("application/pdf", False),
        ("image/svg", False),
    ],
)
def test_textual_files_are_known(label: str, *, is_textual: bool) -> None:
    """Source code and data go as text where only PDFs go as files."""
    assert data_url(f"data:{label};base64,{TEXT}", "f").is_textual is is_textual


def test_text_that_is_none_is_refused_by_the_name_of_its_field() -> None:
    """Bytes labelled as text."""
    with pytest.raises(InvalidRequest, match=r"file\.file_data must be UTF-8"):
        data_url("data:text/plain;base64,/w==", "file.file_data").text("file.file_data")
    with pytest.raises(InvalidRequest, match="f must be a data URL"):
        data_url("data:text/plain,hello", "f")
    # A signature cannot be read out of what is no base64.
    assert data_url("data:;base64,%%%%", "f").media_type == "text/plain"
