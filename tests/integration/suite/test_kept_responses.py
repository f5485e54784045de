"""Responses that are kept: by the account that made them, or by Conduit where none keeps any."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import grpc
import httpx
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.credentials import service_metadata_of
from tests.support.keeping_upstream import KeepingUpstream
from tests.support.suite import ENCRYPTION_KEY, GRACE_SECONDS, Suite
from tests.support.waiting import eventually

from conduit.internal.v1.response_storage_service_pb2 import GetKeptResponseRequest
from conduit.internal.v1.response_storage_service_pb2_grpc import ResponseStorageServiceStub
from conduit.v1 import kept_response_requests_pb2 as kept_pb
from conduit.v1 import response_requests_pb2 as pb
from conduit.v1.response_pb2 import ResponseCreation
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.http import HttpServer
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc import connect, error_of
from conduit_router import bootstrap as router
from conduit_router.responses.references import MOST_RESPONSES

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
# The SDK's types for what is asked, and for each of thirty kinds of items, are for applications.
Client: TypeAlias = Any
METADATA = service_metadata_of(ENCRYPTION_KEY)
KEYS = ("sk-one", "sk-two")


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def models(suite: Suite) -> None:
    """Map two models of the simulator."""
    for alias in ("echo", "other"):
        await suite.add_simulator(alias, "echo")
    await suite.settled()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def openai_upstream(suite: Suite) -> AsyncIterator[KeepingUpstream]:
    """Run a provider that keeps responses, with keys of two accounts."""
    upstream = KeepingUpstream()
    server = HttpServer(upstream)
    await server.start("127.0.0.1", 0)
    made = await suite.call(
        "POST",
        "/api/providers",
        {
            "name": "keeping",
            "providerType": "OpenAI",
            "baseUrl": f"http://127.0.0.1:{server.port}/v1",
        },
    )
    for key in KEYS:
        added = {"apiKey": key, "providerAccountGroup": key.removeprefix("sk-")}
        await suite.call("POST", f"/api/providers/{made['id']}/keys", added)
    mapping = {"modelAlias": "gpt", "providerId": made["id"], "actualModelName": "gpt-5-mini"}
    await suite.call("POST", "/api/model-provider-mappings", mapping)
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


async def stranger(suite: Suite) -> Client:
    """Return a client with another virtual key."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": f"stranger {uuid4()}"})
    await suite.settled()
    return AsyncOpenAI(base_url=f"{suite.url}/v1", api_key=made["key"], max_retries=0, timeout=40)


async def streamed(client: Client, **asked: Any) -> Any:  # noqa: ANN401 # the SDK's own
    """Return the response that a stream comes to."""
    async with client.responses.stream(**asked) as stream:
        async for _ in stream:
            pass
        return await stream.get_final_response()


async def test_a_response_is_there_as_it_was_answered(client: Client) -> None:
    """By the id that the answer has, whole or streamed, with what it was made from."""
    for make in (client.responses.create, lambda **asked: streamed(client, **asked)):
        made = await make(model="echo", input="Hello", metadata={"a": "b"})
        assert made.id.startswith("resp_")
        assert made.store is True
        found = await client.responses.retrieve(made.id)
        assert found.output_text == made.output_text == "Hello"
        assert (found.usage, found.metadata, found.status) == (made.usage, {"a": "b"}, "completed")
        items = [item async for item in client.responses.input_items.list(made.id)]
        assert [(item.type, item.role) for item in items] == [("message", "user")]
        assert items[0].content[0].text == "Hello"


async def test_a_conversation_goes_on_by_its_last_id(client: Client) -> None:
    """Each turn reads all turns before it, whichever model and way of answering it has."""
    first = await client.responses.create(model="echo", input="one two three")
    second = await streamed(client, model="other", input="four", previous_response_id=first.id)
    third = await client.responses.create(
        model="echo", input=[{"role": "user", "content": "five"}], previous_response_id=second.id
    )
    alone = await client.responses.create(model="echo", input="five", store=False)
    assert (second.previous_response_id, third.previous_response_id) == (first.id, second.id)
    assert third.output_text == "five"
    assert first.usage.input_tokens < second.usage.input_tokens < third.usage.input_tokens
    assert alone.usage.input_tokens < third.usage.input_tokens
    page = await client.responses.input_items.list(third.id, limit=2, order="asc")
    assert [item.role for item in page.data] == ["user", "assistant"]
    assert page.has_more
    texts = [
        item.content[0].text
        async for item in client.responses.input_items.list(third.id, limit=2, order="asc")
    ]
    assert texts == ["one two three", first.output_text, "four", second.output_text, "five"]
    newest = await client.responses.input_items.list(third.id, limit=1)
    assert newest.data[0].content[0].text == "five"


