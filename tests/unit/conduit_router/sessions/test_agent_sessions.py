"""Conversations with agents whose protocol is another, on real sockets, up to the charge."""

import asyncio
import struct
from base64 import b64decode, b64encode
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.support.elevenlabs_agent_upstream import GREETING, ElevenLabsAgentUpstream
from tests.support.elevenlabs_agent_upstream import SOUND as AGENTS_SOUND
from tests.support.scripted_upstream import answer
from tests.support.session_bench import Caller, said, session
from tests.support.session_upstream import event
from tests.support.snapshots import compiled, key, mapping, provider, snapshot
from tests.support.ultravox_upstream import SOUND, UltravoxUpstream
from tests.support.waiting import eventually

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.charge_pb2 import UNIT_SESSION_MILLISECOND, USAGE_SOURCE_ESTIMATE, Charge
from conduit_kernel.errors import (
    InsufficientFunds,
    InvalidApiKey,
    StreamInterrupted,
    UpstreamError,
)
from conduit_kernel.http import Exchange
from conduit_kernel.websocket import accept

ANSWERED = "response.done"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"words": {"type": "string"}}},
}


def sound(milliseconds: int, *, is_silent: bool = False) -> pb.ConverseRequest:
    """Return an event with sound, a millisecond of which is 48 bytes."""
    return sound_of((b"\0" if is_silent else b"\1") * (48 * milliseconds))


def sound_of(piece: bytes) -> pb.ConverseRequest:
    """Return an event with a piece of sound."""
    return said(event("input_audio_buffer.append", audio=b64encode(piece).decode()))


def update(**members: object) -> pb.ConverseRequest:
    """Return an event that changes the session."""
    return said(event("session.update", session={"type": "realtime", **members}))


TURN = (sound(500), sound(500), sound(500, is_silent=True))


def ultravox(folder: Path, upstream: UltravoxUpstream) -> AbstractAsyncContextManager[Caller]:
    """Hold a session with Ultravox."""
    return session(folder, upstream, provider_type="Ultravox", model="ultravox-v0.7")


AGENTS_TURN = (sound(1000), sound(500, is_silent=True), sound(1000, is_silent=True))


def elevenlabs(
    folder: Path, upstream: ElevenLabsAgentUpstream
) -> AbstractAsyncContextManager[Caller]:
    """Hold a session with an agent of ElevenLabs."""
    return session(folder, upstream, provider_type="ElevenLabs", model="agent_7101")


async def until(caller: Caller, kind: str) -> Any:  # noqa: ANN401 # JSON
    """Receive up to the next event of a type; return it."""
    while True:
        count = len(caller.events)
        await caller.get(1)
        if (found := caller.events[count:]) and found[0]["type"] == kind:
            return found[0]
        assert caller.error is None


def kinds(caller: Caller) -> list[str]:
    """Return the types of the events that came."""
    return [each["type"] for each in caller.events]


def played(caller: Caller) -> bytes:
    """Return all sound that came."""
    deltas = [e["delta"] for e in caller.events if e["type"] == "response.output_audio.delta"]
    return b"".join(map(b64decode, deltas))


def lasted(charge: Charge) -> int:
    """Return how many milliseconds of a session a charge is for."""
    (line,) = charge.lines
    assert line.unit == UNIT_SESSION_MILLISECOND
    return line.quantity


