"""The `/v1` routes: what OpenAI's SDK and plain HTTP callers see of whole answers."""

from collections.abc import AsyncIterator

import httpx
import openai
import pytest
from tests.integration.bridge.stage import CALLER, UNKNOWN, ScriptedRouter, soon

from conduit_bridge import bootstrap
from conduit_kernel.auth import Principal, PrincipalKind
from conduit_kernel.errors import (
    BudgetExceeded,
    ConduitError,
    ContextTooLong,
    NoProviderAvailable,
    UpstreamError,
    UpstreamRateLimited,
    VirtualKeyInvalid,
    VirtualKeyMissing,
)
from conduit_kernel.not_found_errors import ModelNotFound

CHAT = b'{"model": "m", "messages": [], "unknown": {"kept": [1, 2]}}'
PATH = "/v1/chat/completions"


@pytest.fixture
async def sdk(bridge: bootstrap.BridgeProcess) -> AsyncIterator[openai.AsyncOpenAI]:
    """Open the official SDK, pointed at the bridge."""
    url = f"http://127.0.0.1:{bridge.port}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="condt_1", max_retries=0) as client:
        yield client


async def test_a_chat_passes_as_it_is(http: httpx.AsyncClient, router: ScriptedRouter) -> None:
    """The body is not taken apart on its way in or out, and headers report what was done."""
    answer = await http.post(PATH, content=CHAT, headers={"authorization": "Bearer condt_1"})
    assert (answer.status_code, answer.content) == (200, CHAT)
    assert router.requests[0].json == CHAT
    assert router.principal.virtual_key == "Bearer condt_1"
    assert answer.headers["x-conduit-provider"] == "OpenAI Production"
    assert answer.headers["x-conduit-attempts"] == "2"
    assert answer.headers["x-conduit-cost"] == "0.0015"
    assert answer.headers["x-request-id"] == router.request_id


async def test_options_travel_in_headers(http: httpx.AsyncClient, router: ScriptedRouter) -> None:
    """What a caller may ask of the Router is read from `x-conduit-*`; nonsense is refused."""
    headers = {"x-conduit-timeout": "30s", "x-conduit-max-attempts": "2"}
    await http.post(PATH, content=CHAT, headers=headers)
    options = router.requests[0].options
    assert (options.timeout.seconds, options.max_attempts) == (30, 2)
    wrong = await http.post(PATH, content=CHAT, headers={"x-conduit-timeout": "soon"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "x-conduit-timeout")


@pytest.mark.parametrize(
    ("member", "rpc"),
    [
        (b'"stream": false', "ChatRequest"),
        (b'"stream": null', "ChatRequest"),
        (b'"user": "\\"stream\\": true"', "ChatRequest"),
        (b'"nested": {"stream": true}', "ChatRequest"),
        (b'"stream": true', "StreamChatRequest"),
        (b'"\\u0073tream": true', "StreamChatRequest"),
    ],
)
async def test_the_body_chooses_between_twins(
    http: httpx.AsyncClient, router: ScriptedRouter, member: bytes, rpc: str
) -> None:
    """One path, two RPCs: the JSON member `stream` decides, however it is spelled."""
    await http.post(PATH, content=b'{"model": "m", %b}' % member)
    assert type(router.requests[0]).__name__ == rpc


async def test_a_choice_that_is_no_boolean_is_refused(http: httpx.AsyncClient) -> None:
    """`stream: "yes"` is neither."""
    answer = await http.post(PATH, content=b'{"stream": "yes"}')
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "stream"
    broken = await http.post(PATH, content=b'{"stream": tru')
    assert broken.json()["error"]["code"] == "malformed_json"


async def test_model_names_may_hold_slashes(
    http: httpx.AsyncClient,
) -> None:
    """Escaped or not, the rest of the path is the model's name."""
    for name in ("meta-llama/Llama-3", "meta-llama%2FLlama-3"):
        answer = await http.get(f"/v1/models/{name}")
        assert answer.json()["id"] == "meta-llama/Llama-3"
    missing = await http.get("/v1/models/gpt-9")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("problem", "raised", "code"),
    [
        (VirtualKeyMissing("no key"), openai.AuthenticationError, "invalid_api_key"),
        (VirtualKeyInvalid("wrong key"), openai.AuthenticationError, "invalid_api_key"),
        (ModelNotFound("no model", model="m"), openai.NotFoundError, "model_not_found"),
        (ContextTooLong("too long"), openai.BadRequestError, "context_length_exceeded"),
        (UpstreamRateLimited("slowly"), openai.RateLimitError, "rate_limit_exceeded"),
        (BudgetExceeded("no money"), openai.APIStatusError, "insufficient_quota"),
        (NoProviderAvailable("none"), openai.InternalServerError, "no_provider_available"),
        (UpstreamError("broken"), openai.InternalServerError, "provider_error"),
    ],
)
async def test_errors_are_the_sdk_s_own_exceptions(
    sdk: openai.AsyncOpenAI,
    router: ScriptedRouter,
    problem: ConduitError,
    raised: type[openai.APIStatusError],
    code: str,
) -> None:
    """Status, type, code and message are where OpenAI's SDK looks for them."""
    router.problem = problem
    with pytest.raises(raised) as caught:
        await sdk.chat.completions.create(model="m", messages=[])
    assert caught.value.code == code
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["message"] == problem.message
    assert caught.value.type == problem.failure.openai_type


async def test_a_streamed_call_that_fails_at_once_has_its_own_status(
    sdk: openai.AsyncOpenAI, router: ScriptedRouter
) -> None:
    """No head was sent yet, so the error is an ordinary one."""
    router.problem = UpstreamRateLimited("slowly", retry_after_ms="1200")
    with pytest.raises(openai.RateLimitError) as caught:
        await sdk.chat.completions.create(model="m", messages=[], stream=True)
    assert caught.value.response.headers["retry-after"] == "2"
    assert caught.value.response.headers["retry-after-ms"] == "1200"


async def test_what_nobody_foresaw_says_nothing(
    http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """No trace, no words of the exception; the id leads to the log."""
    router.problem = RuntimeError("canary-4711")
    answer = await http.post(PATH, content=CHAT)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (
        500,
        "server_error",
        "server_error",
    )
    assert "canary" not in answer.text
    assert "Traceback" not in answer.text


async def test_a_caller_that_leaves_ends_the_call(
    http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """The Router stops working on an answer that nobody will read."""
    router.hangs = True
    with pytest.raises(httpx.ReadTimeout):
        await http.post(PATH, content=CHAT, timeout=0.2)
    await soon(router.ended)


async def test_a_caller_is_authorized_once(http: httpx.AsyncClient, router: ScriptedRouter) -> None:
    """The Router is told who calls, and from where, and is shown no credential."""
    await http.post(PATH, content=CHAT)
    assert router.identified == [CALLER["authorization"]]
    assert router.principal == Principal(
        PrincipalKind.VIRTUAL_KEY, "virtual-key", "127.0.0.1", CALLER["authorization"]
    )
    refused = await http.post(PATH, content=CHAT, headers=UNKNOWN)
    assert (refused.status_code, len(router.requests)) == (401, 1)
