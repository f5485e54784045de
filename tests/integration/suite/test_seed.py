"""Every request of the provider integration guide, as written there but for the host."""

import re
import shlex
from pathlib import Path

import httpx
import pytest
from tests.support.suite import MASTER_KEY, Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUESTS = (Path(__file__).parent / "seed_requests.sh").read_text()


def commands() -> list[list[str]]:
    """Return the words of each curl in the list, in its order."""
    joined = REQUESTS.replace("\\\n", " ")
    found = re.findall(r"^curl .*?(?=^\S|\Z)", joined, re.MULTILINE | re.DOTALL)
    return [shlex.split(text) for text in found]


def as_request(words: list[str], base_url: str) -> httpx.Request:
    """Return the request that curl would send."""
    method, url, body = "GET", "", ""
    headers: dict[str, str] = {}
    parameters: list[str] = []
    is_get = "-G" in words
    rest = iter(words[1:])
    for word in rest:
        match word:
            case "-X":
                method = next(rest)
            case "-H":
                name, _, value = next(rest).partition(": ")
                headers[name] = value
            case "-d" if is_get:
                parameters.append(next(rest))
            case "-d":
                body = next(rest)
            case "-G":
                pass
            case _:
                url = word
    url = url.replace("https://admin.conduit.ai", base_url)
    if parameters:
        url += ("&" if "?" in url else "?") + "&".join(parameters)
    headers["X-Master-Key"] = MASTER_KEY
    return httpx.Request(method, url, headers=headers, content=body or None)


async def test_every_request_of_the_guide_answers(suite: Suite) -> None:
    """In its order, each succeeds, and creates or changes what it says."""
    answers = {}
    async with httpx.AsyncClient(timeout=40) as client:
        for words in commands():
            request = as_request(words, suite.url)
            answer = await client.send(request)
            assert answer.is_success, (words, answer.status_code, answer.text)
            answers[f"{request.method} {request.url.path}"] = answer.json()
    created = answers["POST /api/providers"]
    assert created["providerType"] in {"OpenAI", "OpenAICompatible"}
    key = answers["POST /api/providers/1/keys"]
    assert key["id"] == "key_1"
    assert key["providerAccountGroup"] == "production-account"
    assert "apiKey" not in key
    assert key["maskedApiKey"].endswith("here")
    mapping = answers["POST /api/model-provider-mappings"]
    assert mapping["modelAlias"] == "gpt-4"
    assert mapping["actualModelName"] == "gpt-4-0125-preview"
    changed = answers["PUT /api/providers/1"]
    assert changed["enableModelDiscovery"] is True
    assert changed["discoveryIntervalHours"] == 24
    assert changed["description"] == "Primary OpenAI instance for production workloads"
    assert answers["GET /api/providers/1"]["name"] == "OpenAI Production"
    assert len(answers["GET /api/providers"]["providers"]) >= 2
    tested = answers["POST /api/providers/1/test"]
    assert tested["success"] is False
    assert tested["outcome"] in {"unreachable", "unknown", "invalid_key"}
    cost = answers["POST /api/model-costs"]
    assert (cost["inputCostPer1kTokens"], cost["outputCostPer1kTokens"]) == (0.03, 0.06)
    assert cost["costCalculationType"] == "TokenBased"


async def test_the_health_answer_has_the_guides_shape(suite: Suite) -> None:
    """Every member of the guide's example is there, with a value of its type."""
    number = await suite.add_simulator("healthy", "echo")
    health = await suite.call("POST", f"/api/providers/{number}/health/check")
    assert health["providerId"] == number
    assert health["providerType"] == "Simulator"
    assert health["status"] == "Healthy"
    assert isinstance(health["responseTime"], int)
    assert "echo" in health["availableModels"]
    assert health["healthDetails"] == {
        "apiConnectivity": "OK",
        "authentication": "OK",
        "rateLimit": "OK",
        "modelAvailability": "OK",
    }
    [key] = health["keyCredentials"]
    assert re.fullmatch(r"key_\d+", key["keyId"])
    assert key["status"] == "Active"
    assert health["lastCheckTime"].endswith("Z")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/providers/999"),
        ("PUT", "/api/providers/999"),
        ("DELETE", "/api/providers/999"),
        ("GET", "/api/providers/999/keys"),
        ("POST", "/api/providers/999/test"),
        ("GET", "/api/providers/999/health"),
    ],
)
async def test_an_unknown_provider_reads_as_in_the_guide(
    suite: Suite, method: str, path: str
) -> None:
    """The 404 of the guide's troubleshooting, word for word."""
    async with suite.admin() as client:
        answer = await client.request(method, path, json={} if method == "PUT" else None)
    assert answer.status_code == 404
    assert answer.json()["error"] == "Provider with ID 999 not found"
    assert answer.json()["code"] == "PROVIDER_NOT_FOUND"


async def test_a_bad_key_reads_as_in_the_guide(suite: Suite) -> None:
    """`Invalid API key for provider ...`, with its code."""
    number = await suite.add_simulator("unauthorized", "status-401")
    await suite.settled()
    async with suite.caller() as client:
        answer = await client.post(
            "/v1/chat/completions",
            json={"model": "unauthorized", "messages": [{"role": "user", "content": "x"}]},
        )
    assert answer.status_code == 502
    assert answer.json()["error"]["message"] == (
        "Invalid API key for provider unauthorized status-401"
    )
    assert number