async def test_an_agent_answers_what_it_hears(tmp_path: Path) -> None:
    """In sound and words, both ways; charged by the length of the session, which is measured."""
    upstream = UltravoxUpstream()
    async with ultravox(tmp_path, upstream) as caller:
        caller.say(*TURN)
        heard = await until(caller, "conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "one two"
        assert heard["usage"] == {"type": "duration", "seconds": 1.5}
        caller.say(sound(1000, is_silent=True))
        done = await until(caller, ANSWERED)
        (item,) = done["response"]["output"]
        assert done["response"]["status"] == "completed"
        assert item["content"] == [{"type": "output_audio", "transcript": "You said one two "}]
        assert played(caller) == SOUND * 4
        caller.leave()
        await caller.get()
        assert caller.end.reason == pb.SESSION_END_REASON_CALLER
        [charge] = caller.charges
        assert 0 < lasted(charge) <= caller.end.seconds * 1000 + 1
        assert charge.usage_source == USAGE_SOURCE_ESTIMATE
        assert upstream.messages[-1] == {"type": "hang_up"}


async def test_only_the_call_is_made_with_the_key(tmp_path: Path) -> None:
    """The address that it is joined at says who comes, and belongs to somebody else perhaps."""
    upstream = UltravoxUpstream("sk-1")
    async with ultravox(tmp_path, upstream) as caller:
        await caller.get(2)
        assert caller.error is None
        [joined] = upstream.joined
        assert not {"x-api-key", "authorization"} & joined.keys()
        assert "sk-1" not in str(joined)


async def test_settings_make_another_call_before_anything_is_said(tmp_path: Path) -> None:
    """After it they are refused, and the session goes on."""
    upstream = UltravoxUpstream()
    async with ultravox(tmp_path, upstream) as caller:
        caller.say(update(instructions="Be brief.", audio={"output": {"voice": "Mark"}}))
        told = await until(caller, "session.updated")
        assert told["session"]["instructions"] == "Be brief."
        first, second = upstream.calls
        assert "systemPrompt" not in first
        assert (second["systemPrompt"], second["voice"]) == ("Be brief.", "Mark")
        caller.say(*TURN, sound(1000, is_silent=True))
        await until(caller, ANSWERED)
        caller.say(update(instructions="Be long."))
        refused = await until(caller, "error")
        assert "no other settings" in refused["error"]["message"]
        caller.say(*TURN, sound(1000, is_silent=True))
        await until(caller, ANSWERED)
        assert len(upstream.calls) == 2
        caller.leave()
        await caller.get()
        assert caller.bench.codes == [""]


async def test_who_speaks_interrupts_the_agent(tmp_path: Path) -> None:
    """It is told at once, so that nothing more is played; the answer is cancelled."""
    async with ultravox(tmp_path, UltravoxUpstream()) as caller:
        caller.say(*TURN)
        await until(caller, "response.output_audio.delta")
        before = len(caller.events)
        caller.say(sound(500))
        done = await until(caller, ANSWERED)
        assert done["response"]["status"] == "cancelled"
        assert done["response"]["status_details"]["reason"] == "turn_detected"
        assert "input_audio_buffer.speech_started" in kinds(caller)[before:]
        caller.say(sound(500, is_silent=True), sound(1000, is_silent=True))
        done = await until(caller, ANSWERED)
        assert done["response"]["output"][0]["content"][0]["transcript"] == "You said one "


async def test_an_agent_calls_a_function_of_the_callers(tmp_path: Path) -> None:
    """It goes on with what that returned; asking for a response is then no error."""
    upstream = UltravoxUpstream()
    async with ultravox(tmp_path, upstream) as caller:
        caller.say(update(tools=[WEATHER]), *TURN)
        called = await until(caller, "response.function_call_arguments.done")
        assert (called["name"], called["arguments"]) == ("get_weather", '{"words":"one two"}')
        await until(caller, ANSWERED)
        output = {
            "type": "function_call_output",
            "call_id": called["call_id"],
            "output": "sunny",
        }
        caller.say(said(event("conversation.item.create", item=output)))
        caller.say(said(event("response.create")), sound(1000, is_silent=True))
        done = await until(caller, ANSWERED)
        assert done["response"]["output"][0]["content"][0]["transcript"] == "It is sunny "
        assert "error" not in kinds(caller)
        [tool] = upstream.calls[-1]["selectedTools"]
        assert tool["temporaryTool"]["modelToolName"] == "get_weather"


async def test_an_agent_answers_in_writing_what_is_written(tmp_path: Path) -> None:
    """Once a response is asked for."""
    async with ultravox(tmp_path, UltravoxUpstream()) as caller:
        content = [{"type": "input_text", "text": "Hello"}]
        item = {"type": "message", "role": "user", "content": content}
        caller.say(
            update(output_modalities=["text"]),
            said(event("conversation.item.create", item=item)),
            said(event("response.create")),
        )
        done = await until(caller, "response.output_text.done")
        assert done["text"] == "You wrote Hello "


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        ((402, "Payment required"), InsufficientFunds),
        ((403, "Invalid API key."), InvalidApiKey),
        ((500, "Oops"), UpstreamError),
    ],
)
async def test_a_call_that_cannot_be_made_is_told_by_its_status(
    tmp_path: Path, refusal: tuple[int, str], error: type[UpstreamError]
) -> None:
    """As of any call over HTTP."""
    upstream = UltravoxUpstream()
    upstream.refusal = refusal
    async with ultravox(tmp_path, upstream) as caller:
        await caller.get()
        assert isinstance(caller.error, error)
        assert caller.charges == []


@pytest.mark.parametrize("url", ["", "https://127.0.0.1/", "wss:///x", "ws://[", "wss://a b/"])
async def test_an_answer_that_names_no_address_is_the_providers_fault(
    tmp_path: Path, url: str
) -> None:
    """Nobody connects to what is none."""
    upstream = UltravoxUpstream()
    upstream.join_url = url or "nowhere"
    async with ultravox(tmp_path, upstream) as caller:
        await caller.get()
        assert isinstance(caller.error, UpstreamError)
        assert caller.error.metadata["kind"] == "malformed"