def named(item: Any) -> Json:  # noqa: ANN401 # the SDK's own
    """Return a reference to an item."""
    return {"type": "item_reference", "id": item.id}


async def test_items_may_be_named_by_their_ids(
    client: Client, openai_upstream: KeepingUpstream
) -> None:
    """As the AI SDK names them: they are in their place, at OpenAI too, and in what goes on."""
    first = await client.responses.create(model="echo", input="one two three")
    turns = [{"role": "user", "content": "one two three"}, named(first.output[0])]
    spelt = [turns[0], {"role": "assistant", "content": "one two three"}]
    again: Any = [{"role": "user", "content": "Again"}]
    whole = await client.responses.create(model="echo", input=spelt + again)
    for store in (True, False):
        made = await client.responses.create(model="echo", input=turns + again, store=store)
        assert (made.output_text, made.usage) == ("Again", whole.usage)
    kept = await client.responses.create(model="echo", input=turns + again)
    third = await streamed(client, model="echo", input="And?", previous_response_id=kept.id)
    assert third.output_text == "And?"
    await client.responses.create(model="gpt", input=turns + again)
    said = openai_upstream.asked[-1]["input"][1]
    assert (said["role"], said["content"][0]["text"]) == ("assistant", "one two three")
    assert "id" not in said


async def test_items_that_openai_keeps_are_named_to_it(
    client: Client, openai_upstream: KeepingUpstream
) -> None:
    """Ids that are none of ours pass as they are; nobody else knows them."""
    turns: Any = [{"type": "item_reference", "id": "msg_68a1"}, {"role": "user", "content": "x"}]
    await client.responses.create(model="gpt", input=turns)
    assert openai_upstream.asked[-1]["input"] == turns
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(model="echo", input=turns)
    assert refused.value.code == "unsupported_capability"


async def test_items_are_named_to_the_account_that_has_them(
    client: Client, openai_upstream: KeepingUpstream
) -> None:
    """Whichever way they were answered, and whether the next answer is kept; never to another."""
    for number in range(4):
        make = client.responses.create if number % 2 else partial(streamed, client)
        first = await make(model="gpt", input=f"Hello {number}")
        account = next(who for who, kept in openai_upstream.kept if kept == first.id)
        items: Any = [named(first.output[0]), {"role": "user", "content": "And?"}]
        for store in (True, False):
            await client.responses.create(model="gpt", input=items, store=store)
            paths = [each for each in openai_upstream.requests if each[1].endswith("/responses")]
            assert paths[-1][2] == account
            assert openai_upstream.asked[-1]["input"] == items
        with pytest.raises(openai.APIStatusError):
            await client.responses.create(model="echo", input=items)


async def test_items_are_their_owners_alone(suite: Suite, client: Client) -> None:
    """Another key's, one that was never there, and one of a response that is gone are a 404."""
    first = await client.responses.create(model="echo", input="mine")
    item = named(first.output[0])
    missing = {**item, "id": item["id"].removesuffix("0") + "7"}
    async with await stranger(suite) as other:
        with pytest.raises(openai.NotFoundError):
            await other.responses.create(model="echo", input=[item])
    with pytest.raises(openai.NotFoundError):
        await client.responses.create(model="echo", input=[missing])
    await client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.create(model="echo", input=[item], store=False)


async def test_items_of_so_many_responses_may_be_named(client: Client) -> None:
    """More are refused before any is looked for."""
    ids = IdSource()
    many = [
        {"type": "item_reference", "id": f"msg_{ids.next()}_0"} for _ in range(MOST_RESPONSES + 1)
    ]
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(model="echo", input=many)
    assert refused.value.param == "input"


