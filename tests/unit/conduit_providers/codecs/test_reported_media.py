"""Pictures, sounds and files that gateways gave providers wrongly, as their users reported.

Each is named for its report; what is sent is held to the provider's documented rule.
"""

import base64
from typing import Any

import pytest
from tests.support.field_reports import Report, chat, sent

from conduit_kernel.errors import InvalidRequest

Json = dict[str, Any]
CLAUDE = "claude-sonnet-4-5"
NOVA = "amazon.nova-lite-v1:0"
GEMINI = "gemini-2.5-flash"
HEIC = b"\x00\x00\x00\x20ftypheic\x00\x00\x00\x00mif1MiHEheic"
AVIF = b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1"
TIFF = b"II*\x00\x08\x00\x00\x00"
OFFICE = "application/vnd.openxmlformats-officedocument"


def url(kind: str, content: bytes) -> str:
    """Return a data URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def asked(*parts: Json, to: str, model: str) -> Json:
    """Return the content of the first turn that a provider is sent."""
    words = {"type": "text", "text": "what is it"}
    request = chat({"role": "user", "content": [words, *parts]})
    body = sent(Report(to, model, request, bool))
    found: Json = (body.get("messages") or body["contents"])[0]
    return found


def picture(kind: str, content: bytes) -> Json:
    """Return a picture as a part."""
    return {"type": "image_url", "image_url": {"url": url(kind, content)}}


def file(kind: str, content: bytes, name: str) -> Json:
    """Return a file as a part."""
    return {"type": "file", "file": {"filename": name, "file_data": url(kind, content)}}


@pytest.mark.parametrize(("to", "model"), [("Anthropic", CLAUDE), ("Bedrock", NOVA)])
@pytest.mark.parametrize(
    ("label", "content"),
    [
        ("image/avif", AVIF),
        ("image/heic", HEIC),
        ("image/tiff", TIFF),
        ("image/png", HEIC),
        ("image/jpeg", AVIF),
        ("application/octet-stream", TIFF),
        ("application/octet-stream", b"no picture"),
    ],
)
def test_pictures_of_kinds_that_are_not_taken_are_refused_before(
    to: str, model: str, label: str, content: bytes
) -> None:
    """So that another candidate is asked, or the caller told which member it is.

    anomalyco/opencode#17772, openclaw/openclaw#102323 (passed on), getpaseo/paseo#700 (HEIC that is
    called PNG), juspay/neurolink#1183 (any bytes as a picture).
    """
    with pytest.raises(InvalidRequest) as caught:
        asked(picture(label, content), to=to, model=model)
    assert caught.value.metadata["field"] == "image_url.url"


@pytest.mark.parametrize(("content", "kind"), [(HEIC, "image/heic"), (AVIF, "image/avif")])
def test_pictures_are_called_what_they_are(content: bytes, kind: str) -> None:
    """Where more kinds are taken: getpaseo/paseo#700."""
    parts = asked(picture("image/png", content), to="Gemini", model=GEMINI)["parts"]
    assert parts[1]["inlineData"]["mimeType"] == kind


@pytest.mark.parametrize(
    ("label", "name", "form"),
    [
        (f"{OFFICE}.spreadsheetml.sheet", "a.xlsx", "xlsx"),
        ("application/octet-stream", "a.xlsx", "xlsx"),
        (f"{OFFICE}.wordprocessingml.document", "", "docx"),
        ("application/pdf", "a.pdf", "pdf"),
        ("text/csv", "a.csv", "csv"),
    ],
)
def test_documents_of_bedrock_are_documents_of_their_form(label: str, name: str, form: str) -> None:
    """maximhq/bifrost#5472, BerriAI/litellm#18068 (pictures), vercel/ai#5606 (a wrong form)."""
    content = asked(file(label, b"PK\x03\x04", name), to="Bedrock", model=NOVA)["content"]
    assert content[1]["document"]["format"] == form
    assert [list(block) for block in content] == [["text"], ["document"]]


def test_a_mark_behind_a_document_is_a_block_of_its_own() -> None:
    """BerriAI/litellm#18068: Converse takes one kind in a block."""
    marked = file("application/pdf", b"%PDF-1.4", "a.pdf") | {
        "cache_control": {"type": "ephemeral"}
    }
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    content = asked(marked, to="Bedrock", model=model)["content"]
    assert [list(block) for block in content] == [["text"], ["document"], ["cachePoint"]]


def test_tables_are_texts_at_anthropic() -> None:
    """langchain-ai/langchain#37575: base64 is for PDFs alone there."""
    content = asked(file("text/csv", b"a,b\n1,2\n", "a.csv"), to="Anthropic", model=CLAUDE)[
        "content"
    ]
    source = {"type": "text", "media_type": "text/plain", "data": "a,b\n1,2\n"}
    assert content[1] == {"type": "document", "source": source, "title": "a.csv"}


def test_office_documents_are_refused_at_anthropic() -> None:
    """langchain-ai/langchainjs#11156: it is told here, and not by a hard 400 of the API's."""
    part = file(f"{OFFICE}.wordprocessingml.document", b"PK", "a.docx")
    with pytest.raises(InvalidRequest, match="file_data is application/vnd"):
        asked(part, to="Anthropic", model=CLAUDE)


@pytest.mark.parametrize("form", ["mp3", "wav", "flac", "ogg", "aac", "aiff"])
def test_sounds_reach_gemini(form: str) -> None:
    """router-for-me/CLIProxyAPI#1684 (left out), pydantic/pydantic-ai#2143 (two kinds of six).

    https://ai.google.dev/gemini-api/docs/audio#supported-formats
    """
    part = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": form}}
    parts = asked(part, to="Gemini", model=GEMINI)["parts"]
    assert parts[1] == {"inlineData": {"mimeType": f"audio/{form}", "data": "UklGRg=="}}
