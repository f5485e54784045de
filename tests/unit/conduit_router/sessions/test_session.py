"""Sessions, at providers that hang, refuse, cut, are slow and make no sense."""

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support import session_upstream as upstream_events
from tests.support.call_bench import Bench
from tests.support.nonsense import deep
from tests.support.scripted_upstream import (
    Act,
    ScriptedUpstream,
    answer,
    hang,
    open_transport,
    reset,
)
from tests.support.session_bench import ASK, QUICK, Caller, said, session, start
from tests.support.session_upstream import (
    DELTA,
    RESPONSE_CREATED,
    RESPONSE_DONE,
    STARTED,
    answers,
    closed,
    created,
    event,
    holding,
    says,
    transcribing_only,
)
from tests.support.snapshots import key

from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.charge_pb2 import (
    USAGE_SOURCE_EARLY_EVENT,
    USAGE_SOURCE_ESTIMATE,
    USAGE_SOURCE_PROVIDER,
)
from conduit.v1.json_limits import MAX_DEPTH
from conduit_kernel.errors import (
    DeadlineExceeded,
    InvalidRequest,
    ModelNotAllowed,
    StreamInterrupted,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_kernel.http import Exchange
from conduit_kernel.websocket import WebSocket
from conduit_router.accounting.call_counts import GONE


async def test_events_pass_both_ways_and_the_end_says_what_was_used(tmp_path: Path) -> None:
    """Under the caller's name of the model there, the provider's here; and one charge."""
    heard: list[Any] = []

    async def script(socket: WebSocket) -> None:
        await socket.send(created())
        heard.append(orjson.loads(await socket.receive()))
        for each in (RESPONSE_CREATED, DELTA, RESPONSE_DONE, RESPONSE_CREATED, RESPONSE_DONE):
            await socket.send(each)
        await socket.close(1000)

    async with session(tmp_path, holding(script)) as caller:
        caller.say(said(event("session.update", session={"type": "realtime", "model": "gpt"})))
        await caller.get()
        assert caller.error is None
        assert caller.messages[0].started.attempts == 1
        assert caller.messages[0].started.upstream_request_id == "req_upstream"
        assert heard[0]["session"]["model"] == "model-1"
        assert caller.events[0]["session"]["model"] == "gpt"
        assert orjson.dumps(caller.events[2]).decode() == DELTA
        assert caller.upstream.paths == ["/1/realtime"]
        end = caller.end
        assert end.reason == pb.SESSION_END_REASON_PROVIDER
        assert (end.usage.input_tokens, end.usage.output_tokens) == (264, 242)
        assert end.usage.input_token_details.cached_tokens_details.text_tokens == 128
        assert end.usage.output_token_details.audio_tokens == 182
        [charge] = caller.charges
        assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_PROVIDER, True)
        assert (charge.operation, charge.actual_model_name) == ("converse", "model-1")
        assert caller.bench.codes == [""]


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "gpt-realtime-2"])
async def test_live_sound_is_transcribed_by_a_connection_that_names_no_model(
    tmp_path: Path, model: str
) -> None:
    """At once for models that do nothing else, for others once the caller says so."""
    heard: list[Any] = []
    own = "gpt" if model == "gpt-4o-transcribe" else "whisper-1"
    asked = {"type": "transcription", "audio": {"input": {"transcription": {"model": own}}}}
    act = transcribing_only(heard)
    async with session(tmp_path, act, act, provider_type="OpenAI", model=model) as caller:
        caller.say(said(event("session.update", session=asked)))
        await caller.get(3)
        assert caller.error is None
        kinds = [each["type"] for each in caller.events]
        assert kinds == ["session.created", "session.updated"]
        transcription = caller.events[1]["session"]["audio"]["input"]["transcription"]
        assert transcription == {"model": own}
        caller.leave()
        await caller.get()
    [(query, update)] = heard
    assert query == "intent=transcription"
    transcriber = "gpt-4o-transcribe" if model == "gpt-4o-transcribe" else "whisper-1"
    assert update["session"]["audio"]["input"]["transcription"] == {"model": transcriber}


