"""Forms are read as typed, and written again as forms."""

import pytest

from conduit.v1.form_pb2 import Form, FormFile, FormMember
from conduit.v1.image_edit_form import image_edit_request_from_form, image_edit_request_to_form
from conduit.v1.image_edit_pb2 import ImageEditRequest, ImageInput
from conduit.v1.json_runtime import JsonError
from conduit.v1.transcription_form import (
    transcription_request_from_form,
    transcription_request_to_form,
)
from conduit.v1.transcription_pb2 import TranscriptionRequest
from conduit.v1.voice_form import voice_spec_from_form, voice_spec_to_form


def member(name: str, value: str) -> FormMember:
    """Return a member that is no file."""
    return FormMember(name=name, value=value.encode())


def file(name: str, filename: str, kind: str = "audio/mpeg", content: bytes = b"") -> FormMember:
    """Return a member that is a file."""
    held = FormFile(filename=filename, content=content)
    return FormMember(name=name, content_type=kind, file=held)


def form(*members: FormMember) -> Form:
    """Return a form."""
    return Form(members=members)


WORDS = form(
    member("model", "whisper-1"),
    file("file", "talk.mp3"),
    member("keywords[]", "Conduit"),
    member("temperature", "0.2"),
    member("timestamp_granularities[]", "word"),
    member("timestamp_granularities[]", "segment"),
    member("chunking_strategy", '{"type":"server_vad","threshold":0.5}'),
    member("stream", "true"),
    member("x_one", "1"),
    member("x_many[]", "a"),
)


def test_a_form_is_typed() -> None:
    """Numbers, lists by their brackets or without, JSON in members, files."""
    words = transcription_request_from_form(WORDS)
    assert words == TranscriptionRequest(
        model="whisper-1",
        file=FormFile(filename="talk.mp3", content_type="audio/mpeg"),
        keywords=["Conduit"],
        temperature=0.2,
        timestamp_granularities=["word", "segment"],
        chunking_strategy_json=b'{"type":"server_vad","threshold":0.5}',
        stream=True,
        unknown_json=b'{"x_one":"1","x_many":["a"]}',
    )
    assert transcription_request_from_form(
        form(member("include", "logprobs"), member("chunking_strategy", "auto"))
    ) == TranscriptionRequest(include=["logprobs"], chunking_strategy_json=b'"auto"')


def test_a_form_is_written_as_it_was_read() -> None:
    """In the contract's order of members, lists by brackets."""
    again = transcription_request_to_form(transcription_request_from_form(WORDS))
    assert sorted(m.SerializeToString() for m in again.members) == sorted(
        m.SerializeToString() for m in WORDS.members
    )


def test_files_of_edits_are_pictures() -> None:
    """Several of one name; the mask beside them."""
    edit = form(
        member("prompt", "a hat"),
        file("image[]", "a.png", "image/png", b"1"),
        file("image[]", "b.png", "image/png", b"2"),
        file("mask", "m.png", "image/png", b"3"),
        member("n", "2"),
    )
    typed = image_edit_request_from_form(edit)
    assert [image.file.content for image in typed.images] == [b"1", b"2"]
    assert (typed.mask.file.filename, typed.n) == ("m.png", 2)
    assert image_edit_request_from_form(image_edit_request_to_form(typed)) == typed


def test_a_picture_by_its_address_has_no_place_in_a_form() -> None:
    """Rather than as an empty file."""
    typed = ImageEditRequest(images=[ImageInput(image_url="https://x/y.png")])
    with pytest.raises(JsonError) as caught:
        image_edit_request_to_form(typed)
    assert caught.value.path == "image"


def test_a_voice_has_samples_and_a_consent() -> None:
    """The consent by its id, or recorded."""
    spec = form(
        member("name", "Ann"),
        member("consent", "cons_1"),
        file("audio_sample", "a.wav", "audio/wav", b"1"),
        file("consent_recording", "c.wav", "audio/wav", b"2"),
    )
    typed = voice_spec_from_form(spec)
    assert (typed.name, typed.consent) == ("Ann", "cons_1")
    assert typed.audio_samples[0].content == b"1"
    assert typed.consent_recording.filename == "c.wav"
    assert voice_spec_from_form(voice_spec_to_form(typed)) == typed


@pytest.mark.parametrize(
    ("bad", "path", "message"),
    [
        (member("temperature", "hot"), "temperature", "must be a number"),
        (member("temperature", "1e999"), "temperature", "must be a number"),
        (member("temperature", "nan"), "temperature", "must be a number"),
        (file("temperature", "a"), "temperature", "must not be a file"),
        (FormMember(name="model", value=b"\xff"), "model", "must be UTF-8"),
        (member("stream", "maybe"), "stream", "must be true or false"),
    ],
)
def test_a_wrong_member_is_named(bad: FormMember, path: str, message: str) -> None:
    """The caller learns which one is at fault."""
    with pytest.raises(JsonError) as caught:
        transcription_request_from_form(form(bad))
    assert caught.value.path == path
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "number"), [("0.2", 0.2), ("2E-1", 0.2), ("6.5e+16", 6.5e16), ("-1e3", -1000.0)]
)
def test_numbers_are_read_as_json_writes_them(text: str, number: float) -> None:
    """With an exponent, too, as clients write large and small ones."""
    words = transcription_request_from_form(form(member("temperature", text)))
    assert words.temperature == number


def test_unknown_members_cannot_speak_for_known_ones() -> None:
    """A gRPC caller cannot slip another model in; what is not text is JSON."""
    words = TranscriptionRequest(unknown_json=b'{"model":"dear","x":1,"y":["a",2]}')
    assert transcription_request_to_form(words) == form(
        member("x", "1"), member("y[]", "a"), member("y[]", "2")
    )
    for broken in (b"{", b"[]"):
        with pytest.raises(JsonError):
            transcription_request_to_form(TranscriptionRequest(unknown_json=broken))
