"""Batches of any provider's calls, with OpenAI's SDK: made while nobody waits, each once."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from uuid import uuid4

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit_kernel.errors import VirtualKeyInvalid

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
# The SDK's types for what is asked are for applications.
Client: TypeAlias = Any
CHATS = "/v1/chat/completions"
UNKNOWN = "0" * 26
OVER = {"completed", "failed", "expired", "cancelled"}


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def models(suite: Suite) -> None:
    """Map models of the simulator: some that answer, and one that never does."""
    await suite.add_simulator("echo", "echo")
    await suite.add_simulator("slow", "echo-slow-100ms")
    await suite.add_simulator("silent", "hang")
    await suite.settled()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[Client]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=40
    ) as made:
        yield made


@asynccontextmanager
async def other_caller(suite: Suite, **members: Any) -> AsyncIterator[Client]:  # noqa: ANN401 # of a virtual key
    """Return a client with another virtual key."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": f"other {uuid4()}", **members})
    await suite.settled()
    found: Client = AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=made["key"], max_retries=0, timeout=40
    )
    async with found:
        found.key_id = made["virtualKey"]["id"] if "virtualKey" in made else made["id"]
        yield found


def chat(name: str, words: str = "hello", model: str = "echo", **members: Any) -> Json:  # noqa: ANN401 # of a line
    """Return a line that asks for a chat."""
    body = {"model": model, "messages": [{"role": "user", "content": words}]}
    return {"custom_id": name, "method": "POST", "url": CHATS, "body": body, **members}


def written(*lines: Json) -> bytes:
    """Return the file of a batch."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


async def begun(client: Client, content: bytes, endpoint: str = CHATS, **members: Any) -> Any:  # noqa: ANN401 # the SDK's own
    """Begin a batch of a file."""
    file = await client.files.create(file=("in.jsonl", content), purpose="batch")
    return await client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", **members
    )


async def ended(client: Client, batch_id: str) -> Any:  # noqa: ANN401 # the SDK's own
    """Return a batch once it is over."""
    found: list[Any] = []

    async def is_over() -> bool:
        found[:] = [await client.batches.retrieve(batch_id)]
        return found[0].status in OVER

    await eventually(is_over, seconds=60)
    return found[0]


async def lines_of(client: Client, file_id: str | None) -> list[Json]:
    """Return the lines of a file."""
    assert file_id is not None
    content = (await client.files.content(file_id)).text
    return [json.loads(line) for line in content.splitlines()]


async def test_a_batch_comes_to_what_its_calls_would(client: Client) -> None:
    """Each line's answer is in the output, by its custom id; what is known of the batch adds up."""
    made = await begun(
        client, written(*[chat(f"n{n}", f"word {n}") for n in range(20)]), metadata={"a": "b"}
    )
    assert (made.object, made.status, made.endpoint) == ("batch", "validating", CHATS)
    assert (made.completion_window, made.metadata) == ("24h", {"a": "b"})
    assert made.expires_at - made.created_at == 24 * 3600
    done = await ended(client, made.id)
    assert (done.status, done.model, done.errors) == ("completed", "echo", None)
    counts = done.request_counts
    assert (counts.total, counts.completed, counts.failed) == (20, 20, 0)
    assert done.created_at <= done.in_progress_at <= done.finalizing_at <= done.completed_at
    assert done.error_file_id is None
    output = await client.files.retrieve(done.output_file_id)
    assert (output.purpose, output.filename) == ("batch_output", f"{made.id}_output.jsonl")
    lines = await lines_of(client, done.output_file_id)
    assert {line["custom_id"] for line in lines} == {f"n{n}" for n in range(20)}
    for line in lines:
        answer = line["response"]["body"]["choices"][0]["message"]["content"]
        assert answer == f"word {line['custom_id'][1:]}"
        assert (line["response"]["status_code"], line["error"]) == (200, None)
    listed = {each.id: each async for each in client.files.list(purpose="batch_output")}
    assert done.output_file_id in listed


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("/v1/embeddings", {"input": "hello"}),
        ("/v1/responses", {"input": "hello", "store": False}),
        ("/v1/completions", {"prompt": "hello"}),
        ("/v1/messages", {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 9}),
        (CHATS, {"messages": [{"role": "user", "content": "hello"}], "stream": True}),
    ],
    ids=["embeddings", "responses", "completions", "messages", "chats that ask for a stream"],
)
async def test_any_route_that_answers_whole(client: Client, endpoint: str, body: Json) -> None:
    """Its answers are those of the route."""
    line = {"custom_id": "a", "method": "POST", "url": endpoint, "body": {"model": "echo", **body}}
    done = await ended(client, (await begun(client, written(line), endpoint)).id)
    assert (done.status, done.request_counts.completed) == ("completed", 1), done
    (found,) = await lines_of(client, done.output_file_id)
    assert "hello" in json.dumps(found["response"]["body"]) or endpoint == "/v1/embeddings"


