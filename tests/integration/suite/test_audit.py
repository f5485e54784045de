"""One log has what was done at every service, also while they were away from each other."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import httpx
import orjson
import pytest
from click.testing import CliRunner, Result
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit.v1.billing_requests_pb2 import ListModelCostsRequest
from conduit.v1.billing_service_pb2_grpc import BillingServiceStub
from conduit_cli.commands import conduit

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICE = {
    "modelPattern": "canary-*",
    "inputCostPer1kTokens": 0.001,
    "outputCostPer1kTokens": 0.002,
}
HOOK = {"url": "https://hooks.example/canary-path", "kinds": ["KeyInvalid"]}


async def lines(suite: Suite, **asked: str) -> list[dict[str, Any]]:
    """Return lines of the audit log, oldest first."""
    found = await suite.call("GET", "/api/audit-log", params={"pageSize": "1000", **asked})
    return list(found["entries"][::-1])


async def test_prices_and_webhooks_are_in_the_log_with_who_changed_them(suite: Suite) -> None:
    """By the address that the bridge saw, before and after, and without what opens a receiver."""
    made = await suite.call("POST", "/api/administrators", {"name": "bill", "role": "Operator"})
    await suite.call("PUT", f"/api/administrators/{made['id']}", {"role": "Biller"})
    token = {"authorization": f"Bearer {made['token']}"}
    async with httpx.AsyncClient(base_url=suite.url, headers=token, timeout=40) as client:
        price = (await client.post("/api/model-costs", json=PRICE)).raise_for_status().json()
        path = f"/api/model-costs/{price['id']}"
        (await client.put(path, json={"inputCostPer1kTokens": 0.003})).raise_for_status()
        answer = await client.delete(path, headers={"x-request-id": "req_price"})
        answer.raise_for_status()
    hook = await suite.call("POST", "/api/webhooks", HOOK)
    await suite.call("DELETE", f"/api/webhooks/{hook['id']}")

    async def are_there() -> bool:
        kinds = [each["resourceKind"] for each in await lines(suite)]
        return kinds.count("model_cost") == 3 and kinds.count("webhook") == 2

    await eventually(are_there)
    costs = await lines(suite, resourceKind="model_cost", resourceId=str(price["id"]))
    assert [each["action"] for each in costs] == ["Created", "Updated", "Deleted"]
    assert {(each["actor"], each["peer"]) for each in costs} == {
        (f"administrator/{made['id']} bill", "127.0.0.1")
    }
    assert costs[1]["changes"] == {"inputCostPer1kTokens": {"from": 0.001, "to": 0.003}}
    assert costs[2]["requestId"] == "req_price"
    hooks = await lines(suite, resourceKind="webhook")
    assert [(each["action"], each["actor"]) for each in hooks] == [
        ("Created", "master-key"),
        ("Deleted", "master-key"),
    ]
    assert "canary-path" not in str(hooks)
    assert hook["secret"] not in str(hooks)
    assert (await suite.call("GET", "/api/audit-log/verification"))["isWhole"]


async def test_what_was_done_while_the_registry_was_away_is_in_the_log_afterwards(
    suite: Suite,
) -> None:
    """Each once, in the order in which it was done, also where Billing ended in between."""
    before = {each["revision"] for each in await lines(suite)}
    assert suite.registry is not None
    await suite.registry.drain(0.2)
    made = []
    for number in range(3):
        price = PRICE | {"modelPattern": f"away-{number}-*"}
        made.append((await suite.call("POST", "/api/model-costs", price))["id"])
    await suite.stop_control()
    await suite.start_control()

    async def new() -> list[dict[str, Any]]:
        async with suite.admin() as client:
            answer = await client.get("/api/audit-log", params={"resourceKind": "model_cost"})
        entries = answer.json()["entries"][::-1] if answer.is_success else []
        return [each for each in entries if each["revision"] not in before]

    async def are_there() -> bool:
        return len(await new()) >= 3

    await eventually(are_there, seconds=20)
    assert [each["resourceId"] for each in await new()] == [str(each) for each in made]
    assert (await suite.call("GET", "/api/audit-log/verification"))["isWhole"]


async def test_refused_logins_are_counted_at_whichever_door(suite: Suite) -> None:
    """HTTP and gRPC, each minute's in one line, though two processes saw them."""
    wrong = {"authorization": "Bearer condt_admin_wrong"}
    async with httpx.AsyncClient(base_url=suite.url, headers=wrong, timeout=40) as client:
        for _ in range(4):
            assert (await client.get("/api/providers")).status_code == 401
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['billing']}")
    async with channel:
        stub: Any = BillingServiceStub(channel)
        with pytest.raises(grpc.RpcError):
            await stub.ListModelCosts(ListModelCostsRequest(), metadata=tuple(wrong.items()))
    # Whoever ends tells what it counted.
    await suite.stop_worker()
    await suite.stop_control()
    await suite.start_control()
    await suite.start_worker()
    found = await lines(suite, action="Refused")
    assert sum(each["changes"]["count"] for each in found) == 5
    assert len({each["occurredAt"] for each in found}) == len(found)
    assert {(each["resourceKind"], each["actor"], each["peer"]) for each in found} == {
        ("login", "anonymous", "127.0.0.1")
    }
    assert {each["changes"]["reason"] for each in found} == {"ADMINISTRATOR_TOKEN_INVALID"}


async def test_the_command_verifies_and_exports_the_log(suite: Suite, tmp_path: Path) -> None:
    """Of a running gateway, with a token of an auditor; a day later it is held to its export."""
    auditor = {"name": "auditor", "role": "Auditor"}
    token = (await suite.call("POST", "/api/administrators", auditor))["token"]
    kept = str(tmp_path / "kept.jsonl")

    async def run(*words: str) -> Result:
        arguments = ["audit", *words, "--url", suite.url, "--key", token]
        return await asyncio.to_thread(CliRunner().invoke, conduit, arguments)

    assert (await run("export", "-o", kept)).exit_code == 0
    await suite.call("POST", "/api/virtual-keys", {"name": "after the export"})
    found = await run("verify", "--against", kept)
    assert (found.exit_code, "is whole" in found.output) == (0, True)
    # To a file, as the services of this process write their logs to the same output.
    wanted = ("--action", "Created", "--resource-kind", "virtual_key")
    file = tmp_path / "created.jsonl"
    assert (await run("export", *wanted, "-o", str(file))).exit_code == 0
    created = list(map(orjson.loads, file.read_text("utf-8").splitlines()))
    assert created[0]["changes"]["name"]["to"] == "after the export"
    assert {(each["action"], each["resourceKind"]) for each in created} == {
        ("Created", "virtual_key")
    }
