"""The SignalR hub of the whole suite, spoken to by hand."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from tests.support.hub_client import (
    ADMIN,
    END,
    HANDSHAKE,
    PATH,
    SECONDS,
    connected,
    negotiate,
    opened,
    ticket,
)
from tests.support.suite import MASTER_KEY, Suite
from tests.support.waiting import eventually
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from conduit_bridge import bootstrap as bridge
from conduit_bridge.signalr import records, session

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def announce(suite: Suite, message: str) -> None:
    """Say something to all administrators."""
    await suite.call("POST", "/api/announcements", {"message": message, "category": "test"})


async def test_negotiation_knows_both_versions(suite: Suite) -> None:
    """Without a version the id is the ticket; with one it opens nothing, and the token does."""
    for version, asked in ((0, None), (0, 0), (1, 1), (1, 5)):
        answer = await negotiate(suite, asked)
        assert answer.headers["cache-control"] == "no-store"
        told = answer.json()
        assert told["negotiateVersion"] == version
        assert ("connectionToken" in told) == bool(version)
        assert "accessToken" not in told
        names = [each["transport"] for each in told["availableTransports"]]
        assert names == ["WebSockets", "ServerSentEvents"]
        assert {"Text"} == {
            f for each in told["availableTransports"] for f in each["transferFormats"]
        }
        async with opened(suite, told.get("connectionToken") or told["connectionId"]) as client:
            await client.send(HANDSHAKE)
            assert await client.next() == {}


async def test_administrators_alone_may_connect(suite: Suite) -> None:
    """A virtual key is none; the master key may come as a bearer, and then stays out of URLs."""
    virtual = {"authorization": f"Bearer {suite.virtual_key}"}
    for headers in (virtual, {"x-master-key": "wrong"}, {"authorization": "Bearer wrong"}):
        refused = await negotiate(suite, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "MASTER_KEY_INVALID")
    async with httpx.AsyncClient(base_url=suite.url) as http:
        assert (await http.post(f"{PATH}/negotiate")).status_code == 401
    told = (await negotiate(suite, headers={"authorization": f"Bearer {MASTER_KEY}"})).json()
    # Clients write it into the URL in place of what they were given.
    assert told["accessToken"] not in {MASTER_KEY, told["connectionToken"]}


async def refusal(suite: Suite, query: str, headers: dict[str, str] | None = None) -> int:
    """Return the status with which a WebSocket is refused."""
    url = f"{suite.url.replace('http', 'ws')}{PATH}{query}"
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers=headers)
    return int(refused.value.response.status_code)


async def test_a_ticket_is_for_one_use(suite: Suite) -> None:
    """What was used, made up, changed or left out opens nothing; no key opens it from a URL."""
    name = await ticket(suite)
    async with opened(suite, name):
        assert await refusal(suite, f"?id={name}") == 404
    fresh = await ticket(suite)
    assert await refusal(suite, f"?id={fresh[:-1]}x") == 404
    assert await refusal(suite, "?id=guess") == 404
    assert await refusal(suite, "") == 401
    assert await refusal(suite, f"?access_token={MASTER_KEY}") == 400
    bearer = {"authorization": f"Bearer {suite.virtual_key}"}
    assert await refusal(suite, "", bearer) == 401


async def test_a_program_may_skip_the_negotiation(suite: Suite) -> None:
    """With the key in a header, as no page of a browser can."""
    url = f"{suite.url.replace('http', 'ws')}{PATH}"
    async with connect(url, additional_headers=ADMIN) as socket:
        await socket.send(orjson.dumps(HANDSHAKE).decode() + END)
        assert await socket.recv(decode=True) == "{}" + END


async def test_what_happens_is_told(suite: Suite) -> None:
    """Announcements and mappings, in the shapes of the original's events."""
    async with connected(suite) as client:
        await announce(suite, "hello")
        said = await client.event("OnSystemAnnouncement")
        assert (said["message"], said["category"], said["priority"]) == ("hello", "test", "Low")
        await suite.add_simulator("hub-alias", "echo")
        mapped = await client.event("OnModelMappingChanged")
        assert (mapped["modelAlias"], mapped["changeType"]) == ("hub-alias", "Created")


