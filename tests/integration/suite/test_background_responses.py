"""Responses that are made while nobody waits: OpenAI's background mode, with its SDK."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import grpc
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.keeping_upstream import KeepingUpstream
from tests.support.suite import GRACE_SECONDS, Suite
from tests.support.waiting import eventually

from conduit.v1 import kept_response_requests_pb2 as kept_pb
from conduit.v1 import response_requests_pb2 as pb
from conduit.v1.response_pb2 import ResponseCreation
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.http import HttpServer
from conduit_kernel.rpc import connect, error_of
from conduit_router import bootstrap as router

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
# The SDK's types are for applications.
Client: TypeAlias = Any
KEYS = ("sk-one", "sk-two")


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def models(suite: Suite) -> None:
    """Map models of the simulator: one answers, others stall, are slow, or fail."""
    models = {"echo": "echo", "stalls": "stall-after-2", "slow": "stream-30x20ms", "fails": "quota"}
    for alias, model in models.items():
        await suite.add_simulator(alias, model)
    await suite.settled()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def openai_upstream(suite: Suite) -> AsyncIterator[KeepingUpstream]:
    """Run a provider that keeps responses, with keys of two accounts."""
    upstream = KeepingUpstream()
    server = HttpServer(upstream)
    await server.start("127.0.0.1", 0)
    provider = {
        "name": "keeping",
        "providerType": "OpenAI",
        "baseUrl": f"http://127.0.0.1:{server.port}/v1",
    }
    made = await suite.call("POST", "/api/providers", provider)
    for key in KEYS:
        added = {"apiKey": key, "providerAccountGroup": key.removeprefix("sk-")}
        await suite.call("POST", f"/api/providers/{made['id']}/keys", added)
    other = await suite.add_simulator("mixed", "echo")
    for alias, priority in (("gpt", 1), ("mixed", 0)):
        mapping = {"modelAlias": alias, "providerId": made["id"], "actualModelName": "gpt-5-mini"}
        await suite.call("POST", "/api/model-provider-mappings", mapping | {"priority": priority})
    assert other
    await suite.settled()
    yield upstream
    await server.drain(GRACE_SECONDS)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[Client]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=40
    ) as made:
        yield made


async def ended(client: Client, response_id: str) -> Any:  # noqa: ANN401 # the SDK's own
    """Return a response once it has ended, as clients wait for it."""
    found = None

    async def has_ended() -> bool:
        nonlocal found
        found = await client.responses.retrieve(response_id)
        return found.status not in {"queued", "in_progress"}

    await eventually(has_ended, seconds=30)
    return found


async def test_it_is_made_while_nobody_waits(client: Client) -> None:
    """Queued at once, in progress, completed; and gone on from as any other."""
    made = await client.responses.create(model="echo", input="Hello", background=True)
    assert (made.status, made.background, made.store, made.output) == ("queued", True, True, [])
    assert made.usage is None
    found = await ended(client, made.id)
    assert (found.id, found.status, found.background) == (made.id, "completed", True)
    assert found.output_text == "Hello"
    assert found.usage.input_tokens
    items = [item async for item in client.responses.input_items.list(made.id)]
    assert items[0].content[0].text == "Hello"
    following = await client.responses.create(
        model="echo", input="And?", previous_response_id=made.id
    )
    assert following.usage.input_tokens > found.usage.input_tokens


async def test_its_stream_can_be_left_and_taken_up_again(client: Client) -> None:
    """Behind the last event that was read, while it is made and afterwards; none is missing."""
    stream = await client.responses.create(
        model="slow", input="Hello", background=True, stream=True
    )
    first, response_id = [], ""
    async for event in stream:
        first.append(event)
        response_id = response_id or event.response.id
        if len(first) == 8:
            break
    await stream.close()
    last = first[-1].sequence_number
    for _ in range(2):
        rest = [
            event
            async for event in await client.responses.retrieve(
                response_id, stream=True, starting_after=last
            )
        ]
        numbers = [event.sequence_number for event in (*first, *rest)]
        assert numbers == [*range(len(numbers))]
        assert rest[-1].type == "response.completed"
        assert (rest[-1].response.id, rest[-1].response.background) == (response_id, True)
    again = [event async for event in await client.responses.retrieve(response_id, stream=True)]
    assert len(again) == len(numbers)
    assert (await ended(client, response_id)).output_text == rest[-1].response.output_text


async def test_it_can_be_taken_back(client: Client) -> None:
    """At once, as often as one likes; what has ended stays as it is."""
    made = await client.responses.create(model="stalls", input="one two three", background=True)
    assert (await client.responses.retrieve(made.id)).status == "in_progress"
    for _ in range(2):
        assert (await client.responses.cancel(made.id)).status == "cancelled"
    assert (await client.responses.retrieve(made.id)).status == "cancelled"
    done = await client.responses.create(model="echo", input="Hello", background=True)
    await ended(client, done.id)
    assert (await client.responses.cancel(done.id)).status == "completed"
    assert (await client.responses.retrieve(done.id)).output_text == "Hello"


async def test_one_that_somebody_waits_for_is_not_taken_back(client: Client) -> None:
    """Its caller hangs up; nor has it events that could be read again."""
    made = await client.responses.create(model="echo", input="Hello")
    with pytest.raises(openai.BadRequestError):
        await client.responses.cancel(made.id)
    with pytest.raises(openai.BadRequestError):
        await client.responses.retrieve(made.id, stream=True)
    silent = await client.responses.create(model="echo", input="Hello", background=True)
    with pytest.raises(openai.BadRequestError):
        await client.responses.retrieve(silent.id, stream=True)


async def test_it_fails_as_the_call_did(client: Client) -> None:
    """With the error that the caller would have had, in its stream as well."""
    made = await client.responses.create(model="fails", input="Hello", background=True)
    found = await ended(client, made.id)
    assert found.status == "failed"
    assert found.error.code
    streamed = [
        event
        async for event in await client.responses.create(
            model="fails", input="Hello", background=True, stream=True
        )
    ]
    assert [event.type for event in streamed] == ["response.failed"]
    assert streamed[0].response.error.code == found.error.code


async def test_what_can_be_judged_at_once_is(client: Client) -> None:
    """Models that there are not, nothing to respond to, and what is not to be kept."""
    for asked in (
        {"model": "nobody", "input": "x"},
        {"model": "echo", "input": ""},
        {"model": "echo", "input": "x", "store": False},
        {"model": "echo", "input": "x", "previous_response_id": "resp_0"},
    ):
        with pytest.raises(openai.APIStatusError) as refused:
            await client.responses.create(background=True, **asked)
        assert 400 <= refused.value.status_code < 500


async def test_nobody_goes_on_from_what_is_still_made(client: Client) -> None:
    """There is no answer yet."""
    made = await client.responses.create(model="stalls", input="one two three", background=True)
    with pytest.raises(openai.BadRequestError):
        await client.responses.create(model="echo", input="x", previous_response_id=made.id)
    await client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(made.id)


async def test_it_is_its_owners_alone(suite: Suite, client: Client) -> None:
    """Another virtual key is told that there is none."""
    made = await client.responses.create(model="echo", input="x", background=True, stream=False)
    key = await suite.call("POST", "/api/virtual-keys", {"name": f"stranger {uuid4()}"})
    await suite.settled()
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=key["key"], max_retries=0, timeout=40
    ) as other:
        told = await asyncio.gather(
            other.responses.retrieve(made.id),
            other.responses.cancel(made.id),
            other.responses.retrieve(made.id, stream=True),
            return_exceptions=True,
        )
    assert [type(each) for each in told] == [openai.NotFoundError] * 3


async def test_openai_works_on_its_own(client: Client, openai_upstream: KeepingUpstream) -> None:
    """Under its id, and by the account that made it, which is asked about it ever after."""
    openai_upstream.goes_on.clear()
    made = await client.responses.create(model="gpt", input="Hello", background=True)
    own = next(who for who, kept in openai_upstream.kept if kept == made.id)
    assert (made.status, openai_upstream.asked[-1]["background"]) == ("queued", True)
    assert (await client.responses.retrieve(made.id)).status == "queued"
    assert openai_upstream.requests[-1] == ("GET", f"/v1/responses/{made.id}", own)
    openai_upstream.goes_on.set()
    assert (await ended(client, made.id)).output_text == "Hello"
    events = [e async for e in await client.responses.retrieve(made.id, stream=True)]
    assert [event.type for event in events] == ["response.completed"]


async def test_what_openai_works_on_is_taken_back_there(
    client: Client, openai_upstream: KeepingUpstream
) -> None:
    """And no longer followed."""
    openai_upstream.goes_on.clear()
    try:
        made = await client.responses.create(model="gpt", input="Hello", background=True)
        own = next(who for who, kept in openai_upstream.kept if kept == made.id)
        assert (await client.responses.cancel(made.id)).status == "cancelled"
        assert ("POST", f"/v1/responses/{made.id}/cancel", own) in openai_upstream.requests
        assert (await client.responses.retrieve(made.id)).status == "cancelled"
    finally:
        openai_upstream.goes_on.set()


async def test_where_providers_differ_conduit_works_on_it(
    client: Client, openai_upstream: KeepingUpstream
) -> None:
    """Under its own id, whichever of them answers; OpenAI is asked to keep nothing."""
    openai_upstream.goes_on.set()
    made = await client.responses.create(model="mixed", input="Hello", background=True)
    found = await ended(client, made.id)
    assert (found.id, found.status, found.output_text) == (made.id, "completed", "Hello")
    asked = openai_upstream.asked[-1]
    assert "background" not in asked
    assert asked["store"] is False
    following = await client.responses.create(
        model="echo", input="And?", previous_response_id=made.id
    )
    assert following.output_text == "And?"


async def test_grpc_callers_have_the_same(suite: Suite) -> None:
    """Typed; events as they are streamed."""
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    channel = connect(f"127.0.0.1:{suite.router.port}")
    stub: Any = RouterServiceStub(channel)
    asked = ResponseCreation(model="slow", background=True)
    asked.input.add(text="Hello")
    try:
        made = await stub.CreateResponse(
            pb.CreateResponseRequest(response=asked), metadata=metadata
        )
        assert made.response.status == "queued"
        pieces = [
            piece
            async for message in stub.StreamCreateResponse(
                pb.StreamCreateResponseRequest(response=asked), metadata=metadata
            )
            for piece in message.pieces
        ]
        assert pieces[-1].type == "response.completed"
        request = kept_pb.FollowResponseRequest(id=pieces[-1].response.id, starting_after=2)
        events = b"".join([m.events async for m in stub.FollowResponse(request, metadata=metadata)])
        assert events.count(b"event: ") == len(pieces) - 3
        ended = await stub.CancelResponse(
            kept_pb.CancelResponseRequest(id=pieces[-1].response.id), metadata=metadata
        )
        assert ended.response.status == "completed"
    finally:
        await channel.close()


async def test_another_router_knows_of_it_and_takes_it_back(
    suite: Suite, client: Client, tmp_path: Path
) -> None:
    """Whichever router is asked; where a router stops, what it worked on has failed."""
    settings = dataclasses.replace(suite.settings, data_dir=tmp_path)
    second = await router.start(settings, suite.catalog, port=0)
    channel = connect(f"127.0.0.1:{second.port}")
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    stub: Any = RouterServiceStub(channel)
    asked = ResponseCreation(model="stalls", background=True)
    asked.input.add(text="one two three")
    request = pb.CreateResponseRequest(response=asked)
    made: list[Any] = []
    failures: list[str] = []

    async def begins() -> bool:
        try:
            made.append((await stub.CreateResponse(request, metadata=metadata)).response.id)
        except grpc.RpcError as error:
            # It knows no configuration, or nobody, yet.
            failures.append(error_of(error, "router").reason)
            return False
        return len(made) == 2

    try:
        await eventually(begins, seconds=30)
        assert set(failures) <= {"SERVICE_UNAVAILABLE", "VIRTUAL_KEY_INVALID", "MODEL_NOT_FOUND"}
        assert (await client.responses.retrieve(made[0])).status == "in_progress"
        assert (await client.responses.cancel(made[0])).status == "cancelled"

        async def is_left() -> bool:
            found = await stub.GetResponse(
                kept_pb.GetResponseRequest(id=made[0]), metadata=metadata
            )
            return bool(found.response.status == "cancelled")

        await eventually(is_left, seconds=30)
        elsewhere = await client.responses.create(
            model="slow", input="Hello", background=True, stream=True
        )
        begun = await anext(aiter(elsewhere))
        await elsewhere.close()
        follow = kept_pb.FollowResponseRequest(id=begun.response.id, starting_after=0)
        events = b"".join([m.events async for m in stub.FollowResponse(follow, metadata=metadata)])
        assert events.count(b"event: response.completed") == 1
        assert b'"sequence_number":0,' not in events
    finally:
        await channel.close()
        await second.drain(GRACE_SECONDS)
    interrupted = await ended(client, made[1])
    assert (interrupted.status, interrupted.error.code) == ("failed", "task_interrupted")


async def test_storage_away_begins_none(suite: Suite) -> None:
    """Nobody could say later what became of it."""
    asked = {"model": "echo", "input": "Hello", "background": True}
    async with suite.caller() as caller:
        await suite.stop_storage()
        try:
            refused = await caller.post("/v1/responses", json=asked)
        finally:
            await suite.start_storage()
        assert refused.status_code == 503
        made = await caller.post("/v1/responses", json=asked)
        assert made.json()["status"] == "queued"


async def test_it_is_charged_once(suite: Suite) -> None:
    """At its end, whoever asks for it how often; one that was taken back for what was used."""
    made = await suite.call(
        "POST", "/api/virtual-keys", {"name": "charged", "tags": ["team=night"]}
    )
    await suite.settled()
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=made["key"], max_retries=0, timeout=40
    ) as caller:
        whole = await caller.responses.create(model="slow", input="Hello", background=True)
        found = await ended(caller, whole.id)
        taken = await caller.responses.create(model="stalls", input="a b c", background=True)
        await caller.responses.cancel(taken.id)
        assert (await ended(caller, taken.id)).status == "cancelled"
    await suite.deliver_charges()
    listed = await suite.call("GET", "/api/usage/charges", params={"pageSize": 200})
    charges = [each for each in listed["charges"] if "team=night" in each["tags"]]
    assert len([each for each in charges if each["modelAlias"] == "slow"]) == 1
    assert len([each for each in charges if each["modelAlias"] == "stalls"]) <= 1
    (charge,) = (each for each in charges if each["modelAlias"] == "slow")
    used = {line["unit"]: line["quantity"] for line in charge["lines"]}
    assert found.usage.output_tokens in used.values(), used
