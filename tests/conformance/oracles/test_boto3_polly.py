"""AWS's newest SDK as oracle of speech: requests, signatures, answers and lists of voices."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from botocore.exceptions import ClientError
from tests.conformance.oracles.test_boto3_bedrock import KEY, SECRET, Received, Recorder, sdk
from tests.conformance.oracles.test_boto3_bedrock import recorder as recorder  # noqa: PLC0414 # a fixture
from tests.support.operations import form_of
from tests.support.signatures import is_signed
from tests.support.wire_cases import case_named

from conduit.v1.provider_pb2 import Provider
from conduit_providers.auth import signer_for
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.wire import HttpRequest

Json = dict[str, Any]
CATALOG = load_catalog()
SPEC = CATALOG.find("AWS")

# By name: the wish as OpenAI has it, and what the SDK is told.
WISHES: dict[str, tuple[Json, Json]] = {
    "plain": (
        {"model": "polly-neural", "voice": "Joanna"},
        {"Engine": "neural", "VoiceId": "Joanna", "OutputFormat": "mp3"},
    ),
    "opus": (
        {"model": "polly-generative", "voice": {"id": "Ruth"}, "response_format": "opus"},
        {"Engine": "generative", "VoiceId": "Ruth", "OutputFormat": "ogg_opus"},
    ),
    "vorbis": (
        {"model": "polly-long-form", "voice": "Danielle", "response_format": "ogg"},
        {"Engine": "long-form", "VoiceId": "Danielle", "OutputFormat": "ogg_vorbis"},
    ),
    "telephone": (
        {"model": "polly-standard", "voice": "Joanna", "response_format": "mulaw"},
        {"Engine": "standard", "VoiceId": "Joanna", "OutputFormat": "mulaw"},
    ),
    "own_members": (
        {
            "model": "polly-standard",
            "voice": "Aditi",
            "response_format": "wav",
            "LanguageCode": "en-IN",
            "LexiconNames": ["acronyms"],
            "SampleRate": "8000",
            "TextType": "ssml",
        },
        {
            "Engine": "standard",
            "VoiceId": "Aditi",
            "OutputFormat": "pcm",
            "LanguageCode": "en-IN",
            "LexiconNames": ["acronyms"],
            "SampleRate": "8000",
            "TextType": "ssml",
        },
    ),
}


@pytest.fixture
def polly(recorder: Recorder) -> Iterator[Any]:
    """Return the SDK, pointed at the recorder."""
    yield from sdk("polly", recorder)


def we_send(operation: str, request: Json, address: str) -> Received:
    """Return what we send, signed, for a call whose model is the provider's."""
    provider = Provider(name="Prod", provider_type=SPEC.name, base_url=address)
    provider.settings.update({"region": "us-east-1"})
    endpoint, target = SPEC.endpoints[operation], CATALOG.target(provider)
    codec, sent = codec_named(endpoint.codec), None
    if operation == "models":
        sent = codec.to_upstream(endpoint, target)
    else:
        model = request["model"]
        call = Call(form_of(operation, orjson.dumps(request)), alias=model, model=model)
        sent = codec.to_upstream(call, endpoint, target)
    assert isinstance(sent, HttpRequest)
    signed = signer_for(SPEC.auth, orjson.dumps(KEY).decode(), target).sign(sent)
    headers = dict(signed.headers)
    assert is_signed(signed.method, address + signed.path, headers, signed.body, SECRET)
    assert "/us-east-1/polly/aws4_request" in headers["authorization"]
    return Received(signed.method, signed.path, headers, signed.body)


@pytest.mark.parametrize("name", WISHES)
def test_speech_is_asked_for_as_the_sdk_asks(recorder: Recorder, polly: Any, name: str) -> None:  # noqa: ANN401 # untyped
    """The SDK and the codec send the same request for the same wish, each rightly signed."""
    ours, theirs = WISHES[name]
    recorder.play(case_named("AWS/speak/plain"))
    polly.synthesize_speech(Text="Hello.", **theirs)
    (received,) = recorder.received
    assert "/us-east-1/polly/aws4_request" in received.headers["authorization"]
    assert we_send("speak", {"input": "Hello.", **ours}, recorder.address).meaning == (
        received.meaning
    )


def test_the_sdk_hears_and_counts_what_the_case_has(recorder: Recorder, polly: Any) -> None:  # noqa: ANN401 # as above
    """The characters are those of the head, by the SDK's name for them."""
    case = case_named("AWS/speak/plain")
    recorder.play(case)
    answer = polly.synthesize_speech(Text="x", VoiceId="Joanna", OutputFormat="mp3")
    assert answer["RequestCharacters"] == case.result["usage"]["characters"]
    assert answer["ContentType"] == case.result["contentType"]
    assert answer["AudioStream"].read().decode() == case.result["audio"]


@pytest.mark.parametrize(
    "name", ["error_400", "error_429", "error_lexicon", "error_voice", "error_500"]
)
def test_the_sdk_finds_the_same_in_an_error(recorder: Recorder, polly: Any, name: str) -> None:  # noqa: ANN401 # as above
    """Code and words are those that our error has."""
    case = case_named(f"AWS/speak/{name}")
    recorder.play(case)
    with pytest.raises(ClientError) as raised:
        polly.synthesize_speech(Text="x", VoiceId="Joanna", OutputFormat="mp3")
    told, ours = raised.value.response, case.result["error"]
    assert told.get("Error", {}).get("Code") == ours["metadata"]["upstream_code"]
    assert told.get("Error", {}).get("Message") == ours["words"]


def test_voices_are_listed_as_the_sdk_lists_them(recorder: Recorder, polly: Any) -> None:  # noqa: ANN401 # as above
    """A model is an engine that the SDK finds at a voice; the next page is asked for alike."""
    case = case_named("AWS/models/next_page")
    recorder.play(case)
    page = polly.describe_voices()
    engines = {
        f"polly-{engine}" for voice in page["Voices"] for engine in voice["SupportedEngines"]
    }
    assert engines == set(case.result["models"])
    polly.describe_voices(NextToken=page["NextToken"])
    first, following = recorder.received
    assert we_send("models", {}, recorder.address).meaning == first.meaning
    assert following.path == case.result["nextPath"]