@pytest.mark.parametrize("goes_on", [False, True])
async def test_an_input_that_nobody_can_read_is_refused(
    suite: Suite, client: Client, *, goes_on: bool
) -> None:
    """Readers of JSON differ in numbers that are beyond all: it is the caller's, and no fault."""
    members = ['"model": "echo"', '"input": [{"type": "item_reference", "id": "msg_a"}, 1e999]']
    if goes_on:
        first = await client.responses.create(model="echo", input="hello")
        members.append(f'"previous_response_id": "{first.id}"')
    async with suite.caller() as caller:
        answer = await caller.post("/v1/responses", content=f"{{{', '.join(members)}}}")
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_a_deleted_response_is_gone(client: Client) -> None:
    """Nobody reads it, and none goes on from it or from what went on from it."""
    first = await client.responses.create(model="echo", input="Hello")
    second = await client.responses.create(
        model="echo", input="And?", previous_response_id=first.id
    )
    await client.responses.delete(first.id)
    await refused_by(
        client.responses.retrieve(first.id),
        client.responses.delete(first.id),
        client.responses.input_items.list(first.id),
        client.responses.create(model="echo", input="x", previous_response_id=first.id),
        client.responses.create(model="echo", input="x", previous_response_id=second.id),
    )


async def test_a_response_is_its_owners_alone(
    suite: Suite, client: Client, openai_upstream: KeepingUpstream
) -> None:
    """Another virtual key is told the same as of one that there never was; no provider is asked."""
    for model in ("echo", "gpt"):
        made = await client.responses.create(model=model, input="Hello")
        before = len(openai_upstream.requests)
        async with await stranger(suite) as other:
            await refused_by(
                other.responses.retrieve(made.id),
                other.responses.delete(made.id),
                other.responses.input_items.list(made.id),
                other.responses.create(model=model, input="x", previous_response_id=made.id),
            )
        # Keys are probed meanwhile.
        asked = [path for _, path, _ in openai_upstream.requests[before:]]
        assert not any("/responses" in path for path in asked)
        assert (await client.responses.retrieve(made.id)).id == made.id


@pytest.mark.parametrize("odd", ["x" * 300, "resp_%00", "r\u00e9sp", "resp_0", "..%2f..%2fmodels"])
async def test_what_is_no_id_finds_nothing(suite: Suite, odd: str) -> None:
    """Whatever it is, the answer is that there is none of the caller's."""
    async with suite.caller() as caller:
        answer = await caller.get(f"/v1/responses/{odd}")
        assert answer.status_code == 404
        if not odd.startswith(".."):
            assert answer.json()["error"]["code"] == "response_not_found"
            assert len(answer.content) < 600


async def test_stateless_calls_are_not_kept(client: Client) -> None:
    """Whoever says so finds nothing later, and the answer says the same."""
    made = await client.responses.create(model="echo", input="Hello", store=False)
    assert made.store is False
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(made.id)


async def test_a_provider_that_keeps_responses_is_asked(
    client: Client, openai_upstream: KeepingUpstream
) -> None:
    """About them, with what the caller asks beside, by the account that made each."""
    made = await client.responses.create(model="gpt", input="Hello")
    account = next(who for who, kept in openai_upstream.kept if kept == made.id)
    assert (await client.responses.retrieve(made.id, include=["reasoning.encrypted_content"])).id
    method, path, who = openai_upstream.requests[-1]
    assert (method, who) == ("GET", account)
    assert path == f"/v1/responses/{made.id}?include%5B%5D=reasoning.encrypted_content"
    items = await client.responses.input_items.list(made.id, order="asc", limit=5)
    assert items.data[0].id == "msg_1"
    assert openai_upstream.requests[-1] == (
        *("GET", f"/v1/responses/{made.id}/input_items?limit=5&order=asc"),
        account,
    )
    await client.responses.delete(made.id)
    assert (account, made.id) not in openai_upstream.kept
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(made.id)


