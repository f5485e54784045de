"""Voices that callers make, in sessions: their owner's alone, at the account that has them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.integration.router.conftest import Bench, Runner
from tests.integration.router.test_made_voices import (
    OTHER_KEY,
    OWNER,
    SAMPLE,
    STRANGER,
    Metadata,
    listed,
    messages,
    wish,
)
from tests.support.session_upstream import event
from tests.support.snapshots import key, mapping, provider, snapshot, virtual_key
from tests.support.storage_host import StorageHost
from tests.support.voice_makers import VoiceMakers, voice_makers

from conduit.v1 import converse_requests_pb2 as pb
from conduit_kernel.errors import AccountUnavailable, ConduitError
from conduit_kernel.not_found_errors import VoiceNotFound

UNKNOWN = "voice_01k4y7" + "0" * 20


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[StorageHost]:
    """Run Storage."""
    made = StorageHost(tmp_path / "storage")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def makers() -> AsyncIterator[VoiceMakers]:
    """Run the provider."""
    async with voice_makers() as found:
        yield found


@pytest.fixture
async def router(bench: Runner, makers: VoiceMakers, host: StorageHost) -> Bench:
    """Return a router with two accounts at OpenAI, which hold sessions of both protocols."""
    found = [provider(n, makers.address, provider_type="OpenAI", priority=n) for n in (1, 2)]
    models = {"talk": "gpt-realtime", "live": "gpt-live-1"}
    return await bench(
        snapshot(
            found,
            keys=[key(each.id, each.id) for each in found],
            mappings=[
                mapping(10 * n + each.id, each.id, model_alias=alias, actual_model_name=model)
                for n, (alias, model) in enumerate(models.items())
                for each in found
            ],
            virtual_keys=[virtual_key(), virtual_key(OTHER_KEY, 2)],
        ),
        storage=host.address,
    )


async def made(router: Bench) -> str:
    """Make a voice at the second account; return its id."""
    spec = wish("talk", consent="cons_1")
    answer = await router.stub.CreateVoice(messages(spec, SAMPLE, providers=["2"]), OWNER)
    voice_id: str = answer.voice.id
    return voice_id


class Session:
    """A session: says what a test gives, and keeps what comes."""

    def __init__(self, router: Bench, start: pb.ConverseStart, who: Metadata = OWNER) -> None:
        self.said: list[pb.ConverseRequest] = [pb.ConverseRequest(start=start)]
        self.events: list[Any] = []
        self.error: ConduitError | None = None
        self._router, self._who = router, who

    def say(self, kind: str, **members: object) -> None:
        """Say an event of JSON."""
        self.said.append(pb.ConverseRequest(json=event(kind, **members).encode()))

    async def _messages(self) -> AsyncIterator[pb.ConverseRequest]:
        for message in self.said:
            yield message
        await asyncio.Event().wait()

    async def until(self, kind: str, count: int = 1) -> None:
        """Receive up to so many events of a type, or the end."""
        call = self._router.stub.Converse(self._messages(), self._who)
        try:
            async with asyncio.timeout(20):
                async for message in call:
                    if message.WhichOneof("message") == "json":
                        self.events.append(orjson.loads(message.json))
                        count -= self.events[-1]["type"] == kind
                        if not count:
                            return
        except ConduitError as error:
            self.error = error
        finally:
            await call.aclose()


def realtime(voice: str = "", model: str = "talk") -> pb.ConverseStart:
    """Return the start of a realtime session."""
    return pb.ConverseStart(
        protocol=pb.SESSION_PROTOCOL_REALTIME,
        model=model,
        events=pb.EVENT_FORM_JSON,
        voice=voice,
    )


def speaking_with(voice: object) -> dict[str, object]:
    """Return the settings of a session that speaks with a voice."""
    return {"type": "realtime", "audio": {"output": {"voice": voice}}}


@pytest.mark.parametrize("is_reference", [False, True])
async def test_a_realtime_session_speaks_with_a_voice_that_it_was_begun_for(
    router: Bench, makers: VoiceMakers, *, is_reference: bool
) -> None:
    """At the account that has it; the provider hears its own id, and the caller ours."""
    voice_id = await made(router)
    session = Session(router, realtime(voice_id))
    named = {"id": voice_id} if is_reference else voice_id
    session.say("session.update", session=speaking_with(named))
    await session.until("session.updated")
    assert session.error is None
    assert makers.sessions == [("sk-2", {"id": "made1"})]
    told = session.events[-1]["session"]["audio"]["output"]["voice"]
    assert told == {"id": voice_id}


@pytest.mark.parametrize("kind", ["response.create", "beta"])
async def test_wherever_an_event_names_it(router: Bench, makers: VoiceMakers, kind: str) -> None:
    """For one answer, and where old clients have it."""
    voice_id = await made(router)
    session = Session(router, realtime(voice_id))
    if kind == "beta":
        session.say("session.update", session={"type": "realtime", "voice": voice_id})
    else:
        session.say(kind, response={"audio": {"output": {"voice": voice_id}}})
    await session.until("session.updated")
    assert makers.sessions == [("sk-2", {"id": "made1"})]


async def test_typed_events_name_it_too(router: Bench, makers: VoiceMakers) -> None:
    """Whether the contract knows the member or not."""
    voice_id = await made(router)
    session = Session(router, realtime(voice_id))
    update, create = pb.ConverseRequest(), pb.ConverseRequest()
    changed = update.realtime.session_update.session
    changed.audio.output.voice.reference.id = voice_id
    response = create.realtime.response_create.response
    response.unknown_json = orjson.dumps({"audio": {"output": {"voice": voice_id}}})
    session.said += [update, create]
    await session.until("session.updated", 2)
    assert session.error is None
    assert makers.sessions == [("sk-2", {"id": "made1"})] * 2


async def test_a_live_session_goes_where_its_voice_is(router: Bench, makers: VoiceMakers) -> None:
    """Its first event names the voice, before anybody was asked."""
    voice_id = await made(router)
    start = pb.ConverseStart(protocol=pb.SESSION_PROTOCOL_LIVE, events=pb.EVENT_FORM_JSON)
    session = Session(router, start)
    settings = {"model": "live", "audio": {"output": {"voice": voice_id}}}
    session.say("session.start", session=settings)
    await session.until("session.started")
    assert session.error is None
    assert makers.sessions == [("sk-2", {"id": "made1"})]
    assert session.events[-1]["session"]["audio"]["output"]["voice"] == {"id": voice_id}


async def test_a_client_secret_keeps_its_session_where_its_voice_is(
    router: Bench, makers: VoiceMakers
) -> None:
    """Whose settings are known before the session begins."""
    voice_id = await made(router)
    request = pb.CreateClientSecretRequest()
    request.secret.session.model = "talk"
    request.secret.session.audio.output.voice.name = voice_id
    answer = await router.stub.CreateClientSecret(request, OWNER)
    holder = (("authorization", f"Bearer {answer.secret.value}"),)
    session = Session(router, realtime(model=""), holder)
    await session.until("session.updated")
    assert session.error is None
    assert makers.sessions == [("sk-2", {"id": "made1"})]


async def test_a_session_with_another_account_ends(router: Bench, makers: VoiceMakers) -> None:
    """Where the voice is named too late to choose; the error says how it is named before."""
    voice_id = await made(router)
    session = Session(router, realtime())
    session.say("session.update", session=speaking_with(voice_id))
    await session.until("session.updated")
    assert isinstance(session.error, AccountUnavailable)
    assert "`voice`" in session.error.message
    assert makers.sessions == []


@pytest.mark.parametrize("is_named_before", [False, True])
@pytest.mark.parametrize("who", ["a stranger", "its owner"])
async def test_a_voice_is_nobody_elses(
    router: Bench, makers: VoiceMakers, who: str, *, is_named_before: bool
) -> None:
    """And one that there is not is nobody's."""
    voice_id = await made(router) if who == "a stranger" else UNKNOWN
    session = Session(
        router,
        realtime(voice_id if is_named_before else ""),
        STRANGER if who == "a stranger" else OWNER,
    )
    session.say("session.update", session=speaking_with(voice_id))
    await session.until("session.updated")
    assert isinstance(session.error, VoiceNotFound)
    assert makers.sessions == []


async def test_other_voices_and_other_words_pass_as_they_are(
    router: Bench, makers: VoiceMakers, host: StorageHost
) -> None:
    """Nobody is asked about them."""
    await host.stop()
    session = Session(router, realtime())
    session.say("session.update", session=speaking_with("marin"))
    session.say("session.update", session={"instructions": f'say "{UNKNOWN}"'})
    session.say("session.update", session=speaking_with("voice_1"), note="done")
    await session.until("session.updated", 3)
    assert session.error is None
    assert makers.sessions == [("sk-1", "marin"), ("sk-1", None), ("sk-1", "voice_1")]
    assert session.events[-2]["session"]["instructions"] == f'say "{UNKNOWN}"'


async def test_models_that_hold_sessions_are_listed_with_it(router: Bench) -> None:
    """As those that can speak with it."""
    voice_id = await made(router)
    assert {*(await listed(router))[voice_id].models} == {"talk", "live"}
    assert (await listed(router, model="live")).keys() == {voice_id}
