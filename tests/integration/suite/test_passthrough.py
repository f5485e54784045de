"""Requests in providers' own words: admitted, sent, metered and charged like all others."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import orjson
import pytest
import pytest_asyncio
from tests.support.native_upstream import (
    CHAT,
    CHAT_EVENTS,
    MESSAGE_EVENTS,
    NativeUpstream,
    native_upstream,
)
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit.v1.passthrough_requests_pb2 import PassedField, PassThroughRequest
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.rpc import connect, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
MODEL, UNPRICED = "native-1", "unpriced-1"
CHAT_PATH = "/passthrough/own openai/chat/completions"
MESSAGES = "/passthrough/anthropic/v1/messages"
BODY: Json = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
# Dollars for the 11 tokens read and 7 written of each answer.
COST = (11 * 0.001 + 7 * 0.002) / 1000


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream(suite: Suite) -> AsyncIterator[NativeUpstream]:
    """Run a provider of three types; OpenAI's has two keys."""
    async with native_upstream() as started:
        for name, root in {"OpenAI": "/v1", "Anthropic": "", "Gemini": ""}.items():
            made = await suite.call(
                "POST",
                "/api/providers",
                {"name": f"own {name}", "providerType": name, "baseUrl": started.url + root},
            )
            number = made["id"]
            for key in ("sk-first-of-all", "sk-second-of-all")[: 2 if name == "OpenAI" else 1]:
                await suite.call("POST", f"/api/providers/{number}/keys", {"apiKey": key})
            mapping = {"modelAlias": f"by {name}", "providerId": number, "actualModelName": MODEL}
            await suite.call("POST", "/api/model-provider-mappings", mapping)
            unpriced = {"modelAlias": "unpriced", "actualModelName": UNPRICED}
            await suite.call("POST", "/api/model-provider-mappings", mapping | unpriced)
            price = {"inputCostPer1kTokens": 0.001, "outputCostPer1kTokens": 0.002}
            rule = {"providerId": number, "modelPattern": "native-*", **price}
            await suite.call("POST", "/api/model-costs", rule)
        await suite.settled()

        async def is_priced() -> bool:
            answer = await _post(suite, CHAT_PATH, BODY)
            return answer.headers.get("x-conduit-cost") is not None

        await eventually(is_priced)
        yield started


@pytest.fixture(autouse=True)
def _well(upstream: NativeUpstream) -> None:
    upstream.refusal, upstream.is_cut, upstream.answer_headers = None, False, {}
    upstream.received.clear()