async def test_a_request_that_fails_is_told_in_the_error_file(client: Client) -> None:
    """With the status and the error that its call would have had; all others are made."""
    done = await ended(
        client,
        (
            await begun(
                client,
                written(
                    chat("good"),
                    chat("unmapped", model="nothing"),
                    chat("nonsense") | {"body": {"model": "echo", "messages": "x"}},
                    chat("no model") | {"body": {"messages": []}},
                ),
            )
        ).id,
    )
    counts = done.request_counts
    assert (done.status, counts.total, counts.completed, counts.failed) == ("completed", 4, 1, 3)
    assert [line["custom_id"] for line in await lines_of(client, done.output_file_id)] == ["good"]
    failed = {line["custom_id"]: line for line in await lines_of(client, done.error_file_id)}
    statuses = {name: line["response"]["status_code"] for name, line in failed.items()}
    assert statuses == {"unmapped": 404, "nonsense": 400, "no model": 400}
    assert failed["unmapped"]["response"]["body"]["error"]["code"] == "model_not_found"


GOOD = written(chat("a"))


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"\n\r\n  \n", "empty_file", None),
        (GOOD + b"nonsense\n", "invalid_json_line", 2),
        (GOOD + b'[1, 2]\n"text"\nnull\n', "invalid_json_line", 2),
        (GOOD + b"\xff\xfe\n", "invalid_json_line", 2),
        (GOOD + b'{"custom_id": "b", "body": {}}', "invalid_json_line", 2),
        (GOOD + b"[" * 100_000 + b"\n", "invalid_json_line", 2),
        (GOOD + b"\n\n" + GOOD, "duplicate_custom_id", 4),
        (written(chat("a", method="GET")), "invalid_method", 1),
        (written(chat("a", url="/v1/embeddings")), "mismatched_endpoint", 1),
        (written(chat("a", body=[])), "invalid_body", 1),
        (written(chat("")), "invalid_custom_id", 1),
        (written(chat("x" * 513)), "invalid_custom_id", 1),
        (written(chat("a", custom_id=7)), "invalid_json_line", 1),
    ],
    ids=range(14),
)
async def test_a_file_that_is_no_batchs_fails_it(
    client: Client, content: bytes, code: str, line: int | None
) -> None:
    """Before any of its requests is made, with the lines that are wrong."""
    done = await ended(client, (await begun(client, content)).id)
    assert (done.status, done.output_file_id) == ("failed", None)
    first = done.errors.data[0]
    assert (first.code, first.line) == (code, line), done.errors
    assert done.failed_at >= done.created_at


async def test_a_file_written_elsewhere_is_read(client: Client) -> None:
    """With a mark before all, other ends of lines, blank lines, and none at the end."""
    lines = [json.dumps(chat(name)).encode() for name in "abc"]
    content = b"\xef\xbb\xbf" + b"\r\n".join(lines[:2]) + b"\r\n\n   \n" + lines[2]
    done = await ended(client, (await begun(client, content)).id)
    assert (done.status, done.request_counts.completed) == ("completed", 3), done


