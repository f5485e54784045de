"""One connection of the hub, spoken to in records, without a transport."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from tests.support.clock import settle

from conduit.v1.provider_health_pb2 import ProviderHealth
from conduit_bridge.signalr import session as module
from conduit_bridge.signalr.events import Event
from conduit_bridge.signalr.feed import NotificationFeed
from conduit_bridge.signalr.records import END
from conduit_bridge.signalr.session import HubSession

HANDSHAKE: dict[str, Any] = {"protocol": "json", "version": 1}


class Feed(NotificationFeed):
    """Knows the instances 1 and 2, unless Health is away."""

    def __init__(self) -> None:
        super().__init__(None, ())
        self.is_away = False
        self._live.set()

    async def providers(self) -> list[ProviderHealth]:
        """Return them."""
        if self.is_away:
            raise grpc.RpcError
        return [ProviderHealth(provider_id=number) for number in (1, 2)]

    def tell(self, *events: Event) -> None:
        """Hand events to all who listen."""
        for listener in tuple(self._listeners):
            listener(events)

    @property
    def has_listeners(self) -> bool:
        """Return whether anybody listens."""
        return bool(self._listeners)


class Client:
    """A client, and the session that serves it."""

    def __init__(self) -> None:
        self.feed = Feed()
        self.got: list[Any] = []
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue()
        session = HubSession(self.feed, self._received(), self._send, lambda: 0.0)
        self.running = asyncio.ensure_future(session.run())

    async def say(self, *records: object) -> list[Any]:
        """Send records in one piece; return what was answered."""
        before = len(self.got)
        self._inbox.put_nowait("".join(json.dumps(record) + END for record in records))
        await settle()
        return self.got[before:]

    async def leave(self) -> None:
        """Hang up, and wait until the session has ended."""
        self._inbox.put_nowait(None)
        async with asyncio.timeout(2):
            await self.running

    async def _received(self) -> AsyncIterator[str]:
        while (text := await self._inbox.get()) is not None:
            yield text

    async def _send(self, text: str) -> None:
        self.got += [json.loads(record) for record in text.split(END) if record]


async def shaken() -> Client:
    """Return a client that has shaken hands."""
    client = Client()
    assert await client.say(HANDSHAKE) == [{}]
    return client


def call(target: str, *arguments: object, name: str | None = "1", kind: int = 1) -> dict[str, Any]:
    """Return the record of a call."""
    record = {"type": kind, "target": target, "arguments": arguments}
    return record if name is None else record | {"invocationId": name}


async def test_all_is_told_until_a_client_subscribes() -> None:
    """Then what is of other instances is not, and what is of none is."""
    client = await shaken()
    client.feed.tell(Event("A", {}, 1), Event("B", {}, 9))
    assert [r["target"] for r in await client.say({"type": 6})] == ["A", "B"]
    initial, done = await client.say(call("SubscribeToProvider", 1))
    assert initial["target"] == "InitialProviderHealth"
    assert [update["providerId"] for update in initial["arguments"][0]] == [1]
    assert done == {"type": 3, "invocationId": "1", "result": None}
    client.feed.tell(Event("A", {}, 1), Event("B", {}, 9), Event("C", {}))
    assert [r["target"] for r in await client.say({"type": 6})] == ["A", "C"]
    await client.say(call("UnsubscribeFromProvider", 1))
    client.feed.tell(Event("B", {}, 9))
    assert [r["target"] for r in await client.say({"type": 6})] == ["B"]
    await client.leave()
    assert not client.feed.has_listeners


async def test_a_client_may_ask_how_all_are() -> None:
    """Those that it subscribed to, or all."""
    client = await shaken()
    initial, _ = await client.say(call("RefreshProviderHealth"))
    assert [update["providerId"] for update in initial["arguments"][0]] == [1, 2]
    await client.leave()


@pytest.mark.parametrize(
    "record",
    [
        call("SubscribeToProvider", 9),
        call("SubscribeToProvider", True),  # noqa: FBT003 # a client's argument
        call("SubscribeToProvider", "1"),
        call("SubscribeToProvider", 10**30),
        call("SubscribeToProvider"),
        call("SubscribeToProvider", 1, kind=4),
        call("RefreshProviderHealth", 1),
        call("DropAllTables"),
    ],
)
async def test_a_call_that_cannot_be_made_is_told_why(record: dict[str, Any]) -> None:
    """To its caller by its id, else as an error; the connection goes on."""
    client = await shaken()
    [done] = await client.say(record)
    assert (done["type"], done["invocationId"]) == (3, "1")
    assert done["error"]
    del record["invocationId"]
    [told] = await client.say(record)
    assert (told["target"], told["arguments"]) == ("Error", [{"message": done["error"]}])
    await client.leave()


async def test_a_health_service_that_is_away_ends_no_connection() -> None:
    """The call fails, and nobody is subscribed by it."""
    client = await shaken()
    client.feed.is_away = True
    [done] = await client.say(call("SubscribeToProvider", 1))
    assert done["error"] == "The health service cannot be reached"
    client.feed.tell(Event("B", {}, 9))
    assert [r["target"] for r in await client.say({"type": 6})] == ["B"]
    await client.leave()


@pytest.mark.parametrize(
    "first", [{"protocol": "messagepack", "version": 1}, {"protocol": "json", "version": []}, []]
)
async def test_a_handshake_that_is_none_is_told_and_ends(first: object) -> None:
    """In its answer, and with a goodbye."""
    client = Client()
    problem, goodbye = await client.say(first)
    assert problem["error"]
    assert goodbye == {"type": 7}
    await client.running
    assert not client.feed.has_listeners


@pytest.mark.parametrize("record", [[], {"type": 1}, {"type": 1, "target": [], "arguments": []}])
async def test_records_that_make_no_sense_end_the_connection(record: object) -> None:
    """The goodbye says why; there is no use in coming back."""
    client = await shaken()
    [goodbye] = await client.say(record)
    assert goodbye["type"] == 7
    assert goodbye["error"]
    assert "allowReconnect" not in goodbye
    await client.running


async def test_records_of_odd_types_are_passed_over() -> None:
    """A client that is newer, or odd, is no fault of ours."""
    client = await shaken()
    assert await client.say({"type": []}, {"type": {}}, {"type": 99}, {}) == []
    assert not client.running.done()
    await client.leave()


async def test_a_silent_client_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may come back; one that never shook hands is told as much."""
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.02)
    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 0.02)
    client, stranger = await shaken(), Client()
    async with asyncio.timeout(2):
        await asyncio.gather(client.running, stranger.running)
    assert client.got[-1]["allowReconnect"] is True
    assert stranger.got == [{"type": 7, "error": "No handshake came"}]


async def test_signs_of_life_fill_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients give up who does not send any."""
    monkeypatch.setattr(module, "PING_SECONDS", 0.01)
    client = await shaken()
    async with asyncio.timeout(2):
        while {"type": 6} not in client.got:  # noqa: ASYNC110 # a timer gives no event
            await asyncio.sleep(0.005)
    await client.leave()


async def test_subscriptions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is there may be made again, and one that is given up makes room."""
    monkeypatch.setattr(module, "MAX_SUBSCRIPTIONS", 1)
    client = await shaken()
    assert len(await client.say(call("SubscribeToProvider", 1))) == 2
    [refused] = await client.say(call("SubscribeToProvider", 2))
    assert "at most 1" in refused["error"]
    assert len(await client.say(call("SubscribeToProvider", 1))) == 2
    await client.say(call("UnsubscribeFromProvider", 1))
    assert len(await client.say(call("SubscribeToProvider", 2))) == 2
    await client.leave()
