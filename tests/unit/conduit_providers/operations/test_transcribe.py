"""What a transcription requires, and what is counted for it where nobody counts."""

import orjson
import pytest

from conduit.v1.audio_requests_pb2 import TranscribeResponse, TranscribeStart
from conduit.v1.form_pb2 import Form, FormFile, FormMember
from conduit.v1.transcription_pb2 import TranscriptionRequest
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import JoinedUpload
from conduit_providers.operation import WorstCase
from conduit_providers.operations.transcribe import (
    BYTES_PER_SECOND,
    OPERATION,
    transcription_answer,
)
from conduit_providers.operations.translate import OPERATION as TRANSLATE
from conduit_providers.transcripts import AUDIO_MILLISECOND
from conduit_providers.uploaded_form import UploadedForm


def start(*members: tuple[str, str]) -> TranscribeStart:
    """Return a form as it came."""
    found = [FormMember(name=name, value=value.encode()) for name, value in members]
    return TranscribeStart(multipart=Form(members=found))


def capabilities(**members: object) -> frozenset[str]:
    """Return what a request requires."""
    body = orjson.dumps({"model": "m", **members})
    return OPERATION.requirements(body, stream=False).capabilities


def test_formats_are_required_of_who_has_them() -> None:
    """JSON is everybody's."""
    assert not capabilities()
    assert not capabilities(response_format="json")
    assert capabilities(response_format="srt") == {"srt"}
    asked = {"response_format": "verbose_json", "timestamp_granularities": ["segment", "word"]}
    assert capabilities(**asked) == {"verbose_json", "word_timestamps"}


def test_events_are_required_of_nobody() -> None:
    """Who sends none answers whole, and the events are made of that."""
    found = OPERATION.requirements(b'{"model":"m","stream":true}', stream=True)
    assert found.stream
    assert not found.capabilities


def test_each_operation_has_its_own_name() -> None:
    """Charges and endpoints go by it."""
    for operation, name in ((OPERATION, "transcribe"), (TRANSLATE, "translate")):
        assert operation.requirements(b'{"model":"m"}', stream=False).operation == name


def test_a_form_is_kept_as_it_came() -> None:
    """Beside what it says in the contract's words."""
    given = start(("model", "m"), ("x_new", "1"), ("languages[]", "en"))
    form = OPERATION.form_of_upload(given, ())
    assert isinstance(form, UploadedForm)
    assert form.members == given.multipart
    assert orjson.loads(form.json) == {"model": "m", "languages": ["en"], "x_new": "1"}
    assert form.json_at_hand is not None


def test_a_boundary_is_nobodys_to_know() -> None:
    """Or a member could pretend to be another one."""
    boundaries = {OPERATION.form_of_upload(start(("model", "m")), ()).boundary for _ in range(3)}  # type: ignore[attr-defined] # it is one
    assert len(boundaries) == 3
    assert all(len(boundary) == 32 for boundary in boundaries)


def test_a_typed_request_is_a_form_too() -> None:
    """Its answer is typed, and whether it streams is not said twice."""
    given = TranscribeStart(transcription=TranscriptionRequest(model="m", stream=True))
    form = OPERATION.form_of_upload(given, ())
    assert form.json_at_hand is None
    assert isinstance(form, UploadedForm)
    assert form.members == start(("model", "m")).multipart


def test_a_form_that_makes_no_sense_is_refused() -> None:
    """With the member at fault; so is one without a model."""
    with pytest.raises(InvalidRequest) as refused:
        OPERATION.form_of_upload(start(("temperature", "hot")), ())
    assert refused.value.metadata["field"] == "temperature"
    with pytest.raises(InvalidRequest, match="model is required"):
        OPERATION.requirements(b"{}", stream=False)


def seconds(text: str, content_type: str = "text/plain") -> float:
    """Return the length that is estimated of an answer."""
    form = OPERATION.form_of(start(("model", "m")))
    answer = transcription_answer(text.encode(), content_type, None)
    return OPERATION.estimate(form, answer, 0, None, None).count(AUDIO_MILLISECOND) / 1000


def test_what_nobody_counts_is_measured() -> None:
    """By what the answer says of its length, by its last cue, by its words."""
    assert seconds('{"text":"a b","duration":7.5}', "application/json") == 7.5
    assert seconds('{"text":"a b c d"}', "application/json; charset=utf-8") == 2
    assert seconds("1\n00:00:00,000 --> 01:02:03,450\na\n") == 3723.45
    assert seconds("WEBVTT\n\n00:00.000 --> 02:03.450\na\n") == 123.45
    assert seconds("one two three") == 1.5
    assert seconds("") == 0


def test_a_call_that_failed_is_measured_by_its_bytes() -> None:
    """Of files that follow as of those within."""
    given = start(("model", "m"))
    file = FormFile(content=b"x" * BYTES_PER_SECOND)
    given.multipart.members.add(name="file").file.CopyFrom(file)
    form = OPERATION.form_of_upload(given, [JoinedUpload([b"y" * BYTES_PER_SECOND])])
    failed = OPERATION.estimate(form, None, 0, None, None)
    requirements = OPERATION.requirements(form.json, stream=False)
    assert failed.count(AUDIO_MILLISECOND) == 2000
    # A hard budget has to cover a third of the rate, and no less than is billed at least.
    assert OPERATION.worst_case(form, requirements).usage.count(AUDIO_MILLISECOND) == 15_000


def test_the_worst_case_grows_with_the_sound_by_its_length_and_by_the_token() -> None:
    """Which of the two is billed, prices say; what is said beside the sound is read, too."""

    def worst(size: int, prompt: str = "") -> WorstCase:
        form = OPERATION.form_of_upload(start(("model", "m")), [JoinedUpload([bytes(size)])])
        form.typed.prompt = prompt
        return OPERATION.worst_case(form, OPERATION.requirements(form.json, stream=False))

    short, long = worst(75_000), worst(750_000)
    assert (short.usage.count(AUDIO_MILLISECOND), long.usage.count(AUDIO_MILLISECOND)) == (
        101_000,
        1_001_000,
    )
    assert short.by_token is not None
    assert long.by_token is not None
    # As many tokens as Gemini makes of it, with words.
    assert (short.by_token.input_tokens, long.by_token.input_tokens) == (101 * 32, 1_001 * 32)
    assert long.by_token.output_tokens > short.by_token.output_tokens > 0
    said = worst(75_000, "one two").by_token
    assert said is not None
    assert said.input_tokens == 101 * 32 + 7


def test_a_document_is_the_text_of_typed_callers() -> None:
    """Others get it as it is."""
    answer = transcription_answer(b"WEBVTT\n", "text/vtt", None)
    plain, typed = TranscribeResponse(), TranscribeResponse()
    OPERATION.write(plain, answer, is_typed=False)
    OPERATION.write(typed, answer, is_typed=True)
    assert (plain.content.content_type, plain.content.body) == ("text/vtt", b"WEBVTT\n")
    assert typed.transcription.text == "WEBVTT\n"


@pytest.mark.parametrize("duration", [1e306, -1.0])
def test_a_length_that_cannot_be_is_marked(duration: float) -> None:
    """In milliseconds it may be more than any whole number holds; it crashes nothing."""
    answer = transcription_answer(
        orjson.dumps({"text": "x", "duration": duration}), "application/json", None
    )
    usage = OPERATION.estimate(OPERATION.plain_form(b"{}"), answer, 0, None, None)
    assert not usage.is_consistent