async def _post(
    suite: Suite, path: str, body: Json | bytes, key: str = "", **headers: str
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient(base_url=suite.url, timeout=20) as client:
        credentials = {"authorization": f"Bearer {key or suite.virtual_key}"}
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.post(path, content=content, headers=credentials | names)


async def _key(suite: Suite, **settings: object) -> str:
    named = {"name": secrets.token_hex(8), **settings}
    made = await suite.call("POST", "/api/virtual-keys", named)
    await suite.settled()
    return str(made["key"])


def _code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


async def test_bytes_pass_both_ways(suite: Suite, upstream: NativeUpstream) -> None:
    """The provider gets the caller's very bytes, the caller the provider's, and a report."""
    written = b'{ "model":"native-1",\n "messages": [], "odd":  1.50 }'
    answer = await _post(suite, CHAT_PATH, written)
    assert (answer.status_code, answer.content) == (200, json.dumps(CHAT).encode())
    assert upstream.received[-1].body == written
    assert answer.headers["x-conduit-provider"] == "own OpenAI"
    assert answer.headers["x-conduit-model"] == MODEL
    assert float(answer.headers["x-conduit-cost"]) == pytest.approx(COST)


@pytest.mark.parametrize("provider", ["own OpenAI", "OWN openai", "openai", "id"])
async def test_providers_go_by_name_id_or_type(
    suite: Suite, upstream: NativeUpstream, provider: str
) -> None:
    """An instance of that name or id, or any of that type."""
    assert upstream
    listed = await suite.call("GET", "/api/providers")
    ids = {each["name"]: each["id"] for each in listed["providers"]}
    named = str(ids["own OpenAI"]) if provider == "id" else provider
    answer = await _post(suite, f"/passthrough/{named}/v1/chat/completions", BODY)
    assert answer.status_code == httpx.codes.OK
    unknown = await _post(suite, "/passthrough/nobody/v1/chat/completions", BODY)
    assert (unknown.status_code, _code(unknown)) == (404, "provider_not_found")


async def test_streams_pass_and_are_metered(suite: Suite, upstream: NativeUpstream) -> None:
    """Events come as they were sent, and their counts are charged."""
    for path, events in ((CHAT_PATH, CHAT_EVENTS), (MESSAGES, MESSAGE_EVENTS)):
        answer = await _post(suite, path, BODY | {"stream": True})
        assert answer.content == events
        assert answer.headers["content-type"] == "text/event-stream"
        record = await _record(suite, answer)
        assert record["costNanoUsd"] == pytest.approx(COST)
    assert len(upstream.received) == 2


async def _record(suite: Suite, answer: httpx.Response) -> Json:
    found: Json = await suite.call("GET", f"/api/requests/{answer.headers['x-conduit-request-id']}")
    return found


@pytest.mark.parametrize("query", ["", "?alt=sse"])
async def test_google_streams_are_metered_in_both_forms(
    suite: Suite, upstream: NativeUpstream, query: str
) -> None:
    """A list of pieces is one document, whose counts are read at its end."""
    path = f"/passthrough/gemini/v1beta/models/{MODEL}:streamGenerateContent{query}"
    answer = await _post(suite, path, {"contents": []})
    assert answer.status_code == httpx.codes.OK
    assert b"usageMetadata" in answer.content
    assert upstream.received[-1].query == query.removeprefix("?")
    record = await _record(suite, answer)
    assert record["costNanoUsd"] == pytest.approx(COST)


async def test_counting_costs_nothing(suite: Suite, upstream: NativeUpstream) -> None:
    """Also for a key whose budget is hard, and of a model without a price."""
    key = await _key(suite, budgets=[{"limitUsd": 1.0, "period": "Total", "isHard": True}])
    for model in (MODEL, UNPRICED):
        answer = await _post(suite, f"{MESSAGES}/count_tokens", BODY | {"model": model}, key)
        assert (answer.status_code, answer.json()) == (200, {"input_tokens": 5})
        assert float(answer.headers.get("x-conduit-cost", 0)) == 0
    own = await _post(suite, "/v1/messages/count_tokens", BODY | {"model": "unpriced"}, key)
    assert own.status_code == httpx.codes.OK
    assert upstream.received


async def test_vectors_are_charged(suite: Suite, upstream: NativeUpstream) -> None:
    """By what was read, as all else is."""
    body = {"model": MODEL, "input": "Hi"}
    answer = await _post(suite, "/passthrough/openai/v1/embeddings", body)
    assert float(answer.headers["x-conduit-cost"]) == pytest.approx(11 * 0.001 / 1000)
    assert upstream.received[-1].path == "/v1/embeddings"


async def test_nobody_else_answers(suite: Suite, upstream: NativeUpstream) -> None:
    """Words of one provider are for no other: fallbacks that a caller names do not count."""
    upstream.refusal = (500, {"content-type": "application/json"}, b'{"error": {"message": "x"}}')
    answer = await _post(suite, MESSAGES, BODY, x_conduit_fallbacks="by OpenAI")
    assert answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR
    assert {each.path for each in upstream.received} == {"/v1/messages"}
    await _mend(suite)


async def test_what_is_the_callers_own_stays(suite: Suite, upstream: NativeUpstream) -> None:
    """No credential, cookie or address of the caller's reaches the provider, nor other headers."""
    sent = {
        "x_api_key": "condt_other",
        "x_goog_api_key": "condt_other",
        "api_key": "condt_other",
        "cookie": "session=1",
        "x_forwarded_for": "10.0.0.1",
        "te": "trailers",
        "proxy_authorization": "Basic abc",
        "openai_organization": "org-of-caller",
        "x_conduit_tags": "a",
        "anthropic_beta": "a-beta,b-beta",
    }
    answer = await _post(suite, MESSAGES, BODY, **sent)
    assert answer.status_code == httpx.codes.OK
    got = dict(upstream.received[-1].headers)
    assert got.pop("authorization") == "Bearer sk-first-of-all"
    assert got.pop("anthropic-beta") == "a-beta,b-beta"
    assert got.keys() <= {
        *("host", "content-type", "content-length", "accept-encoding"),
        *("anthropic-version", "x-conduit-hops", "user-agent", "connection"),
    }


async def test_answers_tell_nothing_of_the_account(suite: Suite, upstream: NativeUpstream) -> None:
    """Cookies, the account's name and headers of Conduit's own do not come from a provider."""
    upstream.answer_headers = {
        "set-cookie": "a=b",
        "anthropic-organization-id": "org",
        "x-conduit-provider": "forged",
        "x-request-id": "forged",
        "request-id": "req_of_theirs",
        "anthropic-ratelimit-requests-remaining": "7",
    }
    answer = await _post(suite, MESSAGES, BODY)
    assert answer.headers["x-conduit-provider"] == "own Anthropic"
    assert answer.headers["request-id"] == "req_of_theirs"
    assert answer.headers["x-conduit-upstream-request-id"] == "req_of_theirs"
    assert answer.headers["anthropic-ratelimit-requests-remaining"] == "7"
    assert not answer.headers.keys() & {"set-cookie", "anthropic-organization-id"}
    assert "forged" not in str(answer.headers)


@pytest.mark.parametrize(
    "path",
    [
        "v1/models",
        "v1/files",
        "v1/../v1/messages",
        "v1//messages",
        "v1%2Fmessages",
        "%2e%2e/v1/messages",
        "v1/messages%00",
        "v1/messages%0d%0ax-evil:%201",
        "@evil.example/v1/messages",
        "/evil.example/v1/messages",
        "http://evil.example/v1/messages",
        "v1/messages;a=b",
        "v1/messages/batches",
    ],
)
async def test_other_paths_do_not_pass(suite: Suite, upstream: NativeUpstream, path: str) -> None:
    """Whatever the catalog file does not name is refused, however it is written."""
    reader, writer = await asyncio.open_connection("127.0.0.1", suite.bridge.port)
    body = json.dumps(BODY).encode()
    head = (
        f"POST /passthrough/anthropic/{path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
        f"authorization: Bearer {suite.virtual_key}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    status = (await reader.readline()).split()[1]
    writer.close()
    assert status in {b"400", b"404"}
    assert not upstream.received


@pytest.mark.parametrize(
    "model", ["..", ".", "a%2Fb", "x/../../v1/files", "native-1:generateContent?x=1#"]
)
async def test_models_in_paths_stay_in_their_place(
    suite: Suite, upstream: NativeUpstream, model: str
) -> None:
    """What stands for a model in a path can be no other path, query or method."""
    path = f"/passthrough/gemini/v1beta/models/{model}:generateContent"
    answer = await _post(suite, path, {"contents": []})
    assert answer.status_code in {400, 404}
    assert not upstream.received


async def test_only_known_parameters_pass(suite: Suite, upstream: NativeUpstream) -> None:
    """A key in the query, as Google's scripts have it, is refused and quoted nowhere."""
    path = f"/passthrough/gemini/v1beta/models/{MODEL}:generateContent?key=condt_secret"
    answer = await _post(suite, path, {"contents": []})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "key")
    assert "condt_secret" not in answer.text
    assert not upstream.received


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"model":"native-1","model":"dear","messages":[]}', "model"),
        (b'{"model":"native-1","\\u006dodel":"dear","messages":[]}', "model"),
        (b'{"model":"native-1","MODEL":"dear","messages":[]}', "MODEL"),
        (b'{"model":"native-1","max_tokens":1,"max_tokens":100000}', "max_tokens"),
        (b'{"messages":[]}', "model"),
        (b'{"model":1}', "model"),
        (b"[]", ""),
        (b"", None),
        (b"--form", None),
    ],
)
async def test_bodies_mean_one_thing(
    suite: Suite, upstream: NativeUpstream, body: bytes, field: str | None
) -> None:
    """What providers may read otherwise than Conduit does is refused."""
    answer = await _post(suite, CHAT_PATH, body)
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert answer.json()["error"]["param"] in {field, None}
    assert not upstream.received


