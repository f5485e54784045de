"""Sessions that are open: how they end, who is held back, and what is not repeated."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace
from tests.support import session_upstream as upstream_events
from tests.support.session_bench import ASK, PATIENT, said, session
from tests.support.session_upstream import (
    DELTA,
    answers,
    created,
    event,
    holding,
    says,
)
from tests.support.snapshots import ENCRYPTION_KEY, key

from conduit.v1 import converse_requests_pb2 as pb
from conduit_kernel.errors import (
    StreamInterrupted,
    UpstreamError,
    UpstreamRateLimited,
)
from conduit_kernel.secrets import Vault
from conduit_kernel.websocket import WebSocket, WebSocketClosed
from conduit_providers.session_codec import KeepAlive
from conduit_router.sessions.upstream_session import SessionLimits, UpstreamSession

SECRET = "sk-secret-of-the-instance"


@pytest.mark.parametrize("code", [1001, 1008, 1011, 1013, 4000])
async def test_another_code_than_that_of_a_good_end_is_an_interruption(
    tmp_path: Path, code: int
) -> None:
    """With the code, and the provider's words without anything like a key."""
    act = says(created(), code=code, reason=f"because of {SECRET}{SECRET}")
    async with session(tmp_path, act) as caller:
        await caller.get()
        assert isinstance(caller.error, StreamInterrupted)
        assert caller.error.metadata["close_code"] == str(code)
        assert "because of" in caller.error.message
        assert SECRET not in caller.error.message


async def test_an_error_just_before_the_end_is_why(tmp_path: Path) -> None:
    """The caller sees the event, and then an error of the same kind."""
    event_of = upstream_events.error("rate_limit_exceeded", "too fast", "rate_limit_error")
    async with session(tmp_path, says(created(), event_of, code=1008)) as caller:
        await caller.get()
        assert caller.events[-1]["error"]["code"] == "rate_limit_exceeded"
        assert isinstance(caller.error, UpstreamRateLimited)
        [outcome] = [o for o in caller.bench.outcomes.drain() if o.reason]
        assert outcome.provider_id == 1


async def test_an_error_that_the_session_survives_is_an_event(tmp_path: Path) -> None:
    """The session goes on."""
    wrong = upstream_events.error("unknown_parameter", "what?")
    async with session(tmp_path, says(created(), wrong, DELTA)) as caller:
        await caller.get()
        assert [e["type"] for e in caller.events][1:] == ["error", "response.output_text.delta"]
        assert caller.end.reason == pb.SESSION_END_REASON_PROVIDER


async def test_a_session_that_the_provider_lets_expire_ends_well(tmp_path: Path) -> None:
    """OpenAI says so in an event, whatever the code after it."""
    expired = upstream_events.error("session_expired", "60 minutes")
    async with session(tmp_path, says(created(), expired, code=1001)) as caller:
        await caller.get()
        assert caller.end.reason == pb.SESSION_END_REASON_EXPIRED


async def test_no_event_repeats_the_key(tmp_path: Path) -> None:
    """Nor does the error that it becomes."""
    repeated = upstream_events.error("invalid_api_key", f"Incorrect API key: {SECRET}")
    mine = key(1, 1)
    mine.secret.CopyFrom(Vault(ENCRYPTION_KEY).seal(SECRET, "key_1"))
    async with session(tmp_path, says(created(), repeated, code=1008), keys=[mine]) as caller:
        await caller.get()
        assert caller.events[-1]["error"]["message"] == "Incorrect API key: [redacted]"
        assert caller.error is not None
        assert SECRET not in caller.error.message


async def test_what_is_said_does_not_repeat_the_key(tmp_path: Path) -> None:
    """In texts that are no errors."""
    mine = key(1, 1)
    mine.secret.CopyFrom(Vault(ENCRYPTION_KEY).seal(SECRET, "key_1"))
    said_it = DELTA.replace("Hi", f"you sent {SECRET}")
    async with session(tmp_path, says(created(), said_it), keys=[mine]) as caller:
        await caller.get()
        assert caller.events[-1]["delta"] == "you sent [redacted]"