async def test_a_provider_that_fails_is_told(suite: Suite) -> None:
    """Whoever subscribed hears how it is at once, and when that changes; others hear it, too."""
    good = await suite.add_simulator("hub-good", "echo")
    bad = await suite.add_simulator("hub-bad", "echo", baseUrl="http://127.0.0.1:9/v1")
    async with connected(suite) as client, connected(suite) as other, connected(suite) as third:
        await client.subscribe(bad)
        await other.subscribe(good)
        await suite.call("POST", f"/api/providers/{bad}/health/check")
        update = await client.event("ProviderHealthUpdate")
        assert (update["providerId"], update["isHealthy"]) == (bad, False)
        assert update["status"] == "Unhealthy"
        data = update["healthData"]
        assert set(data) == {"responseTimeMs", "errorCategory", "timestamp"}
        assert data["errorCategory"] == "Connectivity"
        for each in (client, other, third):
            changed = await each.event("OnProviderHealthChanged")
            assert (changed["providerId"], changed["status"]) == (bad, "Unhealthy")
            assert (changed["priority"], changed["responseTimeMs"]) == ("High", None)
            assert "is unhealthy" in changed["details"]


async def test_every_call_is_completed(suite: Suite) -> None:
    """Well or with an error; what nobody waits for is told as an event."""
    number = await suite.add_simulator("hub-calls", "echo")
    async with connected(suite) as client:
        await client.subscribe(number)
        await client.send(
            {"type": 1, "invocationId": "1", "target": "RefreshProviderHealth", "arguments": []}
        )
        (known,) = await client.event("InitialProviderHealth")
        assert known["providerId"] == number
        assert await client.next() == {"type": 3, "invocationId": "1", "result": None}
        assert await client.call("UnsubscribeFromProvider", number) == ""
        assert await client.call("SubscribeToProvider", 999_999) == "There is no such provider"
        for arguments in (("1",), (True,), (), (1, 2)):
            assert "takes the id" in await client.call("SubscribeToProvider", *arguments)
        for target in ("BroadcastHealthUpdate", "SendAsync", ""):
            assert "no such method" in await client.call(target, 1)
        await client.send({"type": 1, "target": "Nonsense", "arguments": []})
        assert "no such method" in (await client.event("Error"))["message"]
        await client.send({"type": 4, "invocationId": "9", "target": "Stream", "arguments": []})
        assert (await client.next())["invocationId"] == "9"


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ('{"protocol":"messagepack","version":1}', "protocol json only"),
        ('{"protocol":"json","version":2}', "version 1"),
        ("[]", "must be an object"),
        ("nonsense", "not JSON"),
        ("x" * (records.MAX_RECORD_CHARS + 1), "at most"),
    ],
)
async def test_a_handshake_that_makes_no_sense_is_answered(
    suite: Suite, first: str, words: str
) -> None:
    """With the reason, and the end."""
    async with opened(suite) as client:
        await client.socket.send(first + END)
        assert words in (await client.next())["error"]
        await client.last()


