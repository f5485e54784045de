"""Server-side request forgery: URLs that lead into the network that the gateway stands in."""

import socket
from collections.abc import Iterator
from typing import Any
from unittest import mock

import httpx
import pytest
from tests.attacks.trap import Trap
from tests.support.suite import Suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Ways to write 127.0.0.1, and addresses that clouds and networks have inside, each with a port.
HOSTS = (
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "127.000.000.001",
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "0",
    "0.0.0.0",  # noqa: S104 # connected to, not bound
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[2002:7f00:1::]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[fe80::1%25lo]",
    "[fe80::1%lo]",
    "[fec0::1]",
    "[v1.fe80::1]",
    "[fd00:ec2::254]",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "100.100.100.200",
    "metadata.google.internal",
    "Metadata.Google.Internal.",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
)
# Ways to have two readers of a URL see two hosts; `{}` is where the service inside is.
TRICKS = (
    "http://{}#@api.openai.com/v1",
    "http://{}#api.openai.com",
    "http://api.openai.com@{}/v1",
    "http://api.openai.com:80@{}/v1",
    "http://{}?@api.openai.com/v1",
    "http://{}\\@api.openai.com/v1",
    "http://api.openai.com\\@{}/v1",
    "http://{}\t/v1",
    "http://{}\n/v1",
    "http://{}\r\nHost: api.openai.com/v1",
    "\thttp://{}/v1",
    "http:\\\\{}/v1",
    "http:/{}/v1",
    "http:///{}/v1",
    "//{}/v1",
    "HTTP://{}/v1",
    "file:///etc/passwd",
    "gopher://{}/_",
    "dict://{}/",
    "ftp://{}/",
    "unix:/var/run/docker.sock",
    "http://{}/v1/../../latest/meta-data",
)
URLS = (
    *(f"http://{host}:PORT/v1" for host in HOSTS),
    *(each.format("127.0.0.1:PORT") for each in TRICKS),
)


async def refused(suite: Suite, path: str, body: dict[str, Any]) -> list[str]:
    """Return what an administrator is not allowed to point elsewhere; nothing if it was allowed."""
    async with suite.admin() as client:
        answer = await client.post(path, json=body)
        if answer.status_code < 400:
            return []
        assert answer.status_code in {400, 403, 422}, answer.text
        return [answer.json()["code"]]


async def test_no_provider_leads_inside(guarded: Suite, inside: Trap) -> None:
    """However the address is written, it is refused before anybody connects."""
    allowed = []
    for number, text in enumerate(URLS):
        url = text.replace("PORT", str(inside.port))
        spec = {"name": f"inside {number}", "providerType": "OpenAI", "baseUrl": url}
        if not await refused(guarded, "/api/providers", spec):
            allowed.append(url)
    assert (allowed, inside.reached) == ([], [])


async def test_no_webhook_leads_inside(guarded: Suite, inside: Trap) -> None:
    """One is refused when it is given, or else when it is delivered to."""
    made = []
    async with guarded.admin() as client:
        for text in URLS:
            # All others are refused for their scheme.
            url = text.replace("PORT", str(inside.port)).replace("http:", "https:")
            answer = await client.post("/api/webhooks", json={"url": url})
            assert answer.status_code < 500, answer.text
            if answer.is_success:
                made.append(f"/api/webhooks/{answer.json()['id']}")
    assert len(made) >= len(HOSTS) // 2
    announcement = {"message": "hello", "category": "test"}
    await guarded.call("POST", "/api/announcements", announcement)

    async def are_attempted() -> bool:
        for path in made:
            found = (await guarded.call("GET", f"{path}/deliveries"))["deliveries"]
            if not found or not found[-1]["attempts"]:
                return False
        return True

    await eventually(are_attempted, seconds=40)
    for path in made:
        [delivery] = (await guarded.call("GET", f"{path}/deliveries"))["deliveries"]
        assert delivery["error"]
        assert "inside-secret" not in str(delivery)
        await guarded.call("DELETE", path)
    assert inside.reached == []