async def test_a_key_that_is_refused_is_followed_by_the_next(tmp_path: Path) -> None:
    """Before anything was said; the caller sees one session, and is charged for one."""
    upstream, refused = UltravoxUpstream(), answer(b'{"detail":"Invalid API key."}', 403)
    async with session(tmp_path, refused, upstream) as caller:
        one = provider(1, caller.upstream.url, provider_type="Ultravox")
        names = [mapping(1, 1, actual_model_name="ultravox-v0.7")]
        keys = [key(1, 1), key(2, 1)]
        caller.bench.runtime.table = compiled(snapshot([one], mappings=names, keys=keys))
        caller.say(*TURN)
        await until(caller, "response.output_audio.delta")
        assert caller.messages[0].started.attempts == 2
        caller.leave()
        await caller.get()
        [charge] = caller.charges
        assert lasted(charge) > 0


async def test_a_later_call_that_is_refused_ends_the_session(tmp_path: Path) -> None:
    """As one that breaks; what it lasted is charged."""
    upstream = UltravoxUpstream()
    async with ultravox(tmp_path, upstream) as caller:
        await caller.get(2)
        upstream.refusal = (402, "Payment required")
        caller.say(update(instructions="Be brief."))
        await caller.get()
        assert isinstance(caller.error, InsufficientFunds)
        assert len(caller.charges) == 1


async def test_a_caller_that_reads_nothing_holds_itself_back(tmp_path: Path) -> None:
    """What it is told is not heaped up."""
    async with ultravox(tmp_path, UltravoxUpstream()) as caller:
        await caller.get(2)
        caller.say(*[said(event("response.cancel"))] * 1000)

        async def is_still() -> bool:
            before = caller.taken
            await asyncio.sleep(0.05)
            return 100 < before == caller.taken

        await eventually(is_still)
        assert caller.taken < 1000


async def test_an_agent_of_elevenlabs_answers_what_it_hears(tmp_path: Path) -> None:
    """Behind its greeting; in the caller's rate, which is not the agent's."""
    upstream = ElevenLabsAgentUpstream("sk-1")
    async with elevenlabs(tmp_path, upstream) as caller:
        created = await until(caller, "session.created")
        assert created["session"]["audio"]["output"]["format"]["rate"] == 24000
        caller.say(*AGENTS_TURN)
        greeted = await until(caller, ANSWERED)
        assert greeted["response"]["output"][0]["content"][0]["transcript"] == GREETING
        done = await until(caller, ANSWERED)
        assert done["response"]["output"][0]["content"][0]["transcript"] == "You said one two"
        assert len(played(caller)) == len(AGENTS_SOUND) * 4 * 24 // 16
        # In the middle it is as loud as the agent is, all the way.
        (value,) = set(struct.unpack("<100h", AGENTS_SOUND[:200]))
        assert set(struct.unpack("<400h", played(caller)[400:1200])) == {value}
        caller.leave()
        await caller.get()
        [charge] = caller.charges
        assert lasted(charge) > 0
        assert {"type": "pong", "event_id": 1} in upstream.messages
        assert "xi-api-key" not in upstream.joined[0]


