"""What asks to store a consent, in each of its forms."""

import orjson
import pytest

from conduit.v1.form_pb2 import Form, FormFile, FormMember
from conduit.v1.voice_consent_pb2 import VoiceConsentSpec
from conduit.v1.voice_consent_requests_pb2 import CreateVoiceConsentStart
from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.consent_form import consent_form

FILE = FormFile(filename="a.wav", content_type="audio/wav", content=b"RIFF")
WISH = {"name": "Ann", "language": "en-US", "model": "m"}


def in_form(*files: str, **members: str) -> CreateVoiceConsentStart:
    """Return a wish as a form."""
    texts = [FormMember(name=name, value=each.encode()) for name, each in members.items()]
    parts = [FormMember(name=name, file=FILE) for name in files]
    return CreateVoiceConsentStart(multipart=Form(members=[*texts, *parts]))


def in_json(recording: str = "UklGRg==") -> CreateVoiceConsentStart:
    """Return a wish as JSON."""
    file = {"filename": "a.wav", "content_type": "audio/wav", "content": recording}
    return CreateVoiceConsentStart(json=orjson.dumps({**WISH, "recording": file}))


@pytest.mark.parametrize(
    "start",
    [
        in_form("recording", **WISH),
        in_json(),
        CreateVoiceConsentStart(consent=VoiceConsentSpec(recording=FILE, **WISH)),  # type: ignore[arg-type] # by name
    ],
    ids=["a form", "JSON", "typed"],
)
def test_all_forms_say_the_same(start: CreateVoiceConsentStart) -> None:
    """The members that are sent on among it, and no two have one boundary."""
    form = consent_form(start, ())
    assert (form.typed.name, form.typed.language, form.typed.model) == ("Ann", "en-US", "m")
    assert form.typed.recording.content == b"RIFF"
    sent = [(member.name, member.file.content or member.value) for member in form.members.members]
    assert {*sent} == {
        ("name", b"Ann"),
        ("language", b"en-US"),
        ("model", b"m"),
        ("recording", b"RIFF"),
    }
    assert consent_form(start, ()).boundary != form.boundary


@pytest.mark.parametrize(
    ("start", "field"),
    [
        (in_form("recording", name="Ann"), "language"),
        (in_form("recording", name=" ", language="en"), "name"),
        (in_form(**WISH), "recording"),
        (in_form("recording", "other", **WISH), "other"),
        (CreateVoiceConsentStart(json=b'{"name":1}'), "name"),
    ],
    ids=["no language", "a blank name", "no recording", "another file", "no text"],
)
def test_wishes_that_make_no_sense_are_refused(start: CreateVoiceConsentStart, field: str) -> None:
    """With the member that is wrong."""
    with pytest.raises(InvalidRequest) as refused:
        consent_form(start, ())
    assert refused.value.metadata["field"] == field


def test_what_is_no_json_is_refused() -> None:
    """And nothing at all."""
    for start in (CreateVoiceConsentStart(json=b"{"), CreateVoiceConsentStart()):
        with pytest.raises(MalformedJson):
            consent_form(start, ())