async def test_an_event_that_is_too_large_ends_the_session(tmp_path: Path) -> None:
    """The provider is told so, too."""
    ends: list[int] = []

    async def script(socket: WebSocket) -> None:
        await socket.send(created())
        try:
            await socket.send("x" * (32 * 1024 * 1024 + 1))
            await socket.receive()
        except WebSocketClosed as end:
            ends.append(end.code)

    async with session(tmp_path, holding(script)) as caller:
        await caller.get()
        assert isinstance(caller.error, StreamInterrupted)
        assert "too large" in caller.error.message
        assert ends == [1009]


async def test_nonsense_ends_the_session(tmp_path: Path) -> None:
    """What is no event is not handed on."""
    async with session(tmp_path, says(created(), "no JSON")) as caller:
        await caller.get()
        assert isinstance(caller.error, UpstreamError)
        assert len(caller.events) == 1
        assert len(caller.charges) == 1


async def test_a_slow_provider_holds_the_caller_back(tmp_path: Path) -> None:
    """What it does not take is not read from the caller."""

    async def script(socket: WebSocket) -> None:
        await socket.send(created())
        socket.transport.pause_reading()
        await asyncio.sleep(3)

    piece = event("input_audio_buffer.append", audio="A" * 1_000_000)
    async with session(tmp_path, holding(script)) as caller:
        caller.say(*[said(piece)] * 50)
        await caller.get(2)
        await asyncio.sleep(0.5)
        assert 1 < caller.taken < 40


async def test_a_slow_caller_holds_the_provider_back(tmp_path: Path) -> None:
    """What it does not take is not read from the provider."""
    sent = 0

    async def script(socket: WebSocket) -> None:
        nonlocal sent
        await socket.send(created())
        while True:
            await socket.send(event("response.output_audio.delta", delta="A" * 1_000_000))
            sent += 1

    async with session(tmp_path, holding(script)) as caller:
        await caller.get(2)
        await asyncio.sleep(0.5)
        assert 0 < sent < 40


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (replace(PATIENT, idle=0.1), pb.SESSION_END_REASON_IDLE),
        (replace(PATIENT, longest=0.1), pb.SESSION_END_REASON_EXPIRED),
    ],
    ids=["idle", "longest"],
)
async def test_a_session_has_bounds_of_time(
    tmp_path: Path, limits: SessionLimits, reason: pb.SessionEndReason.ValueType
) -> None:
    """It ends as it should, and the provider's side with it."""
    async with session(tmp_path, answers(), limits=limits) as caller:
        await caller.get()
        assert caller.end.reason == reason
        [charge] = caller.charges
        assert charge.is_complete


async def test_a_session_in_which_one_side_speaks_is_not_idle(tmp_path: Path) -> None:
    """Whichever it is."""
    async with session(tmp_path, answers(DELTA), limits=replace(PATIENT, idle=0.3)) as caller:
        await caller.get(2)
        for _ in range(4):
            await asyncio.sleep(0.15)
            caller.say(said(ASK))
            await caller.get(1)
        assert len(caller.messages) == 6
        assert caller.messages[-1].WhichOneof("message") == "json"


async def test_a_session_on_another_connection_is_kept_alive_there() -> None:
    """Though the one before was closed while it was told that somebody is there."""
    told = asyncio.Event()

    class Old:
        async def send(self, _: str) -> None:
            """Be replaced in the middle of it."""
            held._socket = cast("Any", New())  # noqa: SLF001 # as another task would
            raise WebSocketClosed(1000, "")

    class New:
        async def send(self, _: str) -> None:
            """Hear it."""
            told.set()

    held = UpstreamSession(
        cast("Any", None), cast("Any", Old()), cast("Any", None), PATIENT, cast("Any", None)
    )
    keeping = asyncio.create_task(held._keep_alive(KeepAlive(0.001, "here")))  # noqa: SLF001 # a loop
    async with asyncio.timeout(20):
        await told.wait()
    keeping.cancel()
