"""Sessions through the whole suite: OpenAI's SDK at the bridge, a stub at the Router."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import openai
import orjson
import pytest
from tests.support.deepgram_upstream import DeepgramUpstream
from tests.support.elevenlabs_agent_upstream import ElevenLabsAgentUpstream
from tests.support.elevenlabs_upstream import ElevenLabsUpstream
from tests.support.scripted_upstream import Act, ScriptedUpstream, answer, serve
from tests.support.session_upstream import (
    DELTA,
    RESPONSE_CREATED,
    RESPONSE_DONE,
    STARTED,
    answers,
    closed,
    holding,
    says,
)
from tests.support.suite import Suite
from tests.support.ultravox_upstream import UltravoxUpstream
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.rpc import error_of
from conduit_kernel.websocket import WebSocket

pytestmark = pytest.mark.asyncio(loop_scope="module")

TURN = (RESPONSE_CREATED, DELTA, RESPONSE_DONE)
# An alias for each test: what went wrong with one says nothing about another.
_ALIASES = iter(f"voice-{number}" for number in range(1000))


@asynccontextmanager
async def provider(
    suite: Suite, *acts: Act, kind: str = "OpenAI", model: str = "gpt-realtime-2"
) -> AsyncIterator[tuple[ScriptedUpstream, str]]:
    """Add an instance that holds sessions as told; return its alias."""
    alias = next(_ALIASES)
    async with serve(*acts) as upstream:
        url = f"{upstream.url}/v1" if kind == "OpenAI" else upstream.url
        fields = {"name": alias, "providerType": kind, "baseUrl": url}
        made = await suite.call("POST", "/api/providers", fields)
        await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "sk-any"})
        await suite.call(
            "POST",
            "/api/model-provider-mappings",
            {"modelAlias": alias, "providerId": made["id"], "actualModelName": model},
        )
        await suite.settled()
        yield upstream, alias


def client(suite: Suite) -> openai.AsyncOpenAI:
    """Return the official SDK, with another base URL."""
    return openai.AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=10
    )


async def charges_of(suite: Suite, alias: str) -> list[dict[str, Any]]:
    """Return what was charged for an alias."""
    await suite.deliver_charges()
    page = await suite.call("GET", "/api/usage/charges", params={"pageSize": 100})
    return [charge for charge in page["charges"] if charge["modelAlias"] == alias]


async def test_the_official_sdk_holds_a_realtime_session(suite: Suite) -> None:
    """It parses each event, and sees the model under its own name; one charge for two turns."""
    async with (
        provider(suite, answers(*TURN)) as (upstream, alias),
        client(suite) as sdk,
        sdk.realtime.connect(model=alias) as connection,
    ):
        created = await connection.recv()
        assert created.type == "session.created"
        assert getattr(created.session, "model", "") == alias
        for _ in range(2):
            await connection.response.create()
            kinds = [(await connection.recv()).type for _ in TURN]
            assert kinds == ["response.created", "response.output_text.delta", "response.done"]
        assert upstream.paths == ["/v1/realtime"]
        await connection.close()
    [charge] = await charges_of(suite, alias)
    assert (charge["operation"], charge["isComplete"]) == ("converse", True)
    assert (charge["actualModelName"], charge["usageSource"]) == ("gpt-realtime-2", "Provider")
    assert sum(line["quantity"] for line in charge["lines"]) == 2 * 253


async def test_the_official_sdk_holds_a_live_session(suite: Suite) -> None:
    """Whose model is in its first event; charged by its length."""
    heard: list[Any] = []

    async def script(socket: WebSocket) -> None:
        heard.append(orjson.loads(await socket.receive()))
        await socket.send(STARTED)
        await socket.receive()
        await socket.send(closed(60))

    async with (
        provider(suite, holding(script)) as (upstream, alias),
        client(suite) as sdk,
        sdk.live.connect() as connection,
    ):
        await connection.send({"type": "session.start", "session": {"model": alias}})
        started = await connection.recv()
        assert started.type == "session.started"
        assert started.session.model == alias
        await connection.send({"type": "session.close"})
        end = await connection.recv()
        assert end.type == "session.closed"
        assert heard[0]["session"]["model"] == "gpt-realtime-2"
        assert upstream.paths == ["/v1/live/sessions"]
    [charge] = await charges_of(suite, alias)
    assert [line["quantity"] for line in charge["lines"]] == [60_000]


COMPLETED = "conversation_item_input_audio_transcription_completed"
LIVE_TRANSCRIBERS: dict[str, tuple[str, Callable[[], Act]]] = {
    "nova-3": ("Deepgram", DeepgramUpstream),
    "flux-general-en": ("Deepgram", DeepgramUpstream),
    "scribe_v2_realtime": ("ElevenLabs", ElevenLabsUpstream),
}


@pytest.mark.parametrize("model", LIVE_TRANSCRIBERS)
async def test_the_official_sdk_has_live_sound_transcribed_by_others(
    suite: Suite, model: str
) -> None:
    """It parses each event; charged by the length of what was heard."""
    kind, upstream = LIVE_TRANSCRIBERS[model]
    seen: list[str] = []
    async with (
        provider(suite, upstream(), kind=kind, model=model) as (_, alias),
        client(suite) as sdk,
        sdk.realtime.connect(model=alias) as connection,
    ):
        await connection.session.update(
            session={
                "type": "transcription",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcmu"},
                        "transcription": {"language": "en"},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
                    }
                },
            }
        )
        for piece in (b"\1" * 4000, b"\1" * 4000, b"\0" * 4000):
            await connection.input_audio_buffer.append(audio=b64encode(piece).decode())
        async for event in connection:
            seen.append(event.type)
            if event.type == "conversation.item.input_audio_transcription.completed":
                assert event.transcript == "one two"
                assert event.usage.type == "duration"
                assert event.usage.seconds == 1.5
                break
        await connection.close()
    assert seen[:3] == [
        *("session.created", "session.updated", "input_audio_buffer.speech_started")
    ]
    [charge] = await charges_of(suite, alias)
    assert charge["actualModelName"] == model
    [line] = charge["lines"]
    assert (line["unit"], line["quantity"]) == ("AudioInputMillisecond", 1500)


AGENTS: dict[str, tuple[str, Callable[[], Act]]] = {
    "ultravox-v0.7": ("Ultravox", UltravoxUpstream),
    "agent_7101": ("ElevenLabs", ElevenLabsAgentUpstream),
}


@pytest.mark.parametrize("model", AGENTS)
async def test_the_official_sdk_converses_with_agents_of_others(suite: Suite, model: str) -> None:
    """It parses each event; charged by the length of the session."""
    kind, upstream = AGENTS[model]
    words: list[str] = []
    async with (
        provider(suite, upstream(), kind=kind, model=model) as (_, alias),
        client(suite) as sdk,
        sdk.realtime.connect(model=alias) as connection,
    ):
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Be brief.",
                "output_modalities": ["audio"],
            }
        )
        for sign, milliseconds in ((b"\1", 1000), (b"\0", 500), (b"\0", 1000)):
            piece = b64encode(sign * (48 * milliseconds)).decode()
            await connection.input_audio_buffer.append(audio=piece)
        async for event in connection:
            if event.type == "response.output_audio_transcript.done":
                words.append(event.transcript.strip())
            if event.type == "response.done" and words[-1].startswith("You said"):
                assert event.response.status == "completed"
                break
        await connection.close()
    assert words[-1] == "You said one two"
    [charge] = await charges_of(suite, alias)
    [line] = charge["lines"]
    assert line["unit"] == "SessionMillisecond"
    assert line["quantity"] > 0


async def test_a_typed_caller_has_live_sound_transcribed(suite: Suite) -> None:
    """Over gRPC: sound is bytes, and no base64."""
    async with (
        provider(suite, DeepgramUpstream(), kind="Deepgram", model="nova-3") as (_, alias),
        grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel,
    ):
        messages = [pb.ConverseRequest(start=pb.ConverseStart(model=alias))]
        for piece in (b"\1" * 48_000, b"\0" * 24_000):
            message = pb.ConverseRequest()
            message.realtime.input_audio_buffer_append.audio = piece
            messages.append(message)
        metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
        call = RouterServiceStub(channel).Converse(metadata=metadata)
        for message in messages:
            await call.write(message)
        response: Any = await call.read()
        while response.realtime.WhichOneof("event") != COMPLETED:
            response = await call.read()
        done = response.realtime.conversation_item_input_audio_transcription_completed
        assert (done.transcript, done.usage.duration.seconds) == ("one two", 1.5)
        await call.done_writing()
        end: Any = await call.read()
        assert end.finished.reason == pb.SESSION_END_REASON_CALLER


async def test_a_session_that_no_provider_holds_has_its_status(suite: Suite) -> None:
    """In the handshake's answer, as OpenAI's SDK shows it."""
    async with provider(suite, answer(b"{}", 401)) as (_, alias), client(suite) as sdk:
        for model, status in ((alias, 502), ("nobody-has-it", 404)):
            with pytest.raises(InvalidStatus) as refused:
                async with sdk.realtime.connect(model=model):
                    pass
            assert refused.value.response.status_code == status


async def test_a_session_that_is_cut_is_told_so(suite: Suite) -> None:
    """An event of failure, and no good end."""
    async with (
        provider(suite, says(answers_opening(), is_cut=True)) as (_, alias),
        client(suite) as sdk,
        sdk.realtime.connect(model=alias) as connection,
    ):
        assert (await connection.recv()).type == "session.created"
        told = await connection.recv()
        assert told.type == "error"
        assert told.error.code == "stream_interrupted"
        with pytest.raises(ConnectionClosedError):
            await connection.recv()


def answers_opening() -> str:
    """Return what begins a realtime session."""
    return orjson.dumps(
        {"type": "session.created", "event_id": "event_1", "session": {"type": "realtime"}}
    ).decode()


async def test_a_stub_holds_a_session_over_grpc(suite: Suite) -> None:
    """With typed events both ways, and the end with what was used."""
    async with (
        provider(suite, answers(*TURN)) as (_, alias),
        grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel,
    ):
        metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
        call = RouterServiceStub(channel).Converse(metadata=metadata)
        await call.write(pb.ConverseRequest(start=pb.ConverseStart(model=alias)))
        first: Any = await call.read()
        assert (first.started.attempts, first.started.provider_name) == (1, alias)
        created: Any = await call.read()
        assert created.realtime.session_created.session.model == alias
        ask = pb.ConverseRequest()
        ask.realtime.response_create.SetInParent()
        await call.write(ask)
        turn: list[Any] = [await call.read() for _ in TURN]
        assert turn[1].realtime.response_output_text_delta.delta == "Hi"
        await call.done_writing()
        end: Any = await call.read()
        assert end.finished.reason == pb.SESSION_END_REASON_CALLER
        assert end.finished.usage.total_tokens == 253
        assert await call.read() == grpc.aio.EOF
        assert await call.code() == grpc.StatusCode.OK
    assert len(await charges_of(suite, alias)) == 1


async def test_a_stub_that_leaves_ends_the_providers_side(suite: Suite) -> None:
    """Whatever it was waiting for, and is charged once."""
    gone = asyncio.Event()

    async def script(socket: WebSocket) -> None:
        for each in (answers_opening(), RESPONSE_CREATED, RESPONSE_DONE):
            await socket.send(each)
        await socket.wait_closed()
        gone.set()

    async with (
        provider(suite, holding(script)) as (_, alias),
        grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel,
    ):
        metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
        call = RouterServiceStub(channel).Converse(metadata=metadata)
        await call.write(pb.ConverseRequest(start=pb.ConverseStart(model=alias)))
        for _ in range(4):
            await call.read()
        call.cancel()
        async with asyncio.timeout(5):
            await gone.wait()
    [charge] = await charges_of(suite, alias)
    assert charge["isComplete"]


async def test_a_stub_is_told_what_is_wrong_with_its_first_message(suite: Suite) -> None:
    """As any RPC is."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
        call = RouterServiceStub(channel).Converse(metadata=metadata)
        await call.write(pb.ConverseRequest(start=pb.ConverseStart(model="nobody-has-it")))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()
    assert error_of(refused.value, "router").reason == "MODEL_NOT_FOUND"
