"""What catalog files say of those who speak OpenAI's dialect in a way of their own."""

import random

import orjson
import pytest

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.operations.chat import chat_request
from conduit_providers.spec import Endpoint, ProviderSpec
from conduit_providers.wire import HttpResponse

CATALOG = load_catalog()
CHATTING = [
    spec
    for spec in CATALOG.specs
    if "chat" in spec.endpoints and spec.endpoints["chat"].codec == "openai_chat"
]
HELLO = b'{"model":"m","messages":[{"role":"user","content":"user: hello"}]}'


def base_url(kind: str, given: str = "", **settings: str) -> str:
    """Return the address of an instance."""
    provider = Provider(name="P", provider_type=kind, base_url=given)
    provider.settings.update(settings)
    return CATALOG.target(provider).base_url


def decoded(spec: ProviderSpec, pieces: list[bytes]) -> None:
    """Have a stream decoded that arrives in pieces."""
    endpoint = spec.endpoints["chat"]
    call = Call(chat_request(json=HELLO), alias="m", model="m", stream=True, provider="P")
    decoder = codec_named(endpoint.codec).decoder(call, endpoint)
    for piece in pieces:
        if not decoder.done:
            decoder.feed(piece)
    if not decoder.done:
        decoder.close()


@pytest.mark.parametrize("spec", CHATTING, ids=lambda spec: spec.name)
def test_plain_request_passes_as_it_is(spec: ProviderSpec) -> None:
    """A chat that needs no change is not taken apart, whatever a type drops: not a byte differs."""
    endpoint = spec.endpoints["chat"]
    provider = Provider(name="P", provider_type=spec.name, base_url="https://a.example")
    call = Call(chat_request(json=HELLO), alias="m", model="m", provider="P")
    sent = codec_named(endpoint.codec).to_upstream(call, endpoint, CATALOG.target(provider))
    assert sent.body is HELLO
    assert call.dropped == []


@pytest.mark.parametrize("text", [b'"user":"u"', b'"user" : "u"', b'"user"\n:"u"'])
def test_parameter_named_like_a_role_is_found(text: bytes) -> None:
    """`user` is dropped where it is a member, however it is spaced."""
    spec = CATALOG.find("DeepSeek")
    raw = b'{"model":"m",%b,"messages":[{"role":"user","content":"x"}]}' % text
    call = Call(chat_request(json=raw), alias="m", model="m", provider="P")
    target = CATALOG.target(Provider(name="P", provider_type="DeepSeek"))
    endpoint = spec.endpoints["chat"]
    sent = orjson.loads(codec_named(endpoint.codec).to_upstream(call, endpoint, target).body)
    assert "user" not in sent
    assert call.dropped == ["user"]


@pytest.mark.parametrize("spec", CHATTING, ids=lambda spec: spec.name)
def test_garbage_never_breaks_a_decoder(spec: ProviderSpec) -> None:
    """Any bytes in any pieces end in one of our errors; seeded."""
    chance = random.Random(7)  # noqa: S311 # the same noise each time
    good = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n'
    for _ in range(200):
        noise = bytearray(good * chance.randint(1, 3))
        for _ in range(chance.randint(1, 8)):
            noise[chance.randrange(len(noise))] = chance.randrange(256)
        cut = chance.randrange(len(noise))
        with pytest.raises((UpstreamError, StreamInterrupted)):
            decoded(spec, [bytes(noise[:cut]), bytes(noise[cut:])])


def test_path_depends_on_a_setting() -> None:
    """A path for a certain value of a setting goes before the usual one."""
    endpoint = Endpoint("openai_chat", "/a/{model}", paths={"apiVersion=v1": "/b"})
    assert endpoint.path_for({"apiVersion": "v1"}) == "/b"
    assert endpoint.path_for({"apiVersion": "2024-10-21"}) == "/a/{model}"
    assert endpoint.path_for({}) == "/a/{model}"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("HuggingFace", "https://x.endpoints.huggingface.cloud"),
        ("HuggingFace", "https://x.endpoints.huggingface.cloud/v1"),
        ("HuggingFace", "https://x.endpoints.huggingface.cloud/v1/"),
        ("AzureOpenAI", "https://x.openai.azure.com/openai/v1/"),
    ],
)
def test_address_is_taken_as_consoles_show_it(kind: str, given: str) -> None:
    """What the paths have already is taken off an address, so that it is not there twice."""
    assert not base_url(kind, given).endswith("v1")
    assert base_url(kind, given).startswith("https://x.")


def test_own_word_for_stop_is_translated_in_members_only() -> None:
    """`eos` becomes `stop` where it is the reason, and stays where somebody says it."""
    spec = CATALOG.find("Together")
    endpoint = spec.endpoints["chat"]
    said = '{"finish_reason":"eos"}'
    choice = {"index": 0, "finish_reason": "eos", "message": {"role": "assistant", "content": said}}
    body = orjson.dumps({"id": "1", "created": 1, "model": "m", "choices": [choice]})
    call = Call(chat_request(json=HELLO), alias="m", model="m", provider="P")
    answer = codec_named(endpoint.codec).from_upstream(HttpResponse(200, {}, body), call, endpoint)
    (found,) = orjson.loads(answer.json)["choices"]
    assert found["finish_reason"] == "stop"
    assert found["message"]["content"] == said
