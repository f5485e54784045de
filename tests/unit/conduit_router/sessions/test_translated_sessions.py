"""Sessions with providers whose protocol is another, on real sockets, up to the charge."""

import asyncio
from base64 import b64encode
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support.deepgram_upstream import DeepgramUpstream
from tests.support.elevenlabs_upstream import ElevenLabsUpstream
from tests.support.session_bench import PATIENT, Caller, said, session
from tests.support.session_upstream import event
from tests.support.waiting import eventually

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.charge_pb2 import (
    UNIT_AUDIO_INPUT_MILLISECOND,
    USAGE_SOURCE_ESTIMATE,
    USAGE_SOURCE_PROVIDER,
    Charge,
)
from conduit_kernel.errors import UpstreamRefused
from conduit_providers.codecs.deepgram.nova_session import NovaSession
from conduit_providers.session_codec import KeepAlive

COMPLETED = "conversation.item.input_audio_transcription.completed"
DELTA = "conversation.item.input_audio_transcription.delta"
COMMIT = said(event("input_audio_buffer.commit"))


def sound(milliseconds: int, *, is_silent: bool = False, rate: int = 48) -> pb.ConverseRequest:
    """Return an event with sound: of PCM a millisecond is 48 bytes, of mu-law 8."""
    piece = (b"\0" if is_silent else b"\1") * (rate * milliseconds)
    return said(event("input_audio_buffer.append", audio=b64encode(piece).decode()))


def update(**members: object) -> pb.ConverseRequest:
    """Return an event that changes the session's input."""
    session_ = {"type": "transcription", "audio": {"input": members}}
    return said(event("session.update", session=session_))


def deepgram(
    folder: Path, upstream: DeepgramUpstream, model: str = "nova-3"
) -> AbstractAsyncContextManager[Caller]:
    """Hold a session with Deepgram."""
    return session(folder, upstream, provider_type="Deepgram", model=model)


async def until(caller: Caller, kind: str) -> Any:  # noqa: ANN401 # JSON
    """Receive up to the next event of a type; return it."""
    while True:
        count = len(caller.events)
        await caller.get(1)
        if (found := caller.events[count:]) and found[0]["type"] == kind:
            return found[0]
        assert caller.error is None


def charged(charge: Charge) -> int:
    """Return how many milliseconds of sound a charge is for."""
    (line,) = charge.lines
    assert line.unit == UNIT_AUDIO_INPUT_MILLISECOND
    return line.quantity


async def test_sound_is_counted_here_where_the_provider_tells_no_length(tmp_path: Path) -> None:
    """ElevenLabs charges for what it was sent."""
    upstream = ElevenLabsUpstream()
    async with session(
        tmp_path, upstream, provider_type="ElevenLabs", model="scribe_v2_realtime"
    ) as caller:
        caller.say(sound(500), sound(500), sound(500), sound(500, is_silent=True))
        done = await until(caller, COMPLETED)
        assert done["transcript"] == "one two three"
        caller.say(sound(500))
        await until(caller, "input_audio_buffer.speech_started")
        caller.leave()
        await caller.get()
        assert caller.error is None
        [charge] = caller.charges
        assert charged(charge) == 2500


async def test_items_of_elevenlabs_end_by_the_callers_commit(tmp_path: Path) -> None:
    """By another connection, which commits nothing by itself."""
    upstream = ElevenLabsUpstream()
    async with session(
        tmp_path, upstream, provider_type="ElevenLabs", model="scribe_v2_realtime"
    ) as caller:
        mu_law = update(format={"type": "audio/pcmu"}, turn_detection=None)
        caller.say(mu_law, sound(1000, rate=8), sound(1000, is_silent=True, rate=8), COMMIT)
        done = await until(caller, COMPLETED)
        assert (done["transcript"], done["usage"]["seconds"]) == ("one two", 2.0)
        assert [each["commit_strategy"] for each in upstream.queries] == [["vad"], ["manual"]]


@pytest.mark.parametrize("model", ["nova-3", "flux-general-en"])
async def test_sound_becomes_words_and_is_charged_by_its_length(tmp_path: Path, model: str) -> None:
    """A silence ends an utterance; the silence is heard, too."""
    async with deepgram(tmp_path, DeepgramUpstream(), model) as caller:
        caller.say(sound(500), sound(500), sound(500), sound(500, is_silent=True))
        done = await until(caller, COMPLETED)
        assert done["transcript"] == "one two three"
        assert done["usage"] == {"type": "duration", "seconds": 2.0}
        kinds = [each["type"].rpartition(".")[2] for each in caller.events]
        assert kinds[:2] == ["created", "speech_started"]
        assert kinds[-4:] == ["speech_stopped", "committed", "delta", "completed"]
        told = "".join(each["delta"] for each in caller.events if each["type"] == DELTA)
        assert told == "one two three"
        caller.leave()
        await caller.get()
        assert caller.end.reason == pb.SESSION_END_REASON_CALLER
        [charge] = caller.charges
        assert charged(charge) == 2000
        assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_PROVIDER, True)


