"""What Anthropic takes of pictures and documents; others are left to another candidate."""

import base64

import pytest

from conduit.v1.chat_message_pb2 import InputFile
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.codecs.anthropic.media import document_source, image_source
from conduit_providers.operations.chat import ChatCall, chat_request

SEEN = "https://a.example/seen"
CALL: ChatCall = Call(
    chat_request(json=b"{}"),
    alias="a",
    model="m",
    provider="P",
    fetched={SEEN: ("image/svg+xml", b"<svg/>")},
)


def data(kind: str, content: bytes = b"?") -> str:
    """Return a data URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png", "image/gif", "image/webp"])
def test_four_kinds_of_pictures_are_taken(kind: str) -> None:
    """As pictures, and as files."""
    for source in (image_source(data(kind), CALL), document_source(file(data(kind)), CALL)):
        assert (source["type"], source["media_type"]) == ("base64", kind)


@pytest.mark.parametrize("url", [data("image/heic"), data("application/octet-stream"), SEEN])
def test_other_pictures_are_refused_here(url: str) -> None:
    """With the list of what there is, and before the provider is asked."""
    with pytest.raises(
        InvalidRequest, match="P takes image/jpeg, image/png, image/gif, image/webp"
    ):
        image_source(url, CALL)


def file(url: str) -> InputFile:
    """Return a file."""
    return InputFile(file_data=url, filename="a.docx")


def test_documents_are_pdfs_and_texts() -> None:
    """What an office writes is neither."""
    assert document_source(file(data("application/pdf")), CALL)["type"] == "base64"
    assert document_source(file(data("text/csv", b"a,b")), CALL)["data"] == "a,b"
    with pytest.raises(InvalidRequest, match="P takes application/pdf"):
        document_source(file(data("application/msword")), CALL)


def test_what_lies_elsewhere_is_named() -> None:
    """Anthropic fetches it, and knows what was uploaded there."""
    away = "https://a.example/x"
    assert image_source(away, CALL) == {"type": "url", "url": away}
    assert document_source(file(away), CALL) == {"type": "url", "url": away}
    there = document_source(InputFile(file_id="file_1"), CALL)
    assert there == {"type": "file", "file_id": "file_1"}