async def test_a_transcription_that_is_refused_ends_the_session(tmp_path: Path) -> None:
    """As the conversation was open that it was to take the place of: no other candidate begins."""
    asked = {"type": "transcription", "audio": {"input": {"transcription": {"model": "w"}}}}
    acts = (transcribing_only([]), answer(b'{"error":{"message":"no"}}', 403))
    async with session(tmp_path, *acts, provider_type="OpenAI", model="gpt-realtime-2") as caller:
        caller.say(said(event("session.update", session=asked)))
        await caller.get()
        assert isinstance(caller.error, UpstreamError)
        assert len(caller.upstream.paths) == 2


async def test_typed_callers_get_typed_events(tmp_path: Path) -> None:
    """And say such; what the contract does not know comes as JSON."""
    strange = event("response.brand_new", x=1)
    async with session(
        tmp_path,
        answers(DELTA, strange),
        first=pb.ConverseRequest(start=pb.ConverseStart(model="gpt")),
    ) as caller:
        message = pb.ConverseRequest()
        message.realtime.response_create.SetInParent()
        caller.say(message)
        await caller.get(4)
        kinds = [m.WhichOneof("message") for m in caller.messages]
        assert kinds == ["started", "realtime", "realtime", "json"]
        assert caller.messages[1].realtime.session_created.session.model == "gpt"
        assert caller.messages[2].realtime.response_output_text_delta.delta == "Hi"


BEFORE = {
    "a refused key": answer(b'{"error":{"message":"no"}}', 401),
    "too many": answer(b"{}", 429),
    "a failure": answer(b"{}", 500),
    "no model": answer(b"{}", 404),
    "no WebSocket": answer(b"{}"),
    "hangs": hang,
    "reset": reset,
    "silent": holding(lambda socket: socket.wait_closed()),
    "cut": says(is_cut=True),
    "closed": says(),
    "closed as too busy": says(code=1013),
    "closed for the key": says(code=3000, reason="invalid_request_error.invalid_api_key"),
    "an error": says(upstream_events.error("insufficient_quota", "no money")),
    "nonsense": says("no JSON"),
    "bytes": holding(lambda socket: socket.send(b"\0")),
}


@pytest.mark.parametrize("act", BEFORE.values(), ids=BEFORE)
async def test_whatever_fails_before_the_first_event_goes_to_the_next(
    tmp_path: Path, act: Act
) -> None:
    """The caller sees one whole session; the failed attempt costs nothing."""
    works = answers()

    async def first_fails(exchange: Exchange) -> None:
        await (act if exchange.path.startswith("/1/") else works)(exchange)

    async with session(tmp_path, first_fails, limits=QUICK) as caller:
        await caller.get(2)
        assert caller.error is None
        # A failure that may pass is tried again at the same instance.
        assert caller.messages[0].started.attempts in {2, 3}
        assert caller.messages[0].started.provider_id == 2
        assert [e["type"] for e in caller.events] == ["session.created"]
        await caller.call.aclose()
        assert len(caller.charges) == 1
        assert len(caller.bench.endings) == 1


async def test_a_refused_key_is_followed_by_the_next_one(tmp_path: Path) -> None:
    """Of the same instance."""
    keys = [key(1, 1), key(2, 1)]
    async with session(tmp_path, answer(b"{}", 401), answers(), keys=keys) as caller:
        await caller.get(2)
        started = caller.messages[0].started
        assert (started.attempts, started.provider_id, started.fallbacks) == (2, 1, 0)


async def test_nobody_there_is_told_so(tmp_path: Path) -> None:
    """By the error of the last attempt."""
    async with open_transport() as transport:
        bench = Bench(tmp_path, transport=transport)
        caller = Caller(bench, ScriptedUpstream(hang), QUICK)
        caller.say(start())
        await caller.get()
        assert isinstance(caller.error, UpstreamUnreachable)
        bench.spool.close()


async def test_a_handshake_that_hangs_is_bounded(tmp_path: Path) -> None:
    """By the time for opening, at each candidate."""
    async with session(tmp_path, hang, limits=QUICK) as caller:
        began = time.monotonic()
        await caller.get()
        assert isinstance(caller.error, UpstreamTimeout)
        assert time.monotonic() - began < 2
        assert caller.charges == []