async def test_sound_that_nothing_came_of_is_charged_as_an_estimate(tmp_path: Path) -> None:
    """The provider charges for all that it was sent."""
    async with deepgram(tmp_path, DeepgramUpstream()) as caller:
        caller.say(sound(500), sound(250))
        await until(caller, "input_audio_buffer.speech_started")
        caller.leave()
        await caller.get()
        [charge] = caller.charges
        assert charged(charge) == 750
        assert charge.usage_source == USAGE_SOURCE_ESTIMATE


@pytest.mark.parametrize("model", ["nova-3", "flux-general-en"])
async def test_a_caller_may_end_each_item(tmp_path: Path, model: str) -> None:
    """Then no silence does."""
    upstream = DeepgramUpstream()
    async with deepgram(tmp_path, upstream, model) as caller:
        caller.say(update(turn_detection=None), sound(1000), sound(1000, is_silent=True), COMMIT)
        done = await until(caller, COMPLETED)
        assert done["transcript"] == "one two"
        kinds = [each["type"].rpartition(".")[2] for each in caller.events]
        assert [kind for kind in kinds if kind != "delta"] == [
            *("created", "updated", "committed", "completed")
        ]
        caller.say(sound(500), COMMIT)
        done = await until(caller, COMPLETED)
        assert (done["transcript"], done["item_id"]) == ("one", "item_2")
        assert done["usage"]["seconds"] == 0.5


async def test_settings_that_the_handshake_has_open_another_connection(tmp_path: Path) -> None:
    """Before sound; the first connection ends, and what follows comes from the second."""
    upstream = DeepgramUpstream()
    async with deepgram(tmp_path, upstream) as caller:
        heard = {"language": "de", "keywords": ["Conduit"]}
        caller.say(update(format={"type": "audio/pcmu"}, transcription=heard))
        told = await until(caller, "session.updated")
        assert told["session"]["audio"]["input"]["format"]["rate"] == 8000
        first, second = upstream.queries
        assert (first["encoding"], first["language"]) == (["linear16"], ["multi"])
        assert (second["encoding"], second["language"]) == (["mulaw"], ["de"])
        assert second["keyterm"] == ["Conduit"]
        caller.say(sound(500, rate=8), sound(500, is_silent=True, rate=8))
        done = await until(caller, COMPLETED)
        assert done["usage"]["seconds"] == 1.0
        caller.say(update(format={"type": "audio/pcm"}))
        refused = await until(caller, "error")
        assert "no other settings" in refused["error"]["message"]
        caller.leave()
        await caller.get()
        assert caller.error is None
        assert caller.bench.codes == [""]


async def test_a_connection_that_is_refused_later_ends_the_session(tmp_path: Path) -> None:
    """As a session that breaks."""
    upstream = DeepgramUpstream()
    async with deepgram(tmp_path, upstream) as caller:
        await caller.get(2)
        upstream.refusal = "Too many key terms"
        caller.say(update(transcription={"keywords": ["a"]}))
        await caller.get()
        assert isinstance(caller.error, UpstreamRefused)
        assert "Too many key terms" in caller.error.message
        assert len(caller.charges) == 1


async def test_what_a_session_cannot_do_is_an_error_and_it_goes_on(tmp_path: Path) -> None:
    """Named by the caller's event."""
    async with deepgram(tmp_path, DeepgramUpstream()) as caller:
        caller.say(said(event("response.create")))
        refused = await until(caller, "error")
        assert refused["error"]["type"] == "invalid_request_error"
        assert refused["error"]["event_id"] == "event_1"
        caller.say(sound(500), sound(500, is_silent=True))
        await until(caller, COMPLETED)


async def test_a_caller_that_reads_no_answers_is_held_back(tmp_path: Path) -> None:
    """Answers that no provider gives are not heaped up."""
    async with deepgram(tmp_path, DeepgramUpstream()) as caller:
        await caller.get(2)
        caller.say(*[said(event("response.create"))] * 1000)

        async def is_still() -> bool:
            before = caller.taken
            await asyncio.sleep(0.05)
            return 100 < before == caller.taken

        await eventually(is_still)
        assert caller.taken < 1000


async def test_a_silent_caller_keeps_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider hears that it is still there, in a frame of text."""
    frame = NovaSession.keep_alive
    assert frame is not None
    assert frame.seconds < 5
    monkeypatch.setattr(NovaSession, "keep_alive", KeepAlive(0.02, frame.frame))
    upstream = DeepgramUpstream()
    async with deepgram(tmp_path, upstream) as caller:
        await caller.get(2)

        async def is_kept() -> bool:
            return upstream.messages[:2] == ['{"type":"KeepAlive"}'] * 2

        await eventually(is_kept)
        caller.leave()
        await caller.get()
        assert caller.error is None
        assert upstream.messages[-1] == '{"type":"CloseStream"}'


async def test_keeping_alive_is_no_word_of_the_callers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session in which nobody says anything ends all the same, with the provider's goodbye."""
    monkeypatch.setattr(NovaSession, "keep_alive", KeepAlive(0.02, '{"type":"KeepAlive"}'))
    upstream, limits = DeepgramUpstream(), replace(PATIENT, idle=0.2)
    async with session(
        tmp_path, upstream, limits=limits, provider_type="Deepgram", model="nova-3"
    ) as caller:
        await caller.get()
        assert caller.end.reason == pb.SESSION_END_REASON_IDLE
        assert upstream.messages[-1] == '{"type":"CloseStream"}'
