"""Sessions are held to guardrails: what is written in them, and the transcripts of their sound."""

import json
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from tests.support.suite import Suite
from tests.support.waiting import eventually
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "AKIA" + "IOSFODNN7EXAMPLE"
WORDS = f"my key is {KEY} and that is all"
HEARD = "the quick brown fox"
Body = dict[str, Any]


def guardrail(action: str, stage: str = "Both", **looks: object) -> Body:
    """Return a guardrail that looks for credentials, or for what is said."""
    return {"name": "g", "action": action, "stage": stage, **(looks or {"detectors": ["Secret"]})}


def item(text: str) -> Body:
    """Return an event by which a caller writes something."""
    content = [{"type": "input_text", "text": text}]
    said = {"type": "message", "role": "user", "content": content}
    return {"type": "conversation.item.create", "item": said}


def respond(*modalities: str) -> Body:
    """Return an event by which a caller asks for an answer."""
    return {"type": "response.create", "response": {"output_modalities": [*modalities]}}


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def aliases(suite: Suite) -> None:
    """Map what the sessions name."""
    await suite.add_simulator("talks", "echo")
    await suite.add_simulator("lives", "echo")
    await suite.settled()


@asynccontextmanager
async def session(suite: Suite, *guardrails: Body) -> AsyncIterator[ClientConnection]:
    """Hold a session by a new virtual key with guardrails."""
    body = {"name": secrets.token_hex(8), "guardrails": guardrails}
    made = await suite.call("POST", "/api/virtual-keys", body)
    await suite.settled()
    url = f"{suite.url.replace('http', 'ws')}/v1/realtime?model=talks"
    headers = {"Authorization": f"Bearer {made['key']}"}
    async with connect(url, additional_headers=headers) as socket:
        assert json.loads(await socket.recv())["type"] == "session.created"
        yield socket


async def turn(socket: ClientConnection, *said: Body, last: str = "response.done") -> list[Body]:
    """Say something; return the events until one of a type, or the end."""
    events = list[Body]()
    try:
        for event in said:
            await socket.send(json.dumps(event))
        while not events or events[-1]["type"] != last:
            events.append(json.loads(await socket.recv()))
    except ConnectionClosed:
        pass
    return events


def text_of(events: list[Body], kind: str) -> str:
    """Return the text that some events bring piece by piece."""
    return "".join(each["delta"] for each in events if each["type"] == f"response.{kind}.delta")


async def test_a_session_in_which_nothing_is_found_goes_as_ever(suite: Suite) -> None:
    """The same events in the same order, but that sound does not wait for its transcript."""
    turns = [item("hello there"), respond("text")], [item("hello " * 99), respond("audio")]
    found = list[list[str]]()
    for guardrails in ((), (guardrail("Block"),)):
        async with session(suite, *guardrails) as socket:
            for said in turns:
                events = await turn(socket, *said)
                found.append(
                    [e["type"] for e in events if e["type"] != "response.output_audio.delta"]
                )
                assert events[-1]["type"] == "response.done"
    assert found[:2] == found[2:]


@pytest.mark.parametrize(
    "said",
    [
        item(WORDS),
        {"type": "session.update", "session": {"type": "realtime", "instructions": WORDS}},
        {"type": "response.create", "response": {"instructions": WORDS}},
    ],
)
async def test_what_a_caller_writes_is_blocked(suite: Suite, said: Body) -> None:
    """The session ends with the error, and the provider has heard nothing of it."""
    async with session(suite, guardrail("Block", "Request")) as socket:
        [*before, last] = await turn(socket, said)
    assert before == []
    assert last["type"] == "error"
    assert "'g'" in last["error"]["message"]
    assert KEY not in json.dumps(last)


async def test_what_a_caller_writes_is_redacted(suite: Suite) -> None:
    """Before it goes to the provider, which says it again."""
    async with session(suite, guardrail("Redact", "Request")) as socket:
        events = await turn(socket, item(WORDS), respond("text"))
    assert text_of(events, "output_text") == "my key is [SECRET] and that is all"
    assert KEY not in json.dumps(events)


@pytest.mark.parametrize("modality", ["text", "audio"])
async def test_what_a_provider_writes_is_blocked(suite: Suite, modality: str) -> None:
    """Also the transcript of what it says: nothing of what is looked for goes out."""
    async with session(suite, guardrail("Block", "Answer")) as socket:
        events = await turn(socket, item(WORDS), respond(modality))
        request_id = (socket.response and socket.response.headers["x-conduit-request-id"]) or ""
    own = [each for each in events if each.get("item", {}).get("role") != "user"]
    assert own[-1]["type"] == "error"
    assert "AKIA" not in json.dumps(own)
    kind = "output_text" if modality == "text" else "output_audio_transcript"
    assert WORDS.startswith(text_of(events, kind))
    record: Body = {}

    async def is_told() -> bool:
        record.update(await suite.call("GET", f"/api/requests/{request_id}"))
        found = await suite.call("GET", f"/api/usage/charges?requestId={request_id}")
        return bool(found["charges"])

    await eventually(is_told, seconds=20)
    assert record["code"] == "CONTENT_BLOCKED"


@pytest.mark.parametrize("modality", ["text", "audio"])
async def test_what_a_provider_writes_is_redacted(suite: Suite, modality: str) -> None:
    """In its pieces, and wherever the whole is said again; sound goes as it comes."""
    async with session(suite, guardrail("Redact", "Answer")) as socket:
        events = await turn(socket, item(WORDS), respond(modality))
    own = [each for each in events if each.get("item", {}).get("role") != "user"]
    kind = "output_text" if modality == "text" else "output_audio_transcript"
    assert text_of(events, kind) == "my key is [SECRET] and that is all"
    assert "AKIA" not in json.dumps(own)
    assert bool(text_of(events, "output_audio")) is (modality == "audio")


async def test_transcripts_of_what_a_caller_says_are_looked_at(suite: Suite) -> None:
    """By the guardrails of requests; those of answers leave them alone."""
    transcribed = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    said = (
        {"type": "session.update", "session": {"type": "realtime", **transcribed}},
        {"type": "input_audio_buffer.append", "audio": b64encode(bytes(48_000)).decode()},
        {"type": "input_audio_buffer.commit"},
    )
    done = "conversation.item.input_audio_transcription.completed"
    for stage, is_found in (("Request", True), ("Answer", False)):
        looks = guardrail("Redact", stage, patterns=["(?i)quick brown"])
        async with session(suite, looks) as socket:
            events = await turn(socket, *said, last=done)
        assert events[-1]["type"] == done
        assert ("[PATTERN]" in events[-1]["transcript"]) is is_found
        assert ("brown" in events[-1]["transcript"]) is not is_found


async def test_a_live_session_begins_within_its_guardrails(suite: Suite) -> None:
    """Its first event is judged like all others."""
    body = {"name": secrets.token_hex(8), "guardrails": [guardrail("Block")]}
    made = await suite.call("POST", "/api/virtual-keys", body)
    await suite.settled()
    url = f"{suite.url.replace('http', 'ws')}/v1/live/sessions"
    headers = {"Authorization": f"Bearer {made['key']}"}
    for instructions, kind in (("Be brief.", "session.started"), (WORDS, "error")):
        start = {"type": "session.start", "session": {"model": "lives"}}
        start["session"] |= {"instructions": instructions}  # type: ignore[operator] # an object
        async with connect(url, additional_headers=headers) as socket:
            [*_, last] = await turn(socket, start, last=kind)
        assert last["type"] == kind, last
        assert KEY not in json.dumps(last)
