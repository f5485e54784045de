"""Every request of the provider integration guide, as written there but for the host."""

import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from tests.support.suite import MASTER_KEY, Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUESTS = (Path(__file__).parent / "seed_requests.sh").read_text()


def commands() -> list[list[str]]:
    """Return the words of each curl in the list, in its order."""
    joined = REQUESTS.replace("\\\n", " ")
    found = re.findall(r"^curl .*?(?=^\S|\Z)", joined, re.MULTILINE | re.DOTALL)
    return [shlex.split(text) for text in found]


async def sent(words: list[str], suite: Suite) -> tuple[str, Any]:
    """Run curl as the guide says, but for host and key; return what it asked, and the answer."""
    here = {"https://admin.conduit.ai": suite.url, "your-master-key": MASTER_KEY}
    for there, own in here.items():
        words = [word.replace(there, own) for word in words]
    process = await asyncio.create_subprocess_exec(
        *words,
        *("--silent", "--show-error", "--fail-with-body", "--max-time", "40"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    answer, problem = await process.communicate()
    assert process.returncode == 0, (words, answer, problem)
    [url] = [word for word in words if word.startswith(suite.url)]
    return f"{words[words.index('-X') + 1]} {httpx.URL(url).path}", orjson.loads(answer)


async def test_every_request_of_the_guide_answers(suite: Suite) -> None:
    """In its order, each succeeds, and creates or changes what it says."""
    answers = dict([await sent(words, suite) for words in commands()])
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
