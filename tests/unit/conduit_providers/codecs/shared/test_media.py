"""Content in data URLs, and content that was fetched."""

import base64

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.media import Inline, data_url, inlined


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("data:image/png;base64,AAAA", Inline("image/png", "AAAA")),
        ("data:;base64,AAAA", Inline("text/plain", "AAAA")),
        ("data:text/plain;charset=utf-8;base64,AAAA", Inline("text/plain", "AAAA")),
        ("data:application/vnd.ms-excel;base64,", Inline("application/vnd.ms-excel", "")),
        ("data:image/svg+xml;a=b;c=d;base64,QQ==", Inline("image/svg+xml", "QQ==")),
    ],
)
def test_a_data_url_is_its_type_and_its_content(url: str, found: Inline) -> None:
    """Parameters of the type are left aside."""
    assert data_url(url, "f") == found
    assert inlined(url, {}, "f") == found


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
PDF = base64.b64encode(b"%PDF-1.7").decode()


@pytest.mark.parametrize(
    ("label", "content", "found"),
    [
        ("image/jpeg", PNG, "image/png"),
        ("image/svg+xml", PNG, "image/png"),
        ("image/*", PNG, "image/png"),
        ("image/jpg", "AAAA", "image/jpeg"),
        # A picture's bytes alone decide, and of pictures alone.
        ("image/png", PDF, "image/png"),
        ("application/pdf", PNG, "application/pdf"),
    ],
)
def test_a_picture_is_what_its_bytes_say(label: str, content: str, found: str) -> None:
    """Callers name what the file's name ends with, which Anthropic and Bedrock refuse."""
    assert data_url(f"data:{label};base64,{content}", "f") == Inline(found, content)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data:",
        "data:,text",
        "data:image/png,AAAA",
        "data:image/png;base64",
        "data:image;base64,AAAA",
        "data:image/png;base64=,AAAA",
        "http://a.example/data:image/png;base64,AAAA",
        "data:im\nage/png;base64,AAAA",
        "data:" + "a=b;" * 10_000,
    ],
)
def test_what_is_no_data_url_is_refused_with_its_field(url: str) -> None:
    """In time, however long it is."""
    with pytest.raises(InvalidRequest, match="data URL with base64") as refused:
        data_url(url, "image_url.url")
    assert refused.value.metadata["field"] == "image_url.url"


def test_fetched_content_goes_before_what_an_url_says() -> None:
    """Of other URLs nothing is known."""
    fetched = {"https://a.example/x": ("image/gif", b"GIF")}
    found = inlined("https://a.example/x", fetched, "f")
    assert found == Inline("image/gif", base64.b64encode(b"GIF").decode())
    assert inlined("https://a.example/y", fetched, "f") is None
    assert inlined("s3://bucket/key", fetched, "f") is None


def test_text_is_read_out_of_base64() -> None:
    """The whole of it."""
    assert Inline("text/plain", base64.b64encode("Grüße".encode()).decode()).text("f") == "Grüße"


@pytest.mark.parametrize("content", ["A", "####", "/w==", "QUJD\n"])
def test_what_is_no_text_in_base64_is_refused(content: str) -> None:
    """Bad letters, and bytes that are no UTF-8."""
    with pytest.raises(InvalidRequest, match="UTF-8 in base64"):
        Inline("text/plain", content).text("file.file_data")