async def test_calls_go_on_at_the_account_that_keeps_the_last(
    client: Client, openai_upstream: KeepingUpstream
) -> None:
    """However the two accounts of a provider take turns otherwise."""
    accounts = set()
    for make in (client.responses.create, lambda **asked: streamed(client, **asked)):
        for _ in range(6):
            first = await make(model="gpt", input="Hello")
            own = next(who for who, kept in openai_upstream.kept if kept == first.id)
            accounts.add(own)
            second = await make(model="gpt", input="And?", previous_response_id=first.id)
            assert (own, second.id) in openai_upstream.kept
            assert openai_upstream.asked[-1]["input"] == "And?"
    assert accounts == set(KEYS)


async def test_a_call_that_goes_on_does_not_fail_over_to_who_knows_nothing(
    client: Client, openai_upstream: KeepingUpstream
) -> None:
    """Where the account is away the caller hears that, and not that the conversation is lost."""
    first = await client.responses.create(model="gpt", input="Hello")
    own = next(who for who, kept in openai_upstream.kept if kept == first.id)
    openai_upstream.paused.add(own)
    try:
        with pytest.raises(openai.APIStatusError) as refused:
            await client.responses.create(model="gpt", input="And?", previous_response_id=first.id)
    finally:
        openai_upstream.paused.clear()
    assert refused.value.status_code >= 500
    assert {who for _, _, who in openai_upstream.requests[-2:]} == {own}


@pytest.mark.usefixtures("openai_upstream")
async def test_a_model_elsewhere_cannot_go_on_from_what_a_provider_keeps(
    client: Client,
) -> None:
    """It is told that no key of that account serves the model."""
    first = await client.responses.create(model="gpt", input="Hello")
    with pytest.raises(openai.APIStatusError) as refused:
        await client.responses.create(model="echo", input="And?", previous_response_id=first.id)
    assert refused.value.code == "account_unavailable"


async def test_what_conduit_keeps_can_go_on_anywhere(
    client: Client, openai_upstream: KeepingUpstream
) -> None:
    """To a provider that keeps responses the whole conversation is sent, without others' ids."""
    first = await client.responses.create(model="echo", input="Hello")
    second = await client.responses.create(model="gpt", input="And?", previous_response_id=first.id)
    asked = openai_upstream.asked[-1]
    assert "previous_response_id" not in asked
    assert [item["role"] for item in asked["input"]] == ["user", "assistant", "user"]
    assert not any("id" in item for item in asked["input"])
    assert second.id in {kept for _, kept in openai_upstream.kept}


async def test_tokens_are_counted_where_the_response_would_be_made(
    client: Client, openai_upstream: KeepingUpstream
) -> None:
    """By OpenAI for its models, what it keeps included; about, elsewhere, all turns included."""
    first = await client.responses.create(model="gpt", input="Hello")
    own = next(who for who, kept in openai_upstream.kept if kept == first.id)
    for _ in range(4):
        count = await client.responses.input_tokens.count(
            model="gpt", input="And?", previous_response_id=first.id
        )
        assert count.input_tokens == 3
        assert openai_upstream.requests[-1][1:] == ("/v1/responses/input_tokens", own)
    kept = await client.responses.create(model="echo", input="x" * 400)
    alone = await client.responses.input_tokens.count(model="echo", input="And?")
    both = await client.responses.input_tokens.count(
        model="echo", input="And?", previous_response_id=kept.id
    )
    assert alone.model_dump()["is_estimate"] is True
    assert both.input_tokens - alone.input_tokens >= 200


async def test_conversations_are_made_shorter_where_that_is_done(
    client: Client, openai_upstream: KeepingUpstream
) -> None:
    """By OpenAI, with what is kept by Conduit sent along; elsewhere the caller is told the way."""
    kept = await client.responses.create(model="echo", input="Hello")
    made = await client.responses.compact(model="gpt", input="x", previous_response_id=kept.id)
    assert made.output[0].type == "compaction"
    asked = openai_upstream.asked[-1]
    assert [item["role"] for item in asked["input"]] == ["user", "assistant", "user"]
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.compact(model="echo", input="x")
    assert "ask the model for a summary" in refused.value.message
    sealed = {"type": "compaction", "encrypted_content": made.output[0].encrypted_content}
    goes_on = client.responses.create(
        model="echo", input=[sealed, {"role": "user", "content": "x"}]
    )
    with pytest.raises(openai.BadRequestError) as unread:
        await goes_on
    assert unread.value.code == "unsupported_capability"


