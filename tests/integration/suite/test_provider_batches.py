"""Batches by the batches of providers' own, with OpenAI's SDK: made there, each charged once."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.batch_upstream import BatchUpstream, Held, failed, result_of
from tests.support.suite import Suite, running_suite
from tests.support.waiting import eventually

from conduit_kernel.http import HttpServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
CHATS = "/v1/chat/completions"
OVER = {"completed", "failed", "expired", "cancelled"}
PROVIDER = {"execution": "provider"}


class Kind(NamedTuple):
    """A provider type that takes batches, with a model of it."""

    name: str
    # Within the stand-in's address.
    path: str
    model: str
    dialect: str


KINDS = [
    Kind("OpenAI", "/v1", "gpt-4o-mini", "openai"),
    Kind("AzureOpenAI", "", "gpt-4o-mini", "openai"),
    Kind("Groq", "/openai/v1", "llama-3.3-70b-versatile", "openai"),
    Kind("Mistral", "/v1", "mistral-small-latest", "mistral"),
    Kind("Anthropic", "", "claude-opus-4-6", "anthropic"),
    Kind("Gemini", "", "gemini-2.5-flash", "gemini"),
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Run the whole suite, which looks at batches often."""
    folder = tmp_path_factory.mktemp("suite")
    async with running_suite(folder, batch_look_seconds=0.02) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstreams(suite: Suite) -> AsyncIterator[dict[str, BatchUpstream]]:
    """Run a stand-in for each type, an alias of its name for an instance there."""
    made, servers = dict[str, BatchUpstream](), list[HttpServer]()
    for kind in KINDS:
        upstream = made[kind.name] = BatchUpstream()
        server = HttpServer(upstream)
        servers.append(server)
        await server.start("127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.port}{kind.path}"
        await add(suite, kind, kind.name, url)
        if kind.name == "OpenAI":
            await add(suite, kind, "set", url, settings={"batches": "provider"})
    await suite.settled()
    yield made
    for upstream in made.values():
        upstream.finish()
    for server in servers:
        await server.drain(0.1)


async def add(suite: Suite, kind: Kind, alias: str, url: str, **fields: Any) -> None:  # noqa: ANN401 # of a provider
    """Add an instance with a key, and map an alias to a model of it."""
    fields |= {"name": alias, "providerType": kind.name, "baseUrl": url}
    provider = await suite.call("POST", "/api/providers", fields)
    await suite.call("POST", f"/api/providers/{provider['id']}/keys", {"apiKey": "sk-batches"})
    mapping = {"modelAlias": alias, "providerId": provider["id"], "actualModelName": kind.model}
    await suite.call("POST", "/api/model-provider-mappings", mapping)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[Any]:
    """Return the SDK's client, pointed at the bridge."""
    url = f"{suite.url}/v1"
    async with AsyncOpenAI(base_url=url, api_key=suite.virtual_key, max_retries=0) as made:
        yield made


def chats(alias: str, count: int) -> bytes:
    """Return the file of a batch of chats, each named by its alias and number."""
    lines = [
        {
            "custom_id": f"{alias}-{n}",
            "method": "POST",
            "url": CHATS,
            "body": {
                "model": alias,
                "max_tokens": 50,
                "messages": [{"role": "user", "content": f"word {n}"}],
            },
        }
        for n in range(count)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def everywhere(count: int) -> bytes:
    """Return the file of a batch that has so many chats for each type."""
    return b"".join(chats(kind.name, count) for kind in KINDS)


async def begun(client: Any, content: bytes, **extra: Any) -> Any:  # noqa: ANN401 # the SDK's own
    """Begin a batch of a file."""
    file = await client.files.create(file=("in.jsonl", content), purpose="batch")
    return await client.batches.create(
        input_file_id=file.id, endpoint=CHATS, completion_window="24h", extra_body=extra
    )


async def until(client: Any, batch_id: str, *statuses: str) -> Any:  # noqa: ANN401 # the SDK's own
    """Return a batch once it has one of these states."""
    found: list[Any] = []

    async def is_there() -> bool:
        found[:] = [await client.batches.retrieve(batch_id)]
        return found[0].status in (statuses or OVER)

    await eventually(is_there, seconds=60)
    return found[0]


async def results(client: Any, file_id: str | None) -> dict[str, Json]:  # noqa: ANN401 # as above
    """Return the lines of a file by custom id, which each has once."""
    if file_id is None:
        return {}
    lines = [json.loads(line) for line in (await client.files.content(file_id)).text.splitlines()]
    found = {line["custom_id"]: line for line in lines}
    assert len(found) == len(lines)
    return found


def words_of(line: Json) -> str:
    """Return what a chat was answered with."""
    words: str = line["response"]["body"]["choices"][0]["message"]["content"]
    return words


async def test_requests_are_made_by_the_batches_of_providers(
    client: Any,  # noqa: ANN401 # the SDK's own
    upstreams: dict[str, BatchUpstream],
) -> None:
    """Each provider has its requests in one batch, translated; its results are answers of chats."""
    made = await begun(client, everywhere(3), **PROVIDER)
    done = await until(client, made.id)
    assert (done.status, done.errors, done.error_file_id) == ("completed", None, None)
    counts = done.request_counts
    assert (counts.total, counts.completed, counts.failed) == (18, 18, 0)
    assert done.execution == "provider"
    output = await results(client, done.output_file_id)
    assert {name: words_of(line) for name, line in output.items()} == {
        f"{kind.name}-{n}": f"word {n}" for kind in KINDS for n in range(3)
    }
    for kind, part in zip(KINDS, done.provider_batches, strict=True):
        assert (part["provider_name"], part["model"]) == (kind.name, kind.model)
        assert (part["status"], part["request_counts"]["total"]) == ("completed", 3)
        upstream = upstreams[kind.name]
        assert not upstream.calls
        # Nothing of it is left behind, but for what providers keep whatever is asked.
        assert not upstream.files
        assert upstream.deleted


async def charges_of(suite: Suite, batch_id: str, count: int) -> list[Json]:
    """Return the charges of a batch once there are so many."""
    found: list[Json] = []

    async def are_there() -> bool:
        page = await suite.call("GET", "/api/usage/charges", params={"pageSize": 1000})
        found[:] = [each for each in page["charges"] if each["requestId"].startswith(batch_id)]
        return len(found) >= count

    await eventually(are_there, seconds=30)
    return found


async def test_each_request_is_charged_once_at_the_price_of_batches(
    client: Any,  # noqa: ANN401 # the SDK's own
    suite: Suite,
    upstreams: dict[str, BatchUpstream],
) -> None:
    """It is half of a call's, where a price is known, and the charge says that it was a batch."""
    cheap_batch = await until(client, (await begun(client, everywhere(2), **PROVIDER)).id)
    usual_batch = await until(client, (await begun(client, everywhere(1))).id)
    cheap = await charges_of(suite, cheap_batch.id, 2 * len(KINDS))
    usual = await charges_of(suite, usual_batch.id, len(KINDS))
    assert Counter(each["requestId"] for each in cheap) == {
        f"{cheap_batch.id}_{place + 1}": 1 for place in range(2 * len(KINDS))
    }
    assert {each["qualifiers"].get("processing") for each in cheap} == {"batch"}
    prices = {each["modelAlias"]: each["cost"] for each in usual}
    for each in cheap:
        alias = each["modelAlias"]
        # The catalog has no prices of Groq's batches: unknown is neither free nor usual.
        half = None if alias == "Groq" else pytest.approx(prices[alias] / 2)
        assert each.get("cost") == half, alias
    for upstream in upstreams.values():
        assert len(upstream.calls) == 1
        upstream.calls.clear()


async def test_what_fails_there_fails_alone(
    client: Any,  # noqa: ANN401 # the SDK's own
    upstreams: dict[str, BatchUpstream],
) -> None:
    """A wrong request fails as its call would; one that may do better, or is lost, is a call."""
    for kind in KINDS:
        upstreams[kind.name].on_begun = partial(spoil, kind)
    done = await until(client, (await begun(client, everywhere(4), **PROVIDER)).id)
    assert (done.request_counts.completed, done.request_counts.failed) == (18, 6)
    output = await results(client, done.output_file_id)
    assert {name: words_of(line) for name, line in output.items()} == {
        f"{kind.name}-{n}": f"word {n}" for kind in KINDS for n in (0, 2, 3)
    }
    errors = await results(client, done.error_file_id)
    assert {*errors} == {f"{kind.name}-1" for kind in KINDS}
    for line in errors.values():
        assert line["response"]["status_code"] == 400
        assert "It is wrong" in line["response"]["body"]["error"]["message"]
    for upstream in upstreams.values():
        assert len(upstream.calls) == 2
        upstream.calls.clear()
        upstream.on_begun = None


def spoil(kind: Kind, held: Held) -> None:
    """Let the second request be wrong, the third one fail, and the fourth one be lost."""
    _, wrong, failing, lost = held.requests
    held.results[wrong] = failed(kind.dialect, wrong)
    held.results[failing] = failed(kind.dialect, failing, 500)
    held.results[lost] = None


async def test_a_batch_that_is_taken_back_is_taken_back_there(
    client: Any,  # noqa: ANN401 # the SDK's own
    suite: Suite,
    upstreams: dict[str, BatchUpstream],
) -> None:
    """What the provider had made by then is answered and charged; the others were never made."""
    for upstream in upstreams.values():
        upstream.is_quick = False
    made = await begun(client, everywhere(2), **PROVIDER)
    await provider_has(client, made.id)
    held = {
        kind: next(each for each in upstreams[kind.name].batches.values() if each.is_under_way)
        for kind in KINDS
    }
    assert (await client.batches.cancel(made.id)).status == "cancelling"

    async def are_told() -> bool:
        return all(each.status == "cancelling" for each in held.values())

    await eventually(are_told)
    for kind, each in held.items():
        upstreams[kind.name].is_quick = True
        first, _ = each.requests
        each.results[first] = result_of(kind.dialect, first, each.requests[first])
        each.status = "cancelled"
    done = await until(client, made.id, "cancelled")
    assert (done.request_counts.completed, done.request_counts.failed) == (6, 0)
    assert {*await results(client, done.output_file_id)} == {f"{each.name}-0" for each in KINDS}
    errors = await results(client, done.error_file_id)
    assert {name: line["error"]["code"] for name, line in errors.items()} == {
        f"{each.name}-1": "batch_cancelled" for each in KINDS
    }
    assert len(await charges_of(suite, made.id, 6)) == 6
    assert not any(upstream.calls for upstream in upstreams.values())


async def provider_has(client: Any, batch_id: str) -> Any:  # noqa: ANN401 # the SDK's own
    """Return a batch once providers work on it."""
    found: list[Any] = []

    async def is_there() -> bool:
        found[:] = [await client.batches.retrieve(batch_id)]
        parts = getattr(found[0], "provider_batches", None) or [{}]
        return all(part.get("status") == "in_progress" for part in parts)

    await eventually(is_there, seconds=30)
    return found[0]


async def test_another_router_goes_on_with_providers_batches(
    client: Any,  # noqa: ANN401 # the SDK's own
    suite: Suite,
    upstreams: dict[str, BatchUpstream],
) -> None:
    """Those that were begun before are not begun again, and their results are each read once."""
    before = {name: len(begins(upstream)) for name, upstream in upstreams.items()}
    for upstream in upstreams.values():
        upstream.is_quick = False
    made = await begun(client, everywhere(2), **PROVIDER)
    await provider_has(client, made.id)
    await suite.stop_worker()
    await suite.start_worker()
    client.base_url = f"{suite.url}/v1"
    for upstream in upstreams.values():
        upstream.finish()
        upstream.is_quick = True
    done = await until(client, made.id)
    assert (done.status, done.request_counts.completed) == ("completed", 12)
    assert len(await results(client, done.output_file_id)) == 12
    assert len(await charges_of(suite, made.id, 12)) == 12
    for name, upstream in upstreams.items():
        assert (len(begins(upstream)), upstream.calls) == (before[name] + 1, [])


@pytest.mark.slow
async def test_results_that_are_read_twice_are_charged_once(
    client: Any,  # noqa: ANN401 # the SDK's own
    suite: Suite,
    upstreams: dict[str, BatchUpstream],
) -> None:
    """A router charged one, and ended before anybody could note it; the next one reads all anew.

    It has the batch once the first one's claim is over, which takes its time.
    """
    upstream = upstreams["Anthropic"]
    upstream.is_asked_for_results.clear()
    upstream.may_give_results.clear()
    made = await begun(client, chats("Anthropic", 3), **PROVIDER)
    async with asyncio.timeout(30):
        await upstream.is_asked_for_results.wait()
    await suite.stop_storage()
    upstream.may_give_results.set()
    [charged] = await charges_of(suite, made.id, 1)
    await suite.stop_worker()
    await suite.start_storage()
    asked = len(upstream.requests)
    await suite.start_worker()
    client.base_url = f"{suite.url}/v1"
    done = await until(client, made.id)
    assert (done.status, done.request_counts.completed) == ("completed", 3)
    again = [path for _, path in upstream.requests[asked:] if path.endswith("/results")]
    assert len(again) == 1
    await suite.charges_are_delivered()
    charges = await charges_of(suite, made.id, 3)
    assert len(charges) == 3
    assert charged in charges
    assert not upstream.calls


def begins(upstream: BatchUpstream) -> list[str]:
    """Return the requests that began batches."""
    endings = ("/batches", "/batch/jobs", ":batchGenerateContent")
    return [path for verb, path in upstream.requests if verb == "POST" and path.endswith(endings)]


async def test_an_operator_may_have_batches_made_there(
    client: Any,  # noqa: ANN401 # the SDK's own
    upstreams: dict[str, BatchUpstream],
) -> None:
    """An instance's setting holds for whoever says nothing; a caller who says Conduit has calls."""
    upstream = upstreams["OpenAI"]
    done = await until(client, (await begun(client, chats("set", 2))).id)
    assert (len(done.provider_batches), upstream.calls) == (1, [])
    done = await until(client, (await begun(client, chats("set", 2), execution="conduit")).id)
    assert done.request_counts.completed == 2
    assert not getattr(done, "provider_batches", None)
    assert len(upstream.calls) == 2
    upstream.calls.clear()


async def test_each_request_goes_where_its_alias_does(
    client: Any,  # noqa: ANN401 # the SDK's own
    suite: Suite,
    upstreams: dict[str, BatchUpstream],
) -> None:
    """A batch of several aliases has a part at each provider; who takes none is called."""
    await suite.add_simulator("echo", "echo")
    await suite.settled()
    names = ["OpenAI", "Anthropic", "echo"]
    content = b"".join(chats(name, 2) for name in names)
    done = await until(client, (await begun(client, content, **PROVIDER)).id)
    assert done.request_counts.completed == 6
    parts = {
        each["provider_name"]: each["request_counts"]["total"] for each in done.provider_batches
    }
    assert parts == {"OpenAI": 2, "Anthropic": 2}
    assert not any(upstreams[name].calls for name in names[:2])


async def test_a_batch_that_is_refused_is_made_by_calls(
    client: Any,  # noqa: ANN401 # the SDK's own
    upstreams: dict[str, BatchUpstream],
) -> None:
    """A provider that takes no batches, for whatever reason, answers the calls all the same."""
    upstream = upstreams["OpenAI"]
    error = {"error": {"message": "Billing hard limit has been reached", "type": "invalid"}}
    upstream.failures.append(("POST /v1/batches", 400, error))
    done = await until(client, (await begun(client, chats("OpenAI", 3), **PROVIDER)).id)
    assert done.request_counts.completed == 3
    assert [part["status"] for part in done.provider_batches] == ["failed"]
    assert len(upstream.calls) == 3
    upstream.calls.clear()


async def test_a_batch_whose_answer_was_lost_is_not_begun_twice(
    client: Any,  # noqa: ANN401 # the SDK's own
    upstreams: dict[str, BatchUpstream],
) -> None:
    """It is found at the provider by the name that it was given."""
    upstream, before = upstreams["OpenAI"], len(begins(upstreams["OpenAI"]))

    def lose(held: Held) -> None:
        upstream.on_begun, held.status = None, "done"
        upstream.failures.append(("GET /v1/batches/", 503, {"error": {"message": "away"}}))
        raise ConnectionError(held.id)

    upstream.on_begun = lose
    done = await until(client, (await begun(client, chats("OpenAI", 3), **PROVIDER)).id)
    assert done.request_counts.completed == 3
    assert len(begins(upstream)) == before + 1
    assert not upstream.calls


async def test_a_hard_budget_holds_what_a_batch_may_cost(
    suite: Suite, upstreams: dict[str, BatchUpstream]
) -> None:
    """Where there is no room for all of it, its requests are calls, as far as there is for them."""
    budget = {"limitUsd": 0.0001, "period": "Total", "isHard": True}
    made = await suite.call("POST", "/api/virtual-keys", {"name": "poor", "budgets": [budget]})
    await suite.settled()
    upstream = upstreams["OpenAI"]
    before = len(begins(upstream))
    async with AsyncOpenAI(base_url=f"{suite.url}/v1", api_key=made["key"]) as poor:
        done = await until(poor, (await begun(poor, chats("OpenAI", 40), **PROVIDER)).id)
    counts = done.request_counts
    assert counts.failed > 0
    assert counts.completed + counts.failed == 40
    assert len(begins(upstream)) == before
    upstream.calls.clear()


async def test_a_provider_without_room_is_asked_again_later(
    client: Any,  # noqa: ANN401 # the SDK's own
    upstreams: dict[str, BatchUpstream],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it has not taken on is no call at the usual price, but its next batch."""
    monkeypatch.setattr("conduit_router.batches.remote.work.CROWDED_SECONDS", 0.05)
    upstream, before = upstreams["OpenAI"], len(begins(upstreams["OpenAI"]))

    def refuse(held: Held) -> None:
        upstream.is_quick, upstream.on_begun = False, accept
        held.status = "failed"

    def accept(_: Held) -> None:
        upstream.is_quick, upstream.on_begun = True, None

    upstream.on_begun = refuse
    done = await until(client, (await begun(client, chats("OpenAI", 2), **PROVIDER)).id)
    assert done.request_counts.completed == 2
    assert (len(begins(upstream)), upstream.calls) == (before + 2, [])