async def test_what_makes_no_batch_is_refused_at_once(suite: Suite, client: Client) -> None:
    """With the member that is wrong."""
    file = await client.files.create(file=GOOD, purpose="batch")
    picture = await client.files.create(file=GOOD, purpose="vision")
    asked = {"input_file_id": file.id, "endpoint": CHATS, "completion_window": "24h"}
    for wrong, param in (
        ({"endpoint": "/v1/audio/speech"}, "endpoint"),
        ({"endpoint": ""}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"input_file_id": ""}, "input_file_id"),
        ({"input_file_id": picture.id}, "input_file_id"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"metadata": {"x" * 65: ""}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 1}},
            "output_expires_after.seconds",
        ),
        (
            {"output_expires_after": {"anchor": "now", "seconds": 7200}},
            "output_expires_after.anchor",
        ),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            await client.batches.create(**(asked | wrong))
        assert refused.value.param == param
    async with other_caller(suite) as stranger:
        for file_id in (file.id, f"file-{UNKNOWN}", "x"):
            with pytest.raises(openai.NotFoundError) as missing:
                await stranger.batches.create(**(asked | {"input_file_id": file_id}))
            assert missing.value.code == "file_not_found"


async def test_a_batch_is_its_makers_alone(suite: Suite, client: Client) -> None:
    """Any other caller is told that there is none, nor reads what it wrote."""
    done = await ended(client, (await begun(client, GOOD)).id)
    async with other_caller(suite) as stranger:
        for ask in (stranger.batches.retrieve, stranger.batches.cancel):
            for batch_id in (done.id, f"batch_{UNKNOWN}", "x"):
                with pytest.raises(openai.NotFoundError) as refused:
                    await ask(batch_id)
                assert refused.value.code == "batch_not_found"
        with pytest.raises(openai.NotFoundError):
            await stranger.files.content(done.output_file_id)
        assert [each.id async for each in stranger.batches.list()] == []
        made = [(await begun(stranger, GOOD)).id for _ in range(3)]
        assert [each.id async for each in stranger.batches.list(limit=2)] == made[::-1]
        assert done.id in [each.id async for each in client.batches.list(limit=100)]


async def test_a_batch_that_is_taken_back_ends_with_what_it_has(client: Client) -> None:
    """Each request is in one of its files; those that were not made are said to be."""
    names = [f"n{n}" for n in range(10)]
    lines = [chat(name, model="silent" if n > 4 else "echo") for n, name in enumerate(names)]
    made = await begun(client, written(*lines), extra_headers={"x-conduit-timeout": "2s"})

    async def is_under_way() -> bool:
        return bool((await client.batches.retrieve(made.id)).request_counts.completed == 5)

    await eventually(is_under_way, seconds=30)
    taken = await client.batches.cancel(made.id)
    assert taken.status == "cancelling"
    done = await ended(client, made.id)
    assert (done.status, done.request_counts.completed) == ("cancelled", 5)
    assert done.cancelling_at <= done.cancelled_at
    output = await lines_of(client, done.output_file_id)
    errors = await lines_of(client, done.error_file_id)
    assert sorted(line["custom_id"] for line in output + errors) == names
    assert (await client.batches.cancel(made.id)).status == "cancelled"


async def test_each_request_is_charged_once(suite: Suite) -> None:
    """To its caller, with its model, and with the tags that the batch was made with."""
    async with other_caller(suite) as caller:
        made = await begun(
            caller,
            written(*[chat(f"n{n}") for n in range(7)]),
            extra_headers={"x-conduit-tags": "job=nightly"},
        )
        await ended(caller, made.id)
    found: list[Json] = []

    async def are_charged() -> bool:
        page = await suite.call("GET", "/api/usage/charges", params={"pageSize": 1000})
        found[:] = [each for each in page["charges"] if each["requestId"].startswith(made.id)]
        return len(found) >= 7

    await eventually(are_charged, seconds=30)
    assert Counter(each["requestId"] for each in found) == {
        f"{made.id}_{n + 1}": 1 for n in range(7)
    }
    assert {each["modelAlias"] for each in found} == {"echo"}
    assert {tuple(each["tags"]) for each in found} == {("job=nightly",)}


async def test_a_request_may_ask_what_its_caller_may(suite: Suite) -> None:
    """A model that the key may not use is that request's failure."""
    async with other_caller(suite, allowedModels=["echo"]) as caller:
        content = written(chat("allowed"), chat("other", model="silent"))
        done = await ended(caller, (await begun(caller, content)).id)
        assert (done.request_counts.completed, done.request_counts.failed) == (1, 1)
        (line,) = await lines_of(caller, done.error_file_id)
        assert line["response"]["status_code"] == 403
        assert line["response"]["body"]["error"]["code"] == "model_not_allowed"