@pytest.mark.parametrize("member", ["previous_response_id", "conversation", "background"])
async def test_state_of_others_is_not_within_reach(
    suite: Suite, upstream: NativeUpstream, member: str
) -> None:
    """What an account keeps for all callers cannot be named, nor what ends behind its answer."""
    body = {"model": MODEL, "input": "Hi", member: "resp_of_somebody"}
    answer = await _post(suite, "/passthrough/openai/v1/responses", body)
    assert (answer.status_code, _code(answer)) == (400, "unsupported_parameter")
    assert not upstream.received
    unset = await _post(suite, "/passthrough/openai/v1/responses", body | {member: None})
    assert unset.status_code == httpx.codes.OK


async def test_models_are_those_that_mappings_offer(suite: Suite, upstream: NativeUpstream) -> None:
    """What no alias offers is no model here, and what the key may not use is refused."""
    unknown = await _post(suite, CHAT_PATH, BODY | {"model": "dear"})
    assert (unknown.status_code, _code(unknown)) == (404, "model_not_found")
    # The alias is the operator's word, and not the provider's.
    alias = await _post(suite, CHAT_PATH, BODY | {"model": "by OpenAI"})
    assert alias.status_code == httpx.codes.NOT_FOUND
    other = await _key(suite, allowedModels=["by Anthropic"])
    refused = await _post(suite, CHAT_PATH, BODY, other)
    assert (refused.status_code, _code(refused)) == (403, "model_not_allowed")
    assert (await _post(suite, MESSAGES, BODY, other)).status_code == httpx.codes.OK
    assert len(upstream.received) == 1


