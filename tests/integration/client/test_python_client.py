"""The Python client, against a gateway as its users start it."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from grpc import StatusCode
from tests.support.gateways import Served, wait_for
from tests.support.sdk_oracle import Upstream, upstream
from tests.support.transcribers import transcribers

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.image_generation_pb2 import ImageGenerationRequest
from conduit.v1.rerank_pb2 import RerankingRequest
from conduit.v1.transcription_pb2 import TranscriptionRequest
from conduit_cli.gateway import Json
from conduit_cli.keys import VIRTUAL, KeyFile
from conduit_client import CallFailed, ConduitClient, image, system, user

# By alias: what the Simulator shall do.
ALIASES = {"flow": "stream-5x0ms", "cut": "cut-after-3", "vectors": "embed-8", "image": "image"}


@pytest.fixture(scope="module")
def cohere() -> Iterator[Upstream]:
    """Start a provider that reranks."""
    with upstream("Cohere/rerank/plain") as started:
        yield started


@pytest.fixture(scope="module")
def served(cohere: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Start a gateway with a few more aliases."""
    with Served(tmp_path_factory.mktemp("gateway")) as gateway:
        admin = gateway.admin()
        provider = admin.call("GET", "/api/providers")["providers"][0]
        for alias, model in ALIASES.items():
            mapping: Json = {"modelAlias": alias, "providerId": provider["id"]}
            mapping["actualModelName"] = model
            admin.call("POST", "/api/model-provider-mappings", mapping)
        ranker = {"name": "Cohere", "providerType": "Cohere", "baseUrl": cohere.address}
        number = admin.call("POST", "/api/providers", ranker)["id"]
        admin.call("POST", f"/api/providers/{number}/keys", {"apiKey": "any"})
        mapped = {"modelAlias": "ranker", "providerId": number, "actualModelName": "rerank-v3.5"}
        admin.call("POST", "/api/model-provider-mappings", mapped)
        wait_for(lambda: {*ALIASES, "ranker"} <= gateway.aliases())
        yield gateway


def _target(served: Served) -> str:
    found = re.search(r"router ([\d.:]+)", served.output)
    assert found
    return found[1]


@pytest.fixture
async def client(served: Served) -> AsyncIterator[ConduitClient]:
    """Open a client with the gateway's first key."""
    key = str(KeyFile(served.data_dir).read()[VIRTUAL])
    async with ConduitClient(_target(served), key, timeout_seconds=20) as opened:
        yield opened


async def test_a_chat_is_answered_whole(client: ConduitClient) -> None:
    """With the text, the usage and what Conduit did."""
    answer = await client.chat("echo", system("Be brief."), user("hello out there"))
    assert answer.text == "hello out there"
    assert answer.completion.usage.completion_tokens == 3
    assert answer.report.provider_name == "Simulator"
    assert answer.report.attempts == 1


async def test_wishes_beyond_words_are_passed_on(client: ConduitClient) -> None:
    """Images, and limits in the request."""
    answer = await client.chat(
        "echo",
        user("look: ", image("data:image/png;base64,AAAA")),
        request=ChatCompletionRequest(max_completion_tokens=1),
    )
    assert answer.text == "look:"


async def test_a_chat_is_streamed(client: ConduitClient) -> None:
    """Piece by piece, with usage and report in the end."""
    async with client.stream_chat("flow", user("count")) as stream:
        assert [text async for text in stream.texts()] == ["1", " 2", " 3", " 4", " 5"]
    assert stream.usage
    assert stream.usage.completion_tokens == 5
    assert stream.report
    assert stream.report.provider_name == "Simulator"


async def test_a_cut_stream_does_not_look_whole(client: ConduitClient) -> None:
    """Its error comes after what had arrived."""
    received: list[str] = []
    with pytest.raises(CallFailed) as caught:
        await _read_into(received, client)
    assert caught.value.reason
    assert received == ["one", " two"]


