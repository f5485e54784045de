"""The making of a voice as a job: by its answer, its step tells what would delete the voice."""

import pytest
from tests.support.replays import CATALOG

from conduit.v1.voice_requests_pb2 import CreateVoiceStart
from conduit_kernel.errors import UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs import codec_named
from conduit_providers.operations.create_voice import OPERATION, CreateVoiceCall
from conduit_providers.target import Target
from conduit_providers.voice_jobs import VoiceJobCodec
from conduit_providers.wire import HttpRequest, HttpResponse

WISH = b'{"model":"m","name":"Ann","audio_samples":[{"filename":"a.wav","content":"UklGRg=="}]}'
MAKERS = [each.name for each in CATALOG.specs if OPERATION.name in each.endpoints]
ANSWER = HttpResponse(200, {}, b'{"id":"v/1","voice_id":"v/1","name":"Ann"}')


def call() -> CreateVoiceCall:
    """Return a wish as a codec gets it."""
    form = OPERATION.form_of(
        CreateVoiceStart(json=WISH.replace(b'"name"', b'"consent":"c","name"'))
    )
    return Call(form, alias="m", model="m", provider="P")


@pytest.mark.parametrize("name", MAKERS)
def test_each_makers_voices_can_be_deleted_by_the_answer_that_told_of_them(name: str) -> None:
    """Under the id in it; where nobody leaves, the job comes to the voice."""
    endpoint = CATALOG.find(name).endpoints[OPERATION.name]
    target = Target("P", name, "https://a.example")
    codec = VoiceJobCodec(codec_named(endpoint.codec))
    job = codec.whole(call(), endpoint, target)
    step = next(job)
    assert step.deletion is not None
    request = step.deletion(ANSWER).request
    assert isinstance(request, HttpRequest)
    assert (request.method, request.path.rpartition("/")[2]) == ("DELETE", "v%2F1")
    with pytest.raises(StopIteration) as end:
        job.send(ANSWER)
    assert end.value.value.typed.id == "v/1"
    with pytest.raises(UpstreamError):
        step.deletion(HttpResponse(200, {}, b"{}"))
