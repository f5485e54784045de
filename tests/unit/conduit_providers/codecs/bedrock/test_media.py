"""Content as Converse's blocks: by its media type, by its name, or in S3."""

from typing import Any

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.codecs.bedrock.media import media, sound
from conduit_providers.operations.chat import ChatCall, chat_request

FETCHED = {
    "https://a.example/x": ("image/jpg", b"J"),
    "https://a.example/y": ("application/octet-stream", b"?"),
}
CALL: ChatCall = Call(chat_request(json=b"{}"), alias="a", model="m", provider="P", fetched=FETCHED)


@pytest.mark.parametrize(
    ("url", "filename", "kind", "form"),
    [
        ("data:image/png;base64,AAAA", "", "image", "png"),
        ("https://a.example/x", "", "image", "jpeg"),
        ("data:application/pdf;base64,AAAA", "x.docx", "document", "pdf"),
        ("data:application/octet-stream;base64,AAAA", "X.DOCX", "document", "docx"),
        ("data:application/octet-stream;base64,AAAA", "x.3gp", "video", "three_gp"),
        ("https://a.example/y", "x.webm", "video", "webm"),
        ("data:audio/mpeg;base64,AAAA", "", "audio", "mp3"),
    ],
)
def test_content_has_the_format_of_its_type_or_else_of_its_name(
    url: str, filename: str, kind: str, form: str
) -> None:
    """Types that say nothing are common."""
    found, block = media(url, CALL, "file.file_data", filename)
    assert (found, block["format"]) == (kind, form)
    assert block["source"].keys() == {"bytes"}


@pytest.mark.parametrize(
    ("url", "kind", "form"),
    [("s3://b/x.PNG", "image", "png"), ("s3://b/dir.d/x.htm", "document", "html")],
)
def test_objects_in_s3_are_read_there(url: str, kind: str, form: str) -> None:
    """Their names tell what they are."""
    assert media(url, CALL, "f") == (
        kind,
        {"format": form, "source": {"s3Location": {"uri": url}}},
    )


@pytest.mark.parametrize(
    ("url", "filename", "why"),
    [
        ("https://a.example/unfetched.png", "", "was not fetched"),
        ("https://a.example/y", "", "no format"),
        ("https://a.example/y", "x.exe", "no format"),
        ("s3://b/x", "x.png", "no format"),
        ("data:image/tiff;base64,AAAA", "", "no format"),
        ("data:nonsense", "x.png", "data URL"),
    ],
)
def test_content_that_is_not_there_or_of_no_format_is_refused(
    url: str, filename: str, why: str
) -> None:
    """With the member that says so."""
    with pytest.raises(InvalidRequest, match=why) as refused:
        media(url, CALL, "image_url.url", filename)
    assert refused.value.metadata["field"] == "image_url.url"


def test_sounds_name_their_format_themselves() -> None:
    """As OpenAI has it."""
    expected: dict[str, Any] = {"audio": {"format": "wav", "source": {"bytes": "AAAA"}}}
    assert sound("AAAA", "wav") == expected