async def _read_into(received: list[str], client: ConduitClient) -> None:
    async with client.stream_chat("cut", user("one two three four")) as stream:
        async for text in stream.texts():
            received.append(text)  # noqa: PERF401 # what came before the error is asked for


async def test_texts_become_vectors(client: ConduitClient) -> None:
    """As many numbers as the model has, or as were asked for."""
    answer = await client.embed("vectors", "one text", "another")
    assert [len(vector) for vector in answer.vectors] == [8, 8]
    assert len((await client.embed("vectors", "short", dimensions=3)).vectors[0]) == 3


async def test_a_prompt_becomes_images(client: ConduitClient) -> None:
    """With what else was wished, and what it came to."""
    wish = ImageGenerationRequest(n=2, size="8x8", quality="low")
    answer = await client.draw("image", "a red bicycle", request=wish)
    assert [picture[:4] for picture in answer.pictures] == [b"\x89PNG", b"\x89PNG"]
    assert answer.images.usage.output_tokens == 2 * 272
    assert answer.report.actual_model_name == "image"


async def test_texts_are_put_in_order(client: ConduitClient, cohere: Upstream) -> None:
    """By their relevance to a query; what else is wished goes along."""
    texts = ("Carson City", "Saipan", "Washington", "death")
    wish = RerankingRequest(return_documents=True)
    answer = await client.rerank("ranker", "capital?", *texts, top_n=4, request=wish)
    assert answer.order == [2, 0, 1, 3]
    assert answer.ranking.results[0].document.text == "Washington"
    assert answer.report.provider_name == "Cohere"
    assert cohere.received[-1].body == {
        "model": "rerank-v3.5",
        "query": "capital?",
        "top_n": 4,
        "documents": list(texts),
    }


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    """Yield a sound as it comes."""
    for at in range(0, len(data), 100_000):
        yield data[at : at + 100_000]


async def test_sound_becomes_words(client: ConduitClient, served: Served) -> None:
    """Whole, or as it comes; what else is wished goes along."""
    sound = b"\xff\xfb" * 300_000
    admin = served.admin()
    async with transcribers() as provider:
        address = f"{provider.address}/good"
        openai = {"name": "OpenAI", "providerType": "OpenAI", "baseUrl": address}
        number = admin.call("POST", "/api/providers", openai)["id"]
        admin.call("POST", f"/api/providers/{number}/keys", {"apiKey": "any"})
        mapped = {"modelAlias": "whisper", "providerId": number, "actualModelName": "w-1"}
        admin.call("POST", "/api/model-provider-mappings", mapped)
        wait_for(lambda: "whisper" in served.aliases())
        wish = TranscriptionRequest(language="en")
        for given in (sound, pieces(sound)):
            answer = await client.transcribe("whisper", given, "talk.mp3", request=wish)
            assert answer.text == "Hello."
            assert answer.report.provider_name == "OpenAI"
    assert [sent.files for sent in provider.sent] == [
        [("talk.mp3", "application/octet-stream", sound)]
    ] * 2
    assert provider.sent[0].members == [("model", "w-1"), ("language", "en")]


async def test_models_are_listed(client: ConduitClient) -> None:
    """Those that the key may use."""
    assert {model.id for model in await client.list_models()} >= {"echo", *ALIASES}


async def test_an_error_has_its_reason(client: ConduitClient) -> None:
    """With the data that belong to it."""
    with pytest.raises(CallFailed) as caught:
        await client.chat("nothing", user("hello"))
    assert (caught.value.reason, caught.value.code) == ("MODEL_NOT_FOUND", StatusCode.NOT_FOUND)
    assert caught.value.metadata["model"] == "nothing"


async def test_a_gateway_that_is_gone_is_an_error_too() -> None:
    """Without a reason of ours, as nobody was there to give one."""
    async with ConduitClient("127.0.0.1:9", "condt_x", timeout_seconds=1) as client:
        with pytest.raises(CallFailed) as caught:
            await client.list_models()
    assert (caught.value.reason, caught.value.code) == ("", StatusCode.UNAVAILABLE)
