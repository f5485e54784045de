"""A gateway's life, as the databases of a release have it, and what must be seen of it ever after.

A release lives it once (`make release`); each later version is upgraded from what it left.
"""

import dataclasses
import datetime as dt
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from tests.support.suite import Suite
from tests.support.waiting import eventually

Json = Any
# Nothing that is kept ends before the last version that is upgraded from here.
KEPT = {"response_days": 36_500, "task_retention_hours": 876_000, "file_days": 36_500}
# Who asks: the master key, holders of virtual keys, and an administrator with a token.
MASTER, FREE, LIMITED, SPENT, PREPAID, ROTATED, AUDITOR = (
    *("master", "free", "limited", "spent", "prepaid", "rotated"),
    "auditor",
)
SAID = "Hello, Conduit!"
# A token of an answer costs a cent, and what is read nothing.
PRICE = {"modelPattern": "*", "inputCostPer1kTokens": 0, "outputCostPer1kTokens": 10}
TIERED = {
    "modelPattern": "long-*",
    "costCalculationType": "Tiered",
    "inputCostPer1kTokens": 0.01,
    "outputCostPer1kTokens": 0.03,
    "tiers": [{"aboveInputTokens": 200_000, "inputCostPer1kTokens": 0.02}],
    "priority": 3,
}
WORDS, CALL_USD = 4, 0.04
PICTURE = {"model": "picture", "prompt": "a lighthouse", "size": "16x16"}
GROUPINGS = ("provider", "key", "account-group", "virtual-key", "group", "model", "tag", "day")
SAMPLE = b"RIFF" + b"\x00\x01" * 500


@dataclasses.dataclass
class Left:
    """What a gateway left to those who go on with it, and what they saw of it at the end."""

    # Virtual keys, and an administrator's token, by their names.
    secrets: dict[str, str] = dataclasses.field(default_factory=dict)
    # Of a response, a task and a prepaid group.
    ids: dict[str, str] = dataclasses.field(default_factory=dict)
    # Seconds since 1970.
    ended_at: float = 0.0
    # The answers of paths, by who asked.
    seen: dict[str, dict[str, Json]] = dataclasses.field(default_factory=dict)


async def live(suite: Suite) -> Left:
    """Configure a gateway, call it in each way that leaves something, and look at it."""
    left = Left({FREE: suite.virtual_key})
    await _configure(suite, left)
    await _give_keys(suite, left)
    await suite.settled()
    async with caller(suite, left, FREE) as client:
        await _call(client)
        await _keep(client, left)
    for who in (LIMITED, SPENT, PREPAID, ROTATED):
        async with caller(suite, left, who) as client:
            await _posted(client, "/v1/chat/completions", chat())
    await suite.deliver_charges()
    # The leases of a last call are open where the databases are copied.
    for who in (LIMITED, PREPAID):
        async with caller(suite, left, who) as client:
            await _answered(client)
    await suite.charges_are_delivered()
    left.ended_at = time.time()
    left.seen = {who: await seen(suite, left, who) for who in (MASTER, FREE)}
    return left


async def seen(suite: Suite, left: Left, who: str) -> dict[str, Json]:
    """Return what somebody is answered to the paths that tell of what is there."""
    found = {}
    async with suite.admin() if who == MASTER else caller(suite, left, who) as client:
        for path in _paths(left, who):
            answer = await client.get(path)
            assert answer.is_success, (path, answer.text)
            found[path] = answer.json()
    return found


def caller(suite: Suite, left: Left, who: str) -> httpx.AsyncClient:
    """Return a client of somebody's."""
    headers = {"Authorization": f"Bearer {left.secrets[who]}"}
    return httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40)


def chat(**more: object) -> Json:
    """Return a request whose answer has as many tokens as it may have."""
    words = [{"role": "user", "content": "one two three four five six seven eight"}]
    return {"model": "chat", "messages": words, "max_tokens": WORDS, **more}