async def test_a_client_without_a_handshake_is_let_go_of(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds no connection for long."""
    monkeypatch.setattr(session, "HANDSHAKE_SECONDS", 0.05)
    async with opened(suite) as client:
        assert (await client.last())["error"] == "No handshake came"


@pytest.mark.parametrize("text", ["nonsense", "[]", "x" * 40_000, '{"type":1,"target":5}'])
async def test_a_record_that_makes_no_sense_ends_the_connection(suite: Suite, text: str) -> None:
    """And nothing of it is quoted."""
    async with connected(suite) as client:
        await client.socket.send(text + END)
        assert (await client.last())["error"]


async def test_a_giant_message_ends_the_connection(suite: Suite) -> None:
    """Before it was read whole."""
    async with connected(suite) as client:
        await client.socket.send("x" * 100_000)
        async with asyncio.timeout(SECONDS):
            await client.socket.wait_closed()
        assert client.socket.close_code == 1009


async def test_a_silent_client_is_let_go_of(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half-open connections end; a sign of life is enough to stay, and each gets ours."""
    monkeypatch.setattr(session, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(session, "PING_SECONDS", 0.1)
    async with connected(suite) as client:
        for _ in range(8):
            await client.send({"type": 6})
            assert await client.socket.recv(decode=True) == '{"type":6}' + END
        last = await client.last()
        assert (last["error"], last["allowReconnect"]) == ("The client was silent", True)


async def test_a_flood_of_subscriptions_is_bounded(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is answered, in order; beyond the bound with an error."""
    monkeypatch.setattr(session, "MAX_SUBSCRIPTIONS", 0)
    number = await suite.add_simulator("hub-flood", "echo")
    calls = [
        {"type": 1, "invocationId": str(i), "target": "SubscribeToProvider", "arguments": [number]}
        for i in range(2000)
    ]
    async with connected(suite) as client:
        for start in range(0, len(calls), 100):
            await client.send(*calls[start : start + 100])
        for i in range(len(calls)):
            record = await client.next()
            while "invocationId" not in record:
                # A ping, or what happens to everybody.
                record = await client.next()
            assert record["invocationId"] == str(i)
            assert "at most 0" in record["error"]


async def events(answer: httpx.Response) -> Any:  # noqa: ANN401 # an iterator
    """Yield the records of server-sent events."""
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            for text in line.removeprefix("data: ").split(END):
                if text:
                    yield orjson.loads(text)


async def test_events_without_a_socket(suite: Suite) -> None:
    """Server-sent events one way, requests the other, which any worker may get."""
    name = await ticket(suite)
    async with httpx.AsyncClient(base_url=suite.url, timeout=SECONDS) as http:

        async def send(*sent: object) -> int:
            text = "".join(orjson.dumps(each).decode() + END for each in sent)
            return (await http.post(PATH, params={"id": name}, content=text)).status_code

        assert await send(HANDSHAKE) == 404
        sse = {"accept": "text/event-stream"}
        async with http.stream("GET", PATH, params={"id": name}, headers=sse) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            found = events(answer)
            assert await send(HANDSHAKE) == 202
            assert await anext(found) == {}
            call = {"type": 1, "invocationId": "1", "target": "Nothing", "arguments": []}
            assert await send(call) == 202
            assert (await anext(found))["invocationId"] == "1"
            await announce(suite, "by events")
            told = await anext(found)
            assert told["target"] == "OnSystemAnnouncement"
            assert (await http.post(PATH, params={"id": "x"}, content="y")).status_code == 404

        async def is_gone() -> bool:
            return await send(HANDSHAKE) == 404

        await eventually(is_gone)


async def test_a_connection_may_come_to_any_worker(suite: Suite) -> None:
    """Its ticket is good at each of them, and what it sends finds the one that holds it."""
    other = await bridge.start(suite.settings, router=suite.router.stub, port=0)
    elsewhere = f"127.0.0.1:{other.port}"
    try:
        url = f"ws://{elsewhere}{PATH}?id={await ticket(suite)}"
        async with connect(url) as socket:
            await socket.send(orjson.dumps(HANDSHAKE).decode() + END)
            assert await socket.recv(decode=True) == "{}" + END
        name = await ticket(suite)
        sse = {"accept": "text/event-stream"}
        async with httpx.AsyncClient(timeout=SECONDS, params={"id": name}) as http:
            here = f"{suite.url}{PATH}"
            async with http.stream("GET", here, headers=sse) as answer:
                text = orjson.dumps(HANDSHAKE).decode() + END
                sent = await http.post(f"http://{elsewhere}{PATH}", content=text)
                assert sent.status_code == 202
                assert await anext(events(answer)) == {}
    finally:
        await other.drain(0.1)


async def test_a_stopping_bridge_tells_clients_to_come_back(suite: Suite) -> None:
    """They find another worker."""
    async with connected(suite) as client:
        await suite.stop_worker()
        last = await client.last()
        assert last["allowReconnect"] is True
    await suite.start_worker()