async def test_no_picture_comes_from_inside(guarded: Suite, inside: Trap) -> None:
    """A caller names it, a provider that takes no URLs is to be shown it."""
    # A public address that nothing is sent to: the picture is fetched first.
    spec = {"name": "shown", "providerType": "Ollama", "baseUrl": "http://93.184.215.14:9"}
    made = await guarded.call("POST", "/api/providers", spec)
    mapping = {"modelAlias": "shown", "providerId": made["id"], "actualModelName": "llava"}
    await guarded.call("POST", "/api/model-provider-mappings", mapping)
    await guarded.settled()
    told = set()
    async with guarded.caller() as client:
        for text in URLS:
            url = text.replace("PORT", str(inside.port))
            answer = await client.post("/v1/chat/completions", json=showing("shown", url))
            assert answer.status_code == 400, (url, answer.text)
            error = answer.json()["error"]
            assert "inside-secret" not in answer.text
            told.add(error["code"])
    assert inside.reached == []
    assert len(told) <= 2


def showing(alias: str, url: str) -> dict[str, Any]:
    """Return a chat about a picture."""
    content = [
        {"type": "text", "text": "what is it"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    return {"model": alias, "messages": [{"role": "user", "content": content}]}


@pytest.fixture
def rebinding() -> Iterator[list[str]]:
    """Have a name lead to a public address first, and inside from then on."""
    asked: list[str] = []
    usual = socket.getaddrinfo

    def look_up(host: Any, port: Any, *more: Any, **options: Any) -> Any:  # noqa: ANN401 # as Python's own
        if host not in {"rebind.example", b"rebind.example"}:
            return usual(host, port, *more, **options)
        asked.append("rebind.example")
        return usual("93.184.215.14" if len(asked) == 1 else "127.0.0.1", port, *more, **options)

    with mock.patch.object(socket, "getaddrinfo", look_up):
        yield asked


async def test_dns_rebinding_leads_nowhere(
    guarded: Suite, inside: Trap, rebinding: list[str]
) -> None:
    """What was public when it was given is looked at again by whoever connects: with its key."""
    url = f"http://rebind.example:{inside.port}/v1"
    spec = {"name": "rebound", "providerType": "OpenAI", "baseUrl": url}
    number = (await guarded.call("POST", "/api/providers", spec))["id"]
    looked = len(rebinding)
    assert looked >= 1
    await guarded.call("POST", f"/api/providers/{number}/keys", {"apiKey": "sk-rebound-key-0001"})
    mapping = {"modelAlias": "rebound", "providerId": number, "actualModelName": "gpt-4o"}
    await guarded.call("POST", "/api/model-provider-mappings", mapping)
    await guarded.settled()
    body = {"model": "rebound", "messages": [{"role": "user", "content": "hello"}]}
    async with guarded.caller() as caller, guarded.admin() as admin:
        answers = [
            await caller.post("/v1/chat/completions", json=body),
            await admin.post(f"/api/providers/{number}/test"),
            await admin.post(f"/api/providers/{number}/discover"),
            await admin.post(f"/api/providers/{number}/health/check"),
        ]
    assert len(rebinding) > looked
    assert inside.reached == []
    assert not any("inside-secret" in each.text for each in answers)
    assert answers[0].status_code >= 500
    assert answers[1].json().get("category") != "Ok"


@pytest.mark.parametrize("kind", ["file", "url", "executable", "aws", "token"])
async def test_a_credential_leads_nowhere_else(guarded: Suite, inside: Trap, kind: str) -> None:
    """A key of Google's kind may say where to get a token, and with what: not from inside."""
    here = f"http://127.0.0.1:{inside.port}/token"
    sources: dict[str, dict[str, Any]] = {
        "file": {"file": "/etc/passwd"},
        "url": {"url": here},
        "executable": {"executable": {"command": "/bin/true"}},
        "aws": {"environment_id": "aws1", "url": here, "region_url": here},
        "token": {"url": "https://sts.googleapis.com/v1/token"},
    }
    key = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": here if kind == "token" else "https://sts.googleapis.com/v1/token",
        "credential_source": sources[kind],
    }
    name = f"external {kind}"
    spec = {
        "name": name,
        "providerType": "VertexAI",
        "settings": {"project": "p", "location": "us-east1"},
    }
    number = (await guarded.call("POST", "/api/providers", spec))["id"]
    async with guarded.admin() as admin:
        given = httpx.Response(200)
        given = await admin.post(f"/api/providers/{number}/keys", json={"apiKey": str_of(key)})
        tested = await admin.post(f"/api/providers/{number}/test")
    assert inside.reached == []
    assert given.status_code >= 400 or tested.json().get("category") != "Ok"


def str_of(key: object) -> str:
    """Return a key as the text that is given."""
    return httpx.Request("POST", "http://x", json=key).content.decode()