async def test_the_callers_time_bounds_the_beginning_and_not_the_session(tmp_path: Path) -> None:
    """A session that has begun goes on after it."""
    async with session(tmp_path / "late", hang, first=start(seconds=0.1)) as caller:
        await caller.get()
        assert isinstance(caller.error, DeadlineExceeded)
    async with session(tmp_path / "goes on", answers(DELTA), first=start(seconds=0.5)) as caller:
        await caller.get(2)
        await asyncio.sleep(0.6)
        caller.say(said(ASK))
        await caller.get(1)
        assert caller.events[-1]["type"] == "response.output_text.delta"


async def test_a_cut_ends_the_session_and_charges_what_was_counted(tmp_path: Path) -> None:
    """Nobody else goes on with a conversation; the cut counts against the provider."""
    act = says(created(), RESPONSE_CREATED, RESPONSE_DONE, is_cut=True)
    async with session(tmp_path, act) as caller:
        await caller.get()
        assert isinstance(caller.error, StreamInterrupted)
        [charge] = caller.charges
        assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_EARLY_EVENT, False)
        assert len(caller.upstream.paths) == 1
        [outcome] = [o for o in caller.bench.outcomes.drain() if o.reason]
        assert outcome.provider_id == 1
        _, tallies = caller.bench.records()
        assert tallies[1].failures == 1


async def test_a_cut_within_a_response_is_an_estimate(tmp_path: Path) -> None:
    """Of what was handed out of the response that nobody counted."""
    act = says(created(), RESPONSE_CREATED, DELTA, DELTA, is_cut=True)
    async with session(tmp_path, act) as caller:
        await caller.get()
        [charge] = caller.charges
        assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_ESTIMATE, False)
        assert [line.quantity for line in charge.lines] == [2]


async def test_the_callers_leaving_ends_the_providers_side_at_once(tmp_path: Path) -> None:
    """It is a good end: one charge, with all that was counted."""
    gone = asyncio.Event()

    async def script(socket: WebSocket) -> None:
        for each in (created(), RESPONSE_CREATED, RESPONSE_DONE):
            await socket.send(each)
        await socket.wait_closed()
        gone.set()

    async with session(tmp_path, holding(script)) as caller:
        await caller.get(4)
        began = time.monotonic()
        await caller.call.aclose()
        await gone.wait()
        assert time.monotonic() - began < 3
        [charge] = caller.charges
        assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_PROVIDER, True)
        assert caller.bench.codes == [GONE]
        _, tallies = caller.bench.records()
        assert (tallies[1].successes, tallies[1].failures) == (1, 0)


async def test_a_caller_who_has_no_more_to_say_gets_the_end(tmp_path: Path) -> None:
    """With what was used."""
    async with session(tmp_path, answers(RESPONSE_CREATED, RESPONSE_DONE)) as caller:
        caller.say(said(ASK))
        await caller.get(4)
        caller.leave()
        await caller.get()
        assert caller.end.reason == pb.SESSION_END_REASON_CALLER
        assert caller.end.usage.total_tokens == 253
        assert caller.end.report.attempts == 1


async def test_a_message_that_is_no_event_of_the_session_ends_it(tmp_path: Path) -> None:
    """The caller is told; the provider is not to blame."""
    wrong = pb.ConverseRequest()
    wrong.live.session_close.SetInParent()
    async with session(tmp_path, answers()) as caller:
        caller.say(wrong)
        await caller.get()
        assert isinstance(caller.error, InvalidRequest)
        _, tallies = caller.bench.records()
        assert (tallies[1].successes, tallies[1].failures) == (1, 0)


@pytest.mark.parametrize(
    "first",
    [said(ASK), pb.ConverseRequest(start=pb.ConverseStart(protocol=pb.SESSION_PROTOCOL_REALTIME))],
)
async def test_a_session_begins_with_its_start(tmp_path: Path, first: pb.ConverseRequest) -> None:
    """Which names a model."""
    async with session(tmp_path, answers(), first=first) as caller:
        await caller.get()
        assert isinstance(caller.error, InvalidRequest)
        assert caller.upstream.paths == []