@pytest.mark.parametrize(
    ("wanted", "rate"),
    [
        ({"type": "audio/pcm", "rate": 16000}, 32),
        ({"type": "audio/pcm", "rate": 48000}, 96),
        ({"type": "audio/pcmu"}, 8),
        ({"type": "audio/pcma"}, 8),
    ],
    ids=str,
)
async def test_a_caller_and_an_agent_have_each_its_own_sound(
    tmp_path: Path, wanted: dict[str, Any], rate: int
) -> None:
    """Rates and the laws of telephones; the agent's own passes as it is."""
    async with elevenlabs(tmp_path, ElevenLabsAgentUpstream()) as caller:
        caller.say(update(audio={"input": {"format": wanted}, "output": {"format": wanted}}))
        updated = await until(caller, "session.updated")
        assert updated["session"]["audio"]["input"]["format"]["rate"] == wanted.get("rate", 8000)
        # Silence is no zero in the laws.
        law = {"audio/pcmu": b"\xff", "audio/pcma": b"\xd5"}
        silence = law.get(wanted["type"], b"\0")
        for sign, milliseconds in ((b"\1", 1000), (silence, 500), (silence, 1000)):
            caller.say(sound_of(sign * rate * milliseconds))
        await until(caller, ANSWERED)
        heard = await until(caller, "conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "one two"
        await until(caller, ANSWERED)
        assert len(played(caller)) == rate * 80
        assert (played(caller) == AGENTS_SOUND * 4) is (wanted.get("rate") == 16000)


async def test_settings_begin_another_conversation_and_no_two_greetings(tmp_path: Path) -> None:
    """The first one was told to nobody."""
    upstream = ElevenLabsAgentUpstream()
    async with elevenlabs(tmp_path, upstream) as caller:
        caller.say(update(instructions="Be brief.", tools=[WEATHER]), *AGENTS_TURN)
        await until(caller, ANSWERED)
        await until(caller, ANSWERED)
        _, second = upstream.begun
        prompt = {"agent": {"prompt": {"prompt": "Be brief."}}}
        assert second["conversation_config_override"] == prompt
        assert kinds(caller).count("response.created") == 2


async def test_settings_that_an_agents_owner_does_not_allow_end_the_session(
    tmp_path: Path,
) -> None:
    """In the provider's words."""
    upstream = ElevenLabsAgentUpstream()
    upstream.allows_overrides = False
    async with elevenlabs(tmp_path, upstream) as caller:
        caller.say(update(instructions="Be brief."))
        await caller.get()
        assert caller.error is not None
        assert "Override for field 'prompt'" in caller.error.message
        assert len(caller.charges) == 1


async def test_who_speaks_interrupts_an_agent_of_elevenlabs(tmp_path: Path) -> None:
    """Sound of the answer that is still on its way is not handed on."""
    async with elevenlabs(tmp_path, ElevenLabsAgentUpstream()) as caller:
        caller.say(*AGENTS_TURN[:2])
        await until(caller, ANSWERED)
        await until(caller, "response.output_audio_transcript.delta")
        await until(caller, "response.output_audio.delta")
        caller.say(sound(500))
        done = await until(caller, ANSWERED)
        assert done["response"]["status"] == "cancelled"
        before = kinds(caller).count("response.output_audio.delta")
        caller.say(*AGENTS_TURN[1:])
        await until(caller, "conversation.item.input_audio_transcription.completed")
        assert kinds(caller).count("response.output_audio.delta") == before


async def test_an_agent_of_elevenlabs_calls_a_function_of_the_callers(tmp_path: Path) -> None:
    """One that its owner gave it."""
    async with elevenlabs(tmp_path, ElevenLabsAgentUpstream(tool="get_weather")) as caller:
        caller.say(*AGENTS_TURN[:2])
        called = await until(caller, "response.function_call_arguments.done")
        assert (called["name"], called["arguments"]) == ("get_weather", '{"words":"one two"}')
        await until(caller, ANSWERED)
        output = {"type": "function_call_output", "call_id": called["call_id"], "output": "sunny"}
        caller.say(said(event("conversation.item.create", item=output)))
        caller.say(said(event("response.create")), AGENTS_TURN[2])
        done = await until(caller, ANSWERED)
        assert done["response"]["output"][0]["content"][0]["transcript"] == "It is sunny"


async def test_a_call_that_is_cut_ends_the_session_with_its_charge(tmp_path: Path) -> None:
    """What it lasted until then is the provider's."""
    upstream = UltravoxUpstream()
    upstream.is_cut = True
    async with ultravox(tmp_path, upstream) as caller:
        caller.say(*TURN)
        await caller.get()
        assert isinstance(caller.error, StreamInterrupted)
        [charge] = caller.charges
        assert lasted(charge) > 0
        assert not charge.is_complete


async def test_a_ping_that_cannot_be_answered_is_no_fault_of_ours(tmp_path: Path) -> None:
    """The agent asked, and was gone before its answer; the session ends as it did."""
    is_over = asyncio.Event()

    async def hold(exchange: Exchange) -> None:
        if exchange.path.endswith("get-signed-url"):
            host = (exchange.headers.get(b"host") or b"").decode()
            body = b'{"signed_url":"ws://%b/agent"}' % host.encode()
            exchange.respond(200, [(b"content-type", b"application/json")], body)
            return
        socket = accept(exchange)
        await socket.receive()
        await socket.send('{"type":"conversation_initiation_metadata"}')
        await socket.send('{"type":"ping","ping_event":{"event_id":1}}')
        await socket.close(1011, "overloaded")
        is_over.set()

    async with session(tmp_path, hold, provider_type="ElevenLabs", model="agent_1") as caller:
        await until(caller, "session.created")
        async with asyncio.timeout(10):
            await is_over.wait()
        await caller.get()
        assert isinstance(caller.error, StreamInterrupted)
        assert len(caller.charges) == 1


async def test_a_caller_that_is_gone_ends_the_call(tmp_path: Path) -> None:
    """Without a word; it is charged once."""
    upstream = UltravoxUpstream()
    async with ultravox(tmp_path, upstream) as caller:
        caller.say(*TURN)
        await until(caller, "response.output_audio.delta")
        await caller.call.aclose()

        async def is_over() -> bool:
            return upstream.left == 1

        await eventually(is_over)
        assert len(caller.charges) == 1
