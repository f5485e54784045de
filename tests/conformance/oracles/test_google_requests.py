"""Google's newest SDK, and Anthropic's for Vertex AI, as oracles of requests.

An SDK talks to a local server that keeps what it receives; the codec's request for the same call
must be the same in method, path, meaningful headers and body.
"""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import anthropic
import orjson
import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from tests.support.google_chats import CHATS
from tests.support.google_recorder import MEANINGFUL, Recorder, Sent, canonical, recording
from tests.support.operations import form_of

from conduit.v1.provider_pb2 import Provider
from conduit_providers.auth import HeaderSigner, signer_for
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.target import Target

CATALOG = load_catalog()
KEY = "AIza-oracle"
TOKEN = "ya29-oracle"
SETTINGS = {"project": "acme-prod", "location": "us-central1"}
PLATFORMS = ["Gemini", "VertexAI"]
Json = dict[str, Any]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Run a recorder."""
    with recording() as running:
        yield running


def client(platform: str, address: str) -> genai.Client:
    """Return the SDK, pointed at an address."""
    if platform == "Gemini":
        return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=address))
    options = types.HttpOptions(base_url=address, api_version="v1")
    by_token: Json = {"vertexai": True, "credentials": Credentials(TOKEN), **SETTINGS}
    return genai.Client(http_options=options, **by_token)


def target_of(platform: str) -> Target:
    """Return an instance of a type."""
    provider = Provider(name="P", provider_type=platform)
    if platform == "VertexAI":
        provider.settings.update(SETTINGS)
    return CATALOG.target(provider)


def we_send(platform: str, operation: str, request: Json) -> Sent:
    """Return what the codec of a type sends for a request, signed."""
    spec, target = CATALOG.find(platform), target_of(platform)
    endpoint = spec.endpoints[operation]
    model, raw = request.get("model", ""), orjson.dumps({**request, "model": "my-alias"})
    if operation == "models":
        sent = codec_named(endpoint.codec).to_upstream(endpoint, target)
    else:
        form = form_of(operation, raw)
        call = Call(form, alias="my-alias", model=model, stream=bool(request.get("stream")))
        sent = codec_named(endpoint.codec).to_upstream(call, endpoint, target)
    bearer = HeaderSigner((("authorization", f"Bearer {TOKEN}"),))
    signer = signer_for(spec.auth, KEY, target) if platform == "Gemini" else bearer
    signed = signer.sign(sent)
    headers = {name: value for name, value in signed.headers if name in MEANINGFUL}
    body = canonical(orjson.loads(signed.body)) if signed.body else None
    return Sent(signed.method, signed.path, headers, body)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", CHATS)
def test_chat_is_what_the_sdk_sends(recorder: Recorder, platform: str, name: str) -> None:
    """The SDK and the codec send the same request for the same chat."""
    same = CHATS[name]
    config = dict(same.config)
    if platform == "VertexAI" and "cached_content" in config:
        # The SDK completes the name with the project.
        whole = "projects/acme-prod/locations/us-central1/cachedContents/x"
        same = same._replace(openai=same.openai | {"cached_content": whole})
    with client(platform, recorder.address) as sdk:
        settings = types.GenerateContentConfig(**config) if config else None
        if same.openai.get("stream"):
            list(
                sdk.models.generate_content_stream(
                    model=same.model, contents=list(same.contents), config=settings
                )
            )
        else:
            sdk.models.generate_content(
                model=same.model, contents=list(same.contents), config=settings
            )
    assert recorder.received == [we_send(platform, "chat", same.openai | {"model": same.model})]


IMAGES: list[tuple[Json, Json]] = [
    ({}, {}),
    ({"size": "1024x1024", "seed": 7}, {"image_config": {"aspect_ratio": "1:1"}, "seed": 7}),
    (
        {"size": "3840x2160"},
        {"image_config": {"aspect_ratio": "16:9", "image_size": "4K"}},
    ),
]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(("ours", "theirs"), IMAGES)
def test_images_are_what_the_sdk_asks_for(
    recorder: Recorder, platform: str, ours: Json, theirs: Json
) -> None:
    """A wish for an image is the SDK's content whose modality is an image, at its own version."""
    model = "gemini-3-pro-image"
    config = types.GenerateContentConfig(response_modalities=["IMAGE"], **theirs)
    with client(platform, recorder.address) as sdk:
        sdk.models.generate_content(model=model, contents="a red bicycle", config=config)
    wish = {"model": model, "prompt": "a red bicycle", **ours}
    assert recorder.received == [we_send(platform, "image", wish)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_changes_of_images_are_what_the_sdk_asks_for(recorder: Recorder, platform: str) -> None:
    """The images are parts beside the prompt, in their order."""
    model = "gemini-3-pro-image"
    shown = [("image/png", b"\x89PNG"), ("image/webp", b"WEBP")]
    config = types.GenerateContentConfig(
        response_modalities=["IMAGE"],
        image_config=types.ImageConfig(aspect_ratio="3:2"),
    )
    parts = [types.Part.from_bytes(data=data, mime_type=kind) for kind, data in shown]
    with client(platform, recorder.address) as sdk:
        sdk.models.generate_content(model=model, contents=["a hat", *parts], config=config)
    files = [
        {"file": {"content_type": kind, "content": base64.b64encode(data).decode()}}
        for kind, data in shown
    ]
    wish = {"model": model, "prompt": "a hat", "size": "1536x1024", "images": files}
    assert recorder.received == [we_send(platform, "image_edit", wish)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_speech_is_what_the_sdk_asks_for(recorder: Recorder, platform: str) -> None:
    """Newer models are told how to speak beside the text, and the voice by its name."""
    model, text, style = "gemini-3.8-flash-tts", "Have a wonderful day!", "cheerful"
    voice = types.VoiceConfig(voice="Kore")
    config = types.GenerateContentConfig(
        response_modalities=["AUDIO"], speech_config=types.SpeechConfig(voice_config=voice)
    )
    part = types.Part(text=text, speech_metadata=types.SpeechMetadata(style=style))
    with client(platform, recorder.address) as sdk:
        contents = types.Content(role="user", parts=[part])
        sdk.models.generate_content(model=model, contents=contents, config=config)
    wish = {"model": model, "input": text, "voice": "Kore", "instructions": style}
    assert recorder.received == [we_send(platform, "speak", wish | {"response_format": "wav"})]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_speech_of_older_models_is_what_the_sdk_asks_for(recorder: Recorder, platform: str) -> None:
    """They are told in the text, and of voices that they bring."""
    model = "gemini-2.5-flash-tts"
    voice = types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore"))
    config = types.GenerateContentConfig(
        response_modalities=["AUDIO"], speech_config=types.SpeechConfig(voice_config=voice)
    )
    with client(platform, recorder.address) as sdk:
        sdk.models.generate_content(model=model, contents="Say cheerfully: Hello!", config=config)
    wish = {"model": model, "input": "Hello!", "voice": "Kore", "instructions": "Say cheerfully"}
    assert recorder.received == [we_send(platform, "speak", wish | {"response_format": "pcm"})]


EMBEDS = [
    ("Gemini", "gemini-embedding-001", ["one"]),
    ("Gemini", "gemini-embedding-001", ["one", "two"]),
    ("VertexAI", "text-embedding-005", ["one", "two"]),
    ("VertexAI", "gemini-embedding-001", ["one"]),
    ("VertexAI", "gemini-embedding-001", ["one", "two"]),
]


@pytest.mark.parametrize(("platform", "name", "texts"), EMBEDS)
def test_embedding_is_what_the_sdk_sends(
    recorder: Recorder, platform: str, name: str, texts: list[str]
) -> None:
    """The SDK and the codec choose the same method and send the same texts."""
    with client(platform, recorder.address) as sdk:
        sdk.models.embed_content(
            model=name,
            contents=list(texts),
            config=types.EmbedContentConfig(output_dimensionality=8, task_type="RETRIEVAL_QUERY"),
        )
    request = {"model": name, "input": texts, "dimensions": 8, "input_type": "search_query"}
    assert recorder.received == [we_send(platform, "embed", request)]


@pytest.mark.parametrize(
    ("platform", "size", "version"), [("Gemini", 1000, "v1"), ("VertexAI", 100, "v1beta1")]
)
def test_model_list_is_what_the_sdk_asks_for(
    recorder: Recorder, platform: str, size: int, version: str
) -> None:
    """The SDK and the codec ask for the same list, by the version that the SDK takes by itself."""
    options = types.HttpOptions(base_url=recorder.address)
    by_token: Json = {"vertexai": True, "credentials": Credentials(TOKEN), **SETTINGS}
    how = {"api_key": KEY} if platform == "Gemini" else by_token
    with genai.Client(http_options=options, **how) as sdk:
        list(sdk.models.list(config={"page_size": size}))
    assert recorder.received == [we_send(platform, "models", {})]
    assert recorder.received[0].path.startswith(f"/{version}/")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["claude-opus-4-8", "claude-sonnet-4-5@20250929"])
def test_claude_is_what_anthropics_sdk_sends(
    recorder: Recorder, name: str, *, stream: bool
) -> None:
    """Anthropic's SDK for Vertex AI and the codec send the same, dated models included."""
    sdk = anthropic.AnthropicVertex(
        region=SETTINGS["location"],
        project_id=SETTINGS["project"],
        access_token=TOKEN,
        base_url=f"{recorder.address}/v1",
    )
    with sdk:
        answer = sdk.messages.create(
            model=name,
            max_tokens=100,
            system="Be brief.",
            messages=[{"role": "user", "content": "Hello!"}],
            stream=stream,
        )
        if isinstance(answer, anthropic.Stream):
            list(answer)
    request = {
        "model": name,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello!"},
        ],
        "max_tokens": 100,
        "stream": stream,
    }
    ours = we_send("VertexAI", "chat", request)
    [theirs] = recorder.received
    # Whether an @ is escaped makes no difference; nor does saying that nothing is streamed.
    assert unquote(ours.path) == unquote(theirs.path)
    assert isinstance(theirs.body, dict)
    if not stream:
        theirs.body.pop("stream", None)
    assert ours._replace(path="") == theirs._replace(path="")