def missing(before: Json, now: Json, at: str = "") -> Iterator[str]:
    """Yield where an answer lacks what it had before; later versions may tell more."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key, value in before.items():
            yield from missing(value, now.get(key), f"{at}.{key}")
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from missing(one, other, f"{at}[{number}]")
    elif before != now:
        yield f"{at}: {before!r} became {now!r}"


def _paths(left: Left, who: str) -> Iterator[str]:
    last = dt.datetime.fromtimestamp(left.ended_at, dt.UTC).date()
    first = last - dt.timedelta(days=1)
    if who == FREE:
        yield "/v1/models"
        yield f"/v1/usage?group_by=model&start_date={first}&end_date={last}"
        yield "/v1/audio/voice_consents"
        yield "/v1/files"
        yield f"/v1/responses/{left.ids['response']}"
        yield f"/v1/responses/{left.ids['response']}/input_items"
        yield f"/v1/tasks/{left.ids['task']}"
        return
    for name in (
        *("providers", "providers/1/keys", "providers/2/keys", "model-provider-mappings"),
        *("fallback-chains", "model-costs", "virtual-keys", "virtual-key-groups"),
        *("administrators", "webhooks", "audit-log/verification"),
        "usage/charges?pageSize=1000",
        f"virtual-key-groups/{left.ids['group']}/balance",
        f"providers/analytics?providerId=1&startDate={first}&endDate={last}",
    ):
        yield f"/api/{name}"
    for grouping in GROUPINGS:
        yield f"/api/usage/costs?groupBy={grouping}&startDate={first}&endDate={last}"


async def _configure(suite: Suite, left: Left) -> None:
    """Make instances with keys of two accounts, an alias with a policy, prices and watchers."""
    numbers = [await suite.add_simulator("chat", model) for model in ("echo", "echo-2")]
    keys = f"/api/providers/{numbers[0]}/keys"
    await suite.call("POST", keys, {"apiKey": "sk-two", "providerAccountGroup": "production"})
    steps = [{"providerId": each, "priority": n} for n, each in enumerate(numbers)]
    policy = {
        "modelAlias": "chat",
        "providers": steps,
        "strategy": "RoundRobin",
        "guardrails": [
            {"name": "no keys", "action": "Block", "stage": "Both", "detectors": ["Secret"]}
        ],
    }
    await suite.call("POST", "/api/fallback-chains", policy)
    for each in numbers:
        await suite.call("POST", "/api/model-costs", {"providerId": each, **PRICE})
    await suite.call("POST", "/api/model-costs", TIERED)
    # What has no price is stored without one.
    await suite.add_simulator("unpriced", "echo")
    await suite.add_simulator("voice", "speech")
    await suite.add_simulator("picture", "image")
    hook = {"url": "https://example.com/hook", "isEnabled": False}
    await suite.call("POST", "/api/webhooks", hook)
    made = await suite.call("POST", "/api/administrators", {"name": "anna", "role": "Auditor"})
    left.secrets[AUDITOR] = made["token"]


async def _give_keys(suite: Suite, left: Left) -> None:
    """Make groups, and keys that are limited in each way there is."""
    limits = {"requestsPerMinute": 1_000, "tokensPerMinute": 1_000_000, "concurrentRequests": 50}
    shared = {"name": "team", "budgets": [{"limitUsd": 500, "period": "Total"}], "limits": limits}
    team = await suite.call("POST", "/api/virtual-key-groups", shared)
    prepaid = {"name": "prepaid", "isPrepaid": True}
    group = await suite.call("POST", "/api/virtual-key-groups", prepaid)
    path = f"/api/virtual-key-groups/{group['id']}"
    paid = {"amountUsd": 50 * CALL_USD, "topUpId": "first"}
    await suite.call("POST", f"{path}/top-ups", paid)
    taken = {"amountUsd": -CALL_USD, "reason": "paid twice", "adjustmentId": "gone"}
    await suite.call("POST", f"{path}/adjustments", taken)
    left.ids["group"] = str(group["id"])
    budgets = [{"limitUsd": 9, "period": "Month", "timeZone": "Europe/Berlin"}]
    budgets += [
        {"limitUsd": 5, "period": "Day", "isHard": False},
        {"limitUsd": 100, "period": "Total"},
        {"limitUsd": 70, "period": "Rolling", "rollingHours": 24},
    ]
    rules: dict[str, dict[str, object]] = {
        LIMITED: {"budgets": budgets, "limits": limits, "groupId": team["id"], "tags": ["a=b"]},
        SPENT: {"budget": CALL_USD, "allowedModels": ["ch*"], "metadata": {"of": "0"}},
        PREPAID: {"groupId": group["id"], "maxAttempts": 2, "timeout": "30s"},
        ROTATED: {"security": {"allowedIPs": ["127.0.0.0/8"]}},
    }
    numbers = {}
    for who, fields in rules.items():
        made = await suite.call("POST", "/api/virtual-keys", {"name": who, **fields})
        left.secrets[who], numbers[who] = made["key"], made["id"]
    rotated = await suite.call("POST", f"/api/virtual-keys/{numbers[ROTATED]}/rotate")
    left.secrets[ROTATED] = rotated["key"]


async def _answered(client: httpx.AsyncClient) -> None:
    """Make a call as soon as its price is known."""

    async def is_priced() -> bool:
        answer = await client.post("/v1/chat/completions", json=chat())
        return "x-conduit-cost" in answer.headers

    await eventually(is_priced, seconds=30)


async def _call(client: httpx.AsyncClient) -> None:
    """Make calls that are charged, with and without a price, and one that is answered again."""
    for _ in range(2):
        # At both instances, which take turns.
        await _answered(client)
    tagged = {"x-conduit-tags": "team=red", "Idempotency-Key": "once"}
    for _ in range(2):
        await _posted(client, "/v1/chat/completions", chat(), **tagged)
    await _posted(client, "/v1/chat/completions", chat(stream=True, user="bea"))
    await _posted(client, "/v1/chat/completions", chat(model="unpriced"))


async def _keep(client: httpx.AsyncClient, left: Left) -> None:
    """Leave a response, a task, a file, a voice and the consent to it."""
    first = await _posted(client, "/v1/responses", {"model": "chat", "input": SAID})
    left.ids["response"] = first["id"]
    task = await _posted(client, "/v1/images/generations/async", PICTURE)
    left.ids["task"] = task["id"]

    async def is_done() -> bool:
        found = (await client.get(f"/v1/tasks/{task['id']}")).json()
        return bool(found["status"] == "succeeded")

    await eventually(is_done, seconds=30)
    kept = {"file": ("in.jsonl", b'{"a": 1}\n', "application/jsonl")}
    answer = await client.post("/v1/files", data={"purpose": "batch"}, files=kept)
    assert answer.is_success, answer.text
    left.ids["file"] = answer.json()["id"]
    said = {"model": "voice", "name": "Ann consents", "language": "en-US"}
    files = {"recording": ("ann.wav", SAMPLE, "audio/wav")}
    answer = await client.post("/v1/audio/voice_consents", data=said, files=files)
    assert answer.is_success, answer.text
    said = {"model": "voice", "name": "Ann", "consent": answer.json()["id"]}
    files = {"audio_sample": ("ann.wav", SAMPLE, "audio/wav")}
    answer = await client.post("/v1/audio/voices", data=said, files=files)
    assert answer.is_success, answer.text
    left.ids["voice"] = answer.json()["id"]


async def _posted(client: httpx.AsyncClient, path: str, body: Json, **headers: str) -> Json:
    answer = await client.post(path, json=body, headers=headers)
    assert answer.is_success, (path, answer.text)
    is_json = answer.headers["content-type"].startswith("application/json")
    return answer.json() if is_json else answer.text
