"""Content as Gemini's parts."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.gemini.media import Media
from conduit_providers.operations.chat import chat_request

Json = dict[str, Any]
NATIVE = ("gs://", "https://www.youtube.com/", "https://youtu.be/")


def part(content: Json, *, takes_detail: bool = True) -> tuple[Json, list[str]]:
    """Return the part that content becomes, and what was dropped."""
    turn = {"role": "user", "content": [content]}
    raw = orjson.dumps({"model": "a", "messages": [turn]})
    fetched = {"https://a.example/x": ("image/gif", b"GIF")}
    call = Call(chat_request(json=raw), alias="a", model="m", fetched=fetched)
    media = Media(call, "P", NATIVE, takes_detail=takes_detail)
    return media.part(call.typed.messages[0].content[0]), call.dropped


def image(url: str, **members: object) -> Json:
    """Return a picture."""
    return {"type": "image_url", "image_url": {"url": url, **members}}


def film(url: str) -> Json:
    """Return a film."""
    return {"type": "video_url", "video_url": {"url": url}}


def inline(kind: str, data: str) -> Json:
    """Return a part that has its content."""
    return {"inlineData": {"mimeType": kind, "data": data}}


def located(uri: str, kind: str = "") -> Json:
    """Return a part whose content lies elsewhere."""
    return {"fileData": {"fileUri": uri} | ({"mimeType": kind} if kind else {})}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (image("data:image/png;base64,AAAA"), inline("image/png", "AAAA")),
        (image("https://a.example/x"), inline("image/gif", "R0lG")),
        (image("gs://b/x.JPG"), located("gs://b/x.JPG", "image/jpeg")),
        (image("gs://b/x"), located("gs://b/x")),
        (film("https://youtu.be/abc"), located("https://youtu.be/abc", "video/mp4")),
        (film("https://www.youtube.com/watch?v=a.png"),
         located("https://www.youtube.com/watch?v=a.png", "video/mp4")),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
         inline("audio/mp3", "AAAA")),
        ({"type": "input_audio", "input_audio": {"data": "AAAA"}}, inline("audio/wav", "AAAA")),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
         inline("application/pdf", "AAAA")),
        ({"type": "file", "file": {"file_id": "files/abc", "filename": "x.pdf"}},
         located("https://generativelanguage.googleapis.com/v1beta/files/abc", "application/pdf")),
        ({"type": "file", "file": {"file_id": "gs://b/x.csv"}},
         located("gs://b/x.csv", "text/csv")),
    ],
)  # fmt: skip
def test_content_travels_in_the_request_or_lies_where_the_api_reads_it(
    content: Json, found: Json
) -> None:
    """With its type, where that can be known."""
    assert part(content) == (found, [])


@pytest.mark.parametrize(
    ("detail", "level"),
    [
        ("low", "MEDIA_RESOLUTION_LOW"),
        ("high", "MEDIA_RESOLUTION_HIGH"),
        ("auto", ""),
        ("original", ""),
    ],
)
def test_detail_is_a_resolution_where_the_model_knows_any(detail: str, level: str) -> None:
    """Else what is lost is told."""
    picture = image("gs://b/x.png", detail=detail)
    found, dropped = part(picture)
    assert found.get("mediaResolution", {}).get("level", "") == level
    lost = [] if detail == "auto" else ["messages.image_url.detail"]
    assert dropped == ([] if level else lost)
    found, dropped = part(picture, takes_detail=False)
    assert "mediaResolution" not in found
    assert dropped == lost


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (image("https://a.example/unfetched"), "image_url.url"),
        (image("nonsense"), "image_url.url"),
        (image("data:x"), "image_url.url"),
        (film("https://a.example/film.mp4"), "video_url.url"),
        ({"type": "file", "file": {"file_data": ""}}, "file.file_data"),
    ],
)
def test_content_that_is_not_there_is_refused(content: Json, field: str) -> None:
    """With the member that says where it should be."""
    with pytest.raises(InvalidRequest) as refused:
        part(content)
    assert refused.value.metadata["field"] == field


def test_content_of_another_kind_is_refused() -> None:
    """Another candidate may know it."""
    with pytest.raises(UnsupportedCapability, match="takes no content of type hologram"):
        part({"type": "hologram"})
