"""A provider that holds sessions as a test says, on a real port; and what OpenAI's would say.

The events are put together from openai 3.57: types.realtime and types.live.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from tests.support.scripted_upstream import Act

from conduit_kernel.http import Exchange
from conduit_kernel.websocket import WebSocket, WebSocketClosed, accept

Script = Callable[[WebSocket], Awaitable[object]]


def event(kind: str, **members: object) -> str:
    """Write an event."""
    return orjson.dumps({"type": kind, "event_id": "event_1", **members}).decode()


def created(model: str = "model-1", transcriber: str = "") -> str:
    """Write what begins a realtime session."""
    said = {"transcription": {"model": transcriber}} if transcriber else {"transcription": None}
    session = {"type": "realtime", "id": "sess_1", "model": model, "audio": {"input": said}}
    return event("session.created", session=session)


RESPONSE_CREATED = event("response.created", response={"id": "resp_1", "status": "in_progress"})
DELTA = event(
    "response.output_text.delta",
    response_id="resp_1",
    item_id="item_1",
    output_index=0,
    content_index=0,
    delta="Hi",
)
USAGE: dict[str, Any] = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}
RESPONSE_DONE = event(
    "response.done",
    response={"id": "resp_1", "object": "realtime.response", "status": "completed", "usage": USAGE},
)
STARTED = event(
    "session.started",
    session={"id": "live_1", "model": "model-1", "status": "active", "expires_at": 1795440000},
)


def closed(seconds: int, reason: str = "close_requested") -> str:
    """Write what ends a live session."""
    session = {"id": "live_1", "model": "model-1", "status": "active", "expires_at": 1795440000}
    return event("session.closed", reason=reason, session=session, usage={"seconds": seconds})


def error(code: str, message: str, kind: str = "invalid_request_error") -> str:
    """Write an event of failure."""
    told = {"type": kind, "code": code, "message": message, "param": None, "event_id": None}
    return event("error", error=told)


def holding(script: Script) -> Act:
    """Accept a WebSocket, do as told, and close it."""

    async def act(exchange: Exchange) -> None:
        socket = accept(exchange, headers=((b"x-request-id", b"req_upstream"),))
        try:
            await script(socket)
        except WebSocketClosed:
            pass
        finally:
            await socket.close()

    return act


def says(*events: str, code: int = 1000, reason: str = "", is_cut: bool = False) -> Act:
    """Hold a session that says so much, and ends so."""

    async def script(socket: WebSocket) -> None:
        for each in events:
            await socket.send(each)
        if is_cut:
            # What was sent is to arrive before.
            await asyncio.sleep(0.05)
            socket.abort()
        else:
            await socket.close(code, reason)

    return holding(script)


def answers(*events: str, opening: str | None = None) -> Act:
    """Hold a session that answers each event of the caller's with some, until the caller leaves."""

    async def script(socket: WebSocket) -> None:
        await socket.send(created() if opening is None else opening)
        while True:
            await socket.receive()
            for each in events:
                await socket.send(each)

    return holding(script)


def created_transcription() -> str:
    """Write what begins a session that only transcribes."""
    return event("session.created", session={"type": "transcription", "id": "sess_2"})


def transcribing_only(heard: list[Any]) -> Act:
    """Return what OpenAI does: who names a model in the address holds a conversation.

    https://developers.openai.com/api/docs/guides/realtime-transcription
    """

    async def act(exchange: Exchange) -> None:
        socket = accept(exchange)
        is_conversation = "intent=transcription" not in exchange.query
        await socket.send(created() if is_conversation else created_transcription())
        while True:
            try:
                heard.append((exchange.query, orjson.loads(await socket.receive())))
            except WebSocketClosed:
                return
            if heard[-1][1]["type"] != "session.update":
                continue
            asked = heard[-1][1]["session"]
            if is_conversation and asked["type"] == "transcription":
                told = "Passing a transcription session update event to a realtime session"
                await socket.send(error("invalid_parameter", told))
                await socket.close(4000)
                return
            await socket.send(event("session.updated", session=asked))

    return act
