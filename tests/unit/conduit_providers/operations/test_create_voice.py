"""What a wish for a voice requires, in each of its forms, and how one that is none is refused."""

import orjson
import pytest

from conduit.v1.charge_pb2 import UNIT_VOICE
from conduit.v1.form_pb2 import FormFile, FormMember
from conduit.v1.voice_pb2 import Voice, VoiceSpec
from conduit.v1.voice_requests_pb2 import CreateVoiceResponse, CreateVoiceStart
from conduit_kernel.errors import InvalidRequest
from conduit_providers.operation import Requirements
from conduit_providers.operations.create_voice import OPERATION, voice_answer

SAMPLE = {"filename": "a.wav", "content_type": "audio/wav", "content": "UklGRg=="}
BASE: dict[str, object] = {"model": "m", "name": "Ann", "audio_samples": [SAMPLE]}


def requirements(**members: object) -> Requirements:
    """Read a wish in JSON."""
    return OPERATION.requirements(orjson.dumps(BASE | members), stream=False)


def multipart(**members: str) -> CreateVoiceStart:
    """Return a wish as a form with a sample."""
    start = CreateVoiceStart()
    file = FormFile(filename="a.wav", size=3)
    start.multipart.members.append(FormMember(name="audio_sample", file=file))
    for name, value in {"model": "m", "name": "Ann", **members}.items():
        start.multipart.members.append(FormMember(name=name, value=value.encode()))
    return start


def test_what_not_all_can_do_is_required() -> None:
    """Every provider that makes voices makes them of samples; few of descriptions."""
    assert requirements() == Requirements("m", "create_voice")
    assert requirements(fallbacks=["n"]).fallbacks == ("n",)
    described = requirements(type="prompt", prompt="a calm voice", audio_samples=None)
    assert described.capabilities == {"prompt"}


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"model": ""}, "model"),
        ({"name": ""}, "name"),
        ({"type": "dream"}, "type"),
        ({"audio_samples": []}, "audio_sample"),
        ({"type": "prompt"}, "prompt"),
        ({"type": "prompt", "prompt": "  "}, "prompt"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(members: dict[str, object], field: str) -> None:
    """With the member that is wrong, by the name that a form has for it."""
    with pytest.raises(InvalidRequest) as refused:
        requirements(**members)
    assert refused.value.metadata["field"] == field


def test_all_forms_say_the_same() -> None:
    """Typed, as a form, and as JSON with the sample in it."""
    spec = VoiceSpec(model="m", name="Ann", audio_samples=[FormFile(filename="a.wav", size=3)])
    json = CreateVoiceStart(json=orjson.dumps(BASE))
    for start in (CreateVoiceStart(voice=spec), multipart(), json):
        form = OPERATION.form_of(start)
        assert (form.typed.model, form.typed.name) == ("m", "Ann")
        assert [each.filename for each in form.typed.audio_samples] == ["a.wav"]
        assert OPERATION.requirements(form.json, stream=False).model == "m"
    assert OPERATION.form_of(CreateVoiceStart(voice=spec)).json_at_hand is None


def test_a_voice_is_what_is_counted() -> None:
    """For sure, where it was made and where it could be."""
    answer = voice_answer(Voice(id="voice_1", name="Ann"))
    form = OPERATION.plain_form(orjson.dumps(BASE))
    assert answer.usage == OPERATION.estimate(form, None, 0, None, None)
    assert OPERATION.worst_case(form, requirements()).usage.leaves == ((UNIT_VOICE, 1),)
    response = CreateVoiceResponse()
    OPERATION.write(response, answer, is_typed=False)
    assert response.voice.id == "voice_1"