async def test_what_other_models_used_is_on_charges_of_their_own(tmp_path: Path) -> None:
    """Who writes down what the caller says is billed at its own price."""
    usage = {"type": "tokens", "input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
    heard = event(
        "conversation.item.input_audio_transcription.completed",
        item_id="item_1",
        content_index=0,
        transcript="Hello",
        usage=usage | {"input_token_details": {"audio_tokens": 9, "text_tokens": 0}},
    )
    act = says(
        created(transcriber="gpt-4o-transcribe"), heard, heard, RESPONSE_CREATED, RESPONSE_DONE
    )
    async with session(tmp_path, act) as caller:
        await caller.get()
        used = {c.actual_model_name: sum(x.quantity for x in c.lines) for c in caller.charges}
        assert used == {"model-1": 253, "gpt-4o-transcribe": 26}
        assert caller.end.transcription_usage.total_tokens == 26
        assert caller.end.usage.total_tokens == 253


BEGIN = event("session.start", session={"model": "gpt", "instructions": "Be brief."})


async def test_a_live_sessions_first_event_names_the_model(tmp_path: Path) -> None:
    """It goes to the provider under its own name; the report comes once there is one."""
    heard: list[Any] = []

    async def script(socket: WebSocket) -> None:
        heard.append(orjson.loads(await socket.receive()))
        await socket.send(STARTED)
        heard.append(orjson.loads(await socket.receive()))
        await socket.send(closed(61))

    async with session(tmp_path, holding(script), first=start(live=True)) as caller:
        await caller.get(1)
        assert caller.messages[0].started.attempts == 0
        caller.say(said(BEGIN), said(event("session.close")))
        await caller.get()
        assert caller.error is None
        assert caller.messages[1].started.attempts == 1
        assert heard[0]["session"] == {"model": "model-1", "instructions": "Be brief."}
        assert [e["session"]["model"] for e in caller.events] == ["gpt", "gpt"]
        assert caller.end.reason == pb.SESSION_END_REASON_CALLER
        assert caller.upstream.paths == ["/1/live/sessions"]
        [charge] = caller.charges
        assert [line.quantity for line in charge.lines] == [61_000]
        assert charge.is_complete


async def test_a_live_session_that_a_provider_refuses_goes_to_the_next(tmp_path: Path) -> None:
    """With the same first event."""
    refused = holding(lambda socket: socket.send(upstream_events.error("server_error", "no")))

    async def script(socket: WebSocket) -> None:
        assert orjson.loads(await socket.receive())["session"]["model"] == "model-2"
        await socket.send(STARTED)
        await socket.wait_closed()

    acts = (refused, refused, holding(script))
    async with session(tmp_path, *acts, first=start(live=True)) as caller:
        caller.say(said(BEGIN))
        await caller.get(3)
        assert caller.messages[1].started.provider_id == 2
        await caller.call.aclose()
        [charge] = caller.charges
        # Nobody said how long it was.
        assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_ESTIMATE, False)


async def test_a_live_session_waits_for_its_first_event_in_bounds(tmp_path: Path) -> None:
    """A connection that says nothing is not held for long; one that leaves is no error."""
    first = start(live=True)
    async with session(tmp_path / "silent", answers(), first=first, limits=QUICK) as caller:
        await caller.get()
        assert isinstance(caller.error, DeadlineExceeded)
    async with session(tmp_path / "gone", answers(), first=first) as caller:
        caller.leave()
        await caller.get()
        assert caller.error is None
        assert len(caller.messages) == 1


@pytest.mark.parametrize(
    "first",
    [event("session.close"), '{"type":"session.start","session":{}}', "{", "[]"],
    ids=["another", "no model", "no JSON", "no object"],
)
async def test_a_live_session_begins_with_no_other_event(tmp_path: Path, first: str) -> None:
    """The caller is told before anybody is asked."""
    async with session(tmp_path, answers(), first=start(live=True)) as caller:
        caller.say(said(first))
        await caller.get()
        assert isinstance(caller.error, InvalidRequest)
        assert caller.upstream.paths == []


