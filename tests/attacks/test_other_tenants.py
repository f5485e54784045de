"""Callers who name what another virtual key has: each is told what it is told of nothing at all."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "the victim's own words"
Ask = Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]]


def get(path: str) -> Ask:
    """Return what reads something by its id."""
    return lambda client, name: client.get(path.format(name))


def delete(path: str) -> Ask:
    """Return what removes something by its id."""
    return lambda client, name: client.delete(path.format(name))


def post(path: str, **body: object) -> Ask:
    """Return what names something in a request."""

    async def ask(client: httpx.AsyncClient, name: str) -> httpx.Response:
        filled = {key: name if value == "{}" else value for key, value in body.items()}
        return await client.post(path.format(name), json=filled)

    return ask


# Each way to something that is kept for its owner.
OF_RESPONSES = {
    "get": get("/v1/responses/{}"),
    "input_items": get("/v1/responses/{}/input_items"),
    "go on": post("/v1/responses", model="mine", input="And?", previous_response_id="{}"),
    "go on streamed": post(
        "/v1/responses", model="mine", input="And?", previous_response_id="{}", stream=True
    ),
    "delete": delete("/v1/responses/{}"),
}
OF_TASKS = {"get": get("/v1/tasks/{}"), "delete": delete("/v1/tasks/{}")}
OF_VOICES = {
    "speak": post("/v1/audio/speech", model="mine", input="hi", voice="{}"),
    "delete": delete("/v1/audio/voices/{}"),
}


async def client_of(gateway: Suite, name: str) -> httpx.AsyncClient:
    """Return a caller with a key of its own."""
    made = await gateway.call("POST", "/api/virtual-keys", {"name": name})
    await gateway.settled()
    headers = {"Authorization": f"Bearer {made['key']}"}
    return httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=40)


async def test_what_a_key_has_is_to_others_as_if_it_were_not(gateway: Suite) -> None:
    """To read, to go on from, to use and to delete: the same status, and the same words."""
    await gateway.add_simulator("mine", "echo")
    await gateway.settled()
    drawing = {"model": "mine", "prompt": SECRET, "n": 1, "size": "256x256"}
    voice = {"model": "mine", "name": "Ann", "type": "prompt", "prompt": SECRET}
    async with await client_of(gateway, "victim") as victim:
        response = await victim.post("/v1/responses", json={"model": "mine", "input": SECRET})
        task = await victim.post("/v1/images/generations/async", json=drawing)
        spoken = await victim.post("/v1/audio/voices", json=voice)
        found = {
            response.json()["id"]: OF_RESPONSES,
            task.json()["id"]: OF_TASKS,
            spoken.json()["id"]: OF_VOICES,
        }
        async with await client_of(gateway, "attacker") as attacker:
            # At once, as each may be on its way from another worker, and is waited for.
            ways = [(own, way, ask) for own, its in found.items() for way, ask in its.items()]
            await asyncio.gather(*(tried(attacker, *each) for each in ways))
        assert (await victim.get(f"/v1/responses/{response.json()['id']}")).status_code == 200
        assert (await victim.get(f"/v1/tasks/{task.json()['id']}")).status_code == 200
        assert (await victim.delete(f"/v1/audio/voices/{spoken.json()['id']}")).is_success


async def tried(attacker: httpx.AsyncClient, own: str, way: str, ask: Ask) -> None:
    """Hold what is told of another's to what is told of one that is made up as well as can be."""
    other = own[:-4] + ("aaaa" if own[-4:] != "aaaa" else "bbbb")
    answer, nothing = await asyncio.gather(ask(attacker, own), ask(attacker, other))
    assert 400 <= answer.status_code < 500, (way, answer.text)
    assert told(answer, own) == told(nothing, other), way
    assert SECRET not in answer.text


def told(answer: httpx.Response, name: str) -> tuple[int, str]:
    """Return what an answer says, without the id that was asked for and its own."""
    return answer.status_code, re.sub(r"req_\w+", "", answer.text.replace(name, ""))