async def test_keys_stay_within_their_providers(suite: Suite, upstream: NativeUpstream) -> None:
    """An instance that the virtual key may not be served by is not asked."""
    key = await _key(suite, allowedProviders=["own Anthropic"])
    refused = await _post(suite, CHAT_PATH, BODY, key)
    assert refused.status_code in {403, 404, 503}
    assert not upstream.received
    assert (await _post(suite, MESSAGES, BODY, key)).status_code == httpx.codes.OK


async def test_limits_hold(suite: Suite, upstream: NativeUpstream) -> None:
    """Requests are counted with all others of the key."""
    key = await _key(suite, limits={"requestsPerMinute": 1})
    first = await _post(suite, CHAT_PATH, BODY, key)
    assert first.headers["x-ratelimit-limit-requests"] == "1"
    second = await _post(suite, CHAT_PATH, BODY, key)
    assert (second.status_code, _code(second)) == (429, "rate_limit_exceeded")
    assert len(upstream.received) == 1


async def test_hard_budgets_hold(suite: Suite, upstream: NativeUpstream) -> None:
    """The worst case is reserved before anybody is asked; what has no price is not asked for."""
    poor = await _key(suite, budgets=[{"limitUsd": 0.000001, "period": "Total", "isHard": True}])
    refused = await _post(suite, CHAT_PATH, BODY, poor)
    assert (refused.status_code, _code(refused)) == (402, "insufficient_quota")
    rich = await _key(suite, budgets=[{"limitUsd": 9.0, "period": "Total", "isHard": True}])
    unpriced = await _post(suite, CHAT_PATH, BODY | {"model": UNPRICED}, rich)
    assert _code(unpriced) == "cost_unknown"
    assert not upstream.received
    assert (await _post(suite, CHAT_PATH, BODY, rich)).status_code == httpx.codes.OK


async def test_guardrails_are_no_way_around(suite: Suite, upstream: NativeUpstream) -> None:
    """Where they hold nothing passes, as they cannot look into it."""
    guard = {
        "name": "no keys",
        "action": "Block",
        "stage": "Request",
        "detectors": ["Secret"],
    }
    key = await _key(suite, guardrails=[guard])
    refused = await _post(suite, CHAT_PATH, BODY, key)
    assert (refused.status_code, _code(refused)) == (400, "unsupported_capability")
    assert not upstream.received


@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 529])
async def test_refusals_pass_as_they_are(
    suite: Suite, upstream: NativeUpstream, status: int
) -> None:
    """In the provider's own shape, with its status, and without the key that it may repeat."""
    said = b'{"type":"error","error":{"type":"odd_error","message":"not sk-first-of-all"}}'
    head = {"content-type": "application/json", "retry-after": "0", "set-cookie": "a=b"}
    upstream.refusal = (status, head, said)
    answer = await _post(suite, MESSAGES, BODY, x_conduit_max_attempts="1")
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "odd_error"
    assert "sk-first-of-all" not in answer.text
    assert answer.headers["retry-after"] == "0"
    assert answer.headers["x-conduit-provider"] == "own Anthropic"
    assert "set-cookie" not in answer.headers
    await _mend(suite)