async def test_a_handshake_has_the_key_and_nothing_of_the_callers(tmp_path: Path) -> None:
    """The retired header of the beta is not sent."""
    seen: list[tuple[bytes, bytes]] = []

    async def act(exchange: Exchange) -> None:
        seen.extend(exchange.headers.items())
        await answers()(exchange)

    async with session(tmp_path, act) as caller:
        await caller.get(2)
        headers = dict(seen)
        assert headers[b"authorization"] == b"Bearer sk-1"
        assert b"openai-beta" not in headers


def writing_down(model: str) -> pb.ConverseRequest:
    """Return the event that has a model write down what the caller says."""
    audio = {"input": {"transcription": {"model": model}}}
    return said(event("session.update", session={"type": "realtime", "audio": audio}))


def delegating(model: str) -> pb.ConverseRequest:
    """Return the first event of a live session whose model delegates work to another."""
    delegation = {"type": "responses", "model": model}
    return said(event("session.start", session={"model": "gpt", "delegation": delegation}))


async def test_a_key_brings_no_model_into_a_session_that_it_may_not_use(tmp_path: Path) -> None:
    """Such as one that writes down what is said: it costs, too. Nothing is sent."""
    heard: list[str] = []

    async def script(socket: WebSocket) -> None:
        await socket.send(created())
        while True:
            heard.append(str(await socket.receive()))

    async with session(tmp_path, holding(script), allowed=("gpt", "whisper-*")) as caller:
        caller.say(writing_down("whisper-1"), writing_down("gpt-4o-transcribe"))
        await caller.get()
        assert isinstance(caller.error, ModelNotAllowed)
        assert caller.error.metadata["model"] == "gpt-4o-transcribe"
        assert [orjson.loads(text)["session"]["type"] for text in heard] == ["realtime"]


@pytest.mark.parametrize("model", ["gpt", "gpt-5.5"])
async def test_a_key_delegates_to_no_model_that_it_may_not_use(tmp_path: Path, model: str) -> None:
    """In a live session's first event, before any provider is asked."""

    async def script(socket: WebSocket) -> None:
        await socket.receive()
        await socket.send(STARTED)
        await socket.wait_closed()

    first, allowed = start(live=True), ("gpt",)
    async with session(tmp_path, holding(script), first=first, allowed=allowed) as caller:
        caller.say(delegating(model))
        await caller.get(2)
        assert (caller.error is None) is (model == "gpt")
        assert bool(caller.upstream.paths) is (model == "gpt")
        assert caller.error is None or isinstance(caller.error, ModelNotAllowed)


async def test_a_key_for_all_models_may_name_any(tmp_path: Path) -> None:
    """As before."""
    async with session(tmp_path, answers(DELTA)) as caller:
        caller.say(writing_down("anything"))
        await caller.get(3)
        assert caller.error is None


BEYOND = {
    "too deep": f'{{"type":"session.update","session":{deep(MAX_DEPTH).decode()}}}',
    "no finite number": '{"type":"session.update","session":{"x":1e999}}',
}


@pytest.mark.parametrize("text", BEYOND.values(), ids=BEYOND)
async def test_an_event_beyond_the_limits_of_json_is_the_callers_fault(
    tmp_path: Path, text: str
) -> None:
    """And no crash of ours."""
    async with session(tmp_path, answers()) as caller:
        caller.say(said(text))
        await caller.get()
        assert isinstance(caller.error, InvalidRequest)


@pytest.mark.parametrize("text", BEYOND.values(), ids=BEYOND)
async def test_a_providers_event_beyond_the_limits_of_json_is_the_providers_fault(
    tmp_path: Path, text: str
) -> None:
    """The session ends with an error of the provider's, before it is open or later."""
    text = text.replace("session.update", "session.updated")
    async with session(tmp_path, says(created(), text)) as caller:
        await caller.get()
        assert isinstance(caller.error, UpstreamError)
        assert caller.error.metadata["kind"] == "malformed"
