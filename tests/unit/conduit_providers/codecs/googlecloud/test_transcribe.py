"""What of a wish for words Google Cloud is told."""

from typing import Any

import orjson
import pytest
from tests.support.operations import form_of
from tests.support.upload_pieces import Pieces

from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.googlecloud.transcribe import CODEC, MAX_BYTES
from conduit_providers.operations.transcribe import TranscribeCall
from conduit_providers.target import Target

ENDPOINT = load_catalog().find("GoogleCloud").endpoints["transcribe"]
SETTINGS = {"project": "acme", "location": "global", "language": "en-US", "recognizer": "_"}
TARGET = Target("P", "GoogleCloud", "https://stt.example", SETTINGS)
FILE = {"filename": "a.wav", "content_type": "audio/wav", "content": "UklGRg=="}


def call(model: str = "chirp_3", **members: object) -> TranscribeCall:
    """Return a call of a model, with its sound."""
    json = orjson.dumps({"model": "m", "file": FILE, **members})
    return Call(form_of("transcribe", json), alias="m", model=model, provider="P")


def config(made: TranscribeCall) -> dict[str, Any]:
    """Return the configuration that a call is sent with."""
    sent = orjson.loads(CODEC.to_upstream(made, ENDPOINT, TARGET).body)
    assert sent.keys() == {"config", "content"}
    found: dict[str, Any] = sent["config"]
    return found


@pytest.mark.parametrize(
    ("model", "members", "codes"),
    [
        ("chirp_3", {}, ["auto"]),
        ("long", {}, ["en-US"]),
        ("chirp_3", {"language": "en"}, ["en-US"]),
        ("chirp_3", {"language": "de"}, ["de"]),
        ("chirp_3", {"languages": ["en-GB", "de-DE"]}, ["en-GB", "de-DE"]),
    ],
)
def test_languages_are_those_that_are_told_or_found(
    model: str, members: dict[str, object], codes: list[str]
) -> None:
    """Not all models find them; the instance's own locale is meant by its language."""
    assert config(call(model, **members))["languageCodes"] == codes


@pytest.mark.parametrize(
    ("wanted", "features"),
    [
        ("json", set()),
        ("text", set()),
        ("srt", {"enableWordTimeOffsets"}),
        ("verbose_json", {"enableWordTimeOffsets"}),
        ("diarized_json", {"enableWordTimeOffsets", "diarizationConfig"}),
    ],
)
def test_times_and_speakers_are_wished_for_where_they_are_shown(
    wanted: str, features: set[str]
) -> None:
    """They take time, and some models have none."""
    found = config(call(response_format=wanted))["features"]
    assert found.keys() - {"enableAutomaticPunctuation"} == features


async def sent(*pieces: bytes) -> bytes:
    """Return the body of a request for an upload of these pieces."""
    made = call()
    made.request.uploads = [Pieces(*pieces, length=sum(map(len, pieces)))]  # type: ignore[attr-defined] # of forms with files
    upload = CODEC.to_upstream(made, ENDPOINT, TARGET).upload
    assert upload is not None
    reader, body = await upload.open(), b""
    while data := await reader.next():
        body += data
    assert len(body) == upload.length
    return body


async def test_sound_is_encoded_as_it_comes() -> None:
    """Wherever it is cut, the JSON is the one of a request that has it at hand."""
    whole = CODEC.to_upstream(call(), ENDPOINT, TARGET).body
    assert await sent(b"RIFF") == await sent(b"R", b"IF", b"F") == whole


def test_more_than_a_request_may_have_is_refused() -> None:
    """Before any of it is sent, so that another candidate may hear it."""
    made = call()
    made.request.uploads = [Pieces(length=MAX_BYTES + 1)]  # type: ignore[attr-defined] # of forms with files
    with pytest.raises(InvalidRequest, match="at most 10485760 at once") as raised:
        CODEC.to_upstream(made, ENDPOINT, TARGET)
    assert raised.value.metadata["field"] == "file"