async def _mend(suite: Suite) -> None:
    """Forget what the last failures were about, by a change of the key."""
    listed = await suite.call("GET", "/api/providers")
    for each in listed["providers"]:
        if each["name"].startswith("own "):
            keys = await suite.call("GET", f"/api/providers/{each['id']}/keys")
            for key in keys["keys"]:
                path = f"/api/providers/{each['id']}/keys/{key['id']}"
                await suite.call("PUT", path, {"isEnabled": False})
                await suite.call("PUT", path, {"isEnabled": True})
    await suite.settled()


async def test_refused_keys_are_the_operators_concern(
    suite: Suite, upstream: NativeUpstream
) -> None:
    """Each key is tried; what the provider says of them all is Conduit's own error."""
    upstream.refusal = (
        401,
        {"content-type": "application/json"},
        b'{"error":{"message":"bad key sk-first-of-all","code":"invalid_api_key"}}',
    )
    answer = await _post(suite, CHAT_PATH, BODY)
    tried = {each.headers["authorization"] for each in upstream.received}
    assert tried == {"Bearer sk-first-of-all", "Bearer sk-second-of-all"}
    assert answer.status_code >= 500
    assert "sk-first" not in answer.text
    await _mend(suite)


async def test_broken_streams_do_not_look_whole(suite: Suite, upstream: NativeUpstream) -> None:
    """The connection is cut behind what came, and what was counted until then is charged."""
    upstream.is_cut = True
    async with (
        suite.caller() as client,
        client.stream("POST", MESSAGES, json=BODY | {"stream": True}) as answer,
    ):
        assert answer.status_code == httpx.codes.OK
        with pytest.raises(httpx.TransportError):
            await answer.aread()
    record = await _record(suite, answer)
    # The counts of the first event: 11 tokens read, and one written.
    assert record["costNanoUsd"] == pytest.approx((11 * 0.001 + 0.002) / 1000)
    await _mend(suite)


async def test_grpc_callers_pass_too(suite: Suite, upstream: NativeUpstream) -> None:
    """Over gRPC the same, with the path's checks: nothing rests on the bridge alone."""
    metadata = [("authorization", f"Bearer {suite.virtual_key}")]
    request = PassThroughRequest(
        provider="anthropic",
        path="/v1/messages",
        headers=[PassedField(name="Anthropic-Beta", value="a-beta")],
        body=orjson.dumps(BODY),
    )
    async with connect(f"127.0.0.1:{suite.router.port}") as channel:
        stub = RouterServiceStub(channel)
        messages = [message async for message in stub.PassThrough(request, metadata=metadata)]
        assert messages[0].status == 200
        assert messages[-1].finished.report.attempts == 1
        assert upstream.received[-1].headers["anthropic-beta"] == "a-beta"
        for change in (
            PassThroughRequest(path="/v1/../messages"),
            PassThroughRequest(path="/v1/messages?beta=true"),
            PassThroughRequest(path="/v1/messages\r\nx: y"),
            PassThroughRequest(headers=[PassedField(name="anthropic-beta", value="a\r\nx: y")]),
            PassThroughRequest(query=[PassedField(name="x", value="y")]),
        ):
            wrong = PassThroughRequest()
            wrong.CopyFrom(request)
            wrong.MergeFrom(change)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                _ = [message async for message in stub.PassThrough(wrong, metadata=metadata)]
            assert error_of(refused.value, "router").reason in {
                "ROUTE_NOT_FOUND",
                "INVALID_REQUEST",
            }
    assert len(upstream.received) == 1


async def test_repeated_calls_are_made_once(suite: Suite, upstream: NativeUpstream) -> None:
    """With an idempotency key; what failed is made again."""
    refusal = (429, {"content-type": "application/json"}, b'{"error":{"message":"slow"}}')
    upstream.refusal = refusal
    failed = await _post(suite, MESSAGES, BODY, idempotency_key="once", x_conduit_max_attempts="1")
    assert failed.status_code == httpx.codes.TOO_MANY_REQUESTS
    upstream.refusal = None
    await _mend(suite)
    upstream.received.clear()
    first = await _post(suite, MESSAGES, BODY, idempotency_key="once")
    # As SDKs count how often they have sent it.
    retry = {"idempotency_key": "once", "x_stainless_retry_count": "1"}
    again = await _post(suite, MESSAGES, BODY, **retry)
    assert first.status_code == again.status_code == httpx.codes.OK
    assert first.content == again.content
    assert len(upstream.received) == 1