async def test_grpc_callers_have_the_same(suite: Suite) -> None:
    """Typed, whole and streamed; another key's are not found."""
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    channel = connect(f"127.0.0.1:{suite.router.port}")
    stub: Any = RouterServiceStub(channel)
    try:
        asked = ResponseCreation(model="echo")
        asked.input.add(text="Hello")
        made = await stub.CreateResponse(
            pb.CreateResponseRequest(response=asked), metadata=metadata
        )
        asked.previous_response_id = made.response.id
        events = [
            piece
            async for message in stub.StreamCreateResponse(
                pb.StreamCreateResponseRequest(response=asked), metadata=metadata
            )
            for piece in message.pieces
        ]
        last = events[-1].response
        assert last.usage.input_tokens > made.response.usage.input_tokens
        found = await stub.GetResponse(kept_pb.GetResponseRequest(id=last.id), metadata=metadata)
        assert found.response.output == last.output
        request = kept_pb.ListResponseInputItemsRequest(id=last.id, order="asc")
        items = await stub.ListResponseInputItems(request, metadata=metadata)
        assert [item.role for item in items.data] == ["user", "assistant", "user"]
    finally:
        await channel.close()


async def test_another_router_finds_what_was_answered_just_now(
    suite: Suite, client: Client, tmp_path: Path
) -> None:
    """Whichever router the next request of the caller meets."""
    settings = dataclasses.replace(suite.settings, data_dir=tmp_path)
    second = await router.start(settings, suite.catalog, port=0)
    channel = connect(f"127.0.0.1:{second.port}")
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    stub: Any = RouterServiceStub(channel)
    failures: list[str] = []
    try:

        async def goes_on() -> bool:
            try:
                await stub.CreateResponse(request, metadata=metadata)
            except grpc.RpcError as error:
                # It knows no configuration, or nobody, yet; or Storage is slow.
                failures.append(error_of(error, "router").reason)
                return False
            return True

        for _ in range(3):
            made = await client.responses.create(model="echo", input="Hello")
            asked = ResponseCreation(model="echo", previous_response_id=made.id)
            asked.input.add(text="And?")
            request = pb.CreateResponseRequest(response=asked)
            await eventually(goes_on, seconds=30)
        assert "UNSUPPORTED_CAPABILITY" not in failures
    finally:
        await channel.close()
        await second.drain(GRACE_SECONDS)


async def test_storage_away_keeps_no_answer_from_its_caller(suite: Suite) -> None:
    """Answers come, and are kept once it is there again; what is asked of it has a clear error."""
    async with suite.caller() as caller:
        await suite.stop_storage()
        try:
            made = await asked_by(caller, input="Hello")
            assert made.status_code == 200
            again = await asked_by(caller, input="x", previous_response_id=made.json()["id"])
            assert again.status_code == 200
            unknown = await asked_by(caller, input="x", previous_response_id="resp_0")
            assert unknown.status_code == 503
        finally:
            await suite.start_storage()
    channel = connect(f"127.0.0.1:{suite.ports()['storage']}")
    kept: Any = ResponseStorageServiceStub(channel)

    async def is_kept() -> bool:
        request = GetKeptResponseRequest(virtual_key_id=1, id=again.json()["id"])
        try:
            answer = await kept.GetKeptResponse(request, metadata=METADATA)
        except grpc.RpcError:
            return False
        return [each.id for each in answer.responses] == [made.json()["id"], again.json()["id"]]

    try:
        await eventually(is_kept, seconds=30)
    finally:
        await channel.close()


async def refused_by(*calls: Awaitable[object]) -> None:
    """Await calls, none of which finds what it names."""
    errors = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [error for error in errors if isinstance(error, openai.NotFoundError)]
    assert [each for each in errors if each not in refusals] == []
    assert {error.code for error in refusals} == {"response_not_found"}


async def asked_by(caller: httpx.AsyncClient, **members: object) -> httpx.Response:
    """Ask for a response."""
    return await caller.post("/v1/responses", json={"model": "echo", **members})