async def test_a_batch_waits_for_its_keys_limits(suite: Suite) -> None:
    """More requests than the key may have at a time are made one after the other."""
    limits = {"concurrentRequests": 1}
    async with other_caller(suite, limits=limits) as caller:
        content = written(*[chat(f"n{n}") for n in range(5)])
        done = await ended(caller, (await begun(caller, content)).id)
        assert (done.status, done.request_counts.completed) == ("completed", 5)


async def test_without_its_virtual_key_a_batch_ends(suite: Suite) -> None:
    """No request is made for a key that was deleted; the batch says why."""
    async with other_caller(suite) as caller:
        content = written(*[chat(f"n{n}", model="silent") for n in range(40)])
        headers = {"x-conduit-timeout": "2s"}
        made = await begun(caller, content, extra_headers=headers)

        async def is_under_way() -> bool:
            return bool((await caller.batches.retrieve(made.id)).status == "in_progress")

        await eventually(is_under_way, seconds=30)
        await suite.call("DELETE", f"/api/virtual-keys/{caller.key_id}")
        await suite.settled()
    storage = suite.router._control_plane.batches  # noqa: SLF001 # nobody else may ask any more

    async def has_failed() -> bool:
        found = await storage.batch(int(caller.key_id), made.id)
        return [each.code for each in found.errors.data] == [code_of_refusal()]

    await eventually(has_failed, seconds=60)


async def test_while_storage_is_away_a_batch_waits(suite: Suite, client: Client) -> None:
    """What was answered meanwhile is noted once it is back, and all else is made then."""
    made = await begun(client, written(*[chat(f"n{n}", model="slow") for n in range(160)]))

    async def is_under_way() -> bool:
        return bool((await client.batches.retrieve(made.id)).request_counts.completed)

    await eventually(is_under_way, seconds=30)
    await suite.stop_storage()
    try:
        with pytest.raises(openai.InternalServerError):
            await client.batches.retrieve(made.id)
    finally:
        await suite.start_storage()
    await ended_after_absence(client, made.id)
    done = await client.batches.retrieve(made.id)
    assert (done.status, done.request_counts.completed) == ("completed", 160)
    lines = await lines_of(client, done.output_file_id)
    assert Counter(line["custom_id"] for line in lines) == {f"n{n}": 1 for n in range(160)}


async def ended_after_absence(client: Client, batch_id: str) -> None:
    """Wait until a batch is over, whoever is away meanwhile."""

    async def is_over() -> bool:
        try:
            return (await client.batches.retrieve(batch_id)).status in OVER
        except openai.InternalServerError:
            return False

    await eventually(is_over, seconds=60)


async def test_a_provider_that_fails_now_and_then_is_asked_again(suite: Suite) -> None:
    """Each request is answered in the end; the batch gives way meanwhile."""
    await suite.add_simulator("flaky", "flaky-30")
    await suite.settled()
    async with other_caller(suite) as caller:
        content = written(*[chat(f"n{n}", model="flaky") for n in range(12)])
        done = await ended(caller, (await begun(caller, content)).id)
        assert (done.status, done.request_counts.completed) == ("completed", 12), done


def code_of_refusal() -> str:
    """Return why such a batch ends."""
    return VirtualKeyInvalid.reason.lower()


async def test_a_batch_outlasts_its_router(suite: Suite) -> None:
    """The next one goes on where it was stopped: no request is made twice, and none left out."""
    async with other_caller(suite) as caller:
        content = written(*[chat(f"n{n}", model="slow") for n in range(160)])
        made = await begun(caller, content)

        async def is_under_way() -> bool:
            return bool((await caller.batches.retrieve(made.id)).request_counts.completed)

        await eventually(is_under_way, seconds=30)
    await suite.stop_worker()
    await suite.start_worker()
    await suite.settled()
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=caller.api_key, max_retries=0, timeout=40
    ) as again:
        done = await ended(again, made.id)
        assert (done.status, done.request_counts.completed) == ("completed", 160)
        lines = await lines_of(again, done.output_file_id)
        assert Counter(line["custom_id"] for line in lines) == {f"n{n}": 1 for n in range(160)}
