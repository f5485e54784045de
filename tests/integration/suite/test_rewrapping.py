"""The encryption key changes while calls go on."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from tests.support.key_files import key_file
from tests.support.suite import ENCRYPTION_KEY, MASTER_KEY, Suite, running_suite
from tests.support.waiting import eventually

from conduit_cli.gateway import Gateway
from conduit_cli.keys import KeyFile
from conduit_cli.rewrapping import change_key
from conduit_registry import rewrapping

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROVIDERS = 12
# Of which each transaction wraps so many.
BATCH = 3
HELLO = [{"role": "user", "content": "hello"}]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Run a suite that has a key file, and keys to wrap."""
    folder = tmp_path_factory.mktemp("rewrapped")
    file = key_file(folder, ENCRYPTION_KEY)
    async with running_suite(folder, key_file=file.path) as running:
        for number in range(PROVIDERS):
            await running.add_simulator(f"alias-{number}", "echo")
        await running.settled()
        yield running


async def status_of(client: httpx.AsyncClient, alias: str) -> int:
    """Return the status of a chat."""
    body = {"model": alias, "messages": HELLO}
    return (await client.post("/v1/chat/completions", json=body)).status_code


async def test_no_call_is_refused_while_the_key_changes(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of those that go on, nor of a virtual key that is made in the middle."""
    monkeypatch.setattr(rewrapping, "BATCH", BATCH)
    gateway = Gateway(suite.url, {"x-master-key": MASTER_KEY}, 120)
    found: list[int] = []
    is_over = asyncio.Event()

    async def go_on(client: httpx.AsyncClient) -> None:
        number = 0
        while not is_over.is_set():
            found.append(await status_of(client, f"alias-{number % PROVIDERS}"))
            number += 7

    async def make_keys() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            made = await suite.call("POST", "/api/virtual-keys", {"name": f"amid {number}"})
            headers = {"Authorization": f"Bearer {made['key']}"}
            async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client:
                found.append(await status_of(client, "alias-0"))

    file = KeyFile(suite.settings.data_dir)
    before = (await suite.call("POST", "/api/encryption-key/rewrap"))["encryptionKeyId"]
    async with suite.caller() as caller, asyncio.TaskGroup() as group:
        group.create_task(go_on(caller))
        group.create_task(make_keys())
        try:
            done = [await asyncio.to_thread(change_key, gateway, file) for _ in range(2)]
        finally:
            is_over.set()
    assert set(found) == {200}
    assert [each.rewrapped for each in done] == [PROVIDERS, PROVIDERS]
    assert not any(each.was_begun or each.unreadable for each in done)
    assert len({before, *(each.encryption_key_id for each in done)}) == 3
    assert (await suite.call("GET", "/api/audit-log/verification"))["isWhole"]


async def test_webhooks_are_wrapped_again_too(suite: Suite) -> None:
    """By Health, which alone opens them; the log says so."""
    webhook = {"url": "http://127.0.0.1:9/hook"}
    await suite.call("POST", "/api/webhooks", webhook)
    gateway = Gateway(suite.url, {"x-master-key": MASTER_KEY}, 120)
    done = await asyncio.to_thread(change_key, gateway, KeyFile(suite.settings.data_dir))

    async def is_wrapped() -> bool:
        log = await suite.call("GET", "/api/audit-log", params={"resourceKind": "webhook"})
        changes = [each["changes"].get("encryptionKeyId", {}) for each in log["entries"]]
        return any(each.get("to") == done.encryption_key_id for each in changes)

    await eventually(is_wrapped)


async def test_everything_starts_again_with_the_file_alone(suite: Suite) -> None:
    """Though the environment still has the first key: it is one of the former ones by now."""
    await suite.stop_worker()
    await suite.stop_control()
    await suite.start_control()
    await suite.start_worker()
    await suite.settled()
    async with suite.caller() as client:
        assert await status_of(client, "alias-0") == 200
    found = await suite.call("POST", "/api/encryption-key/rewrap")
    assert (found["rewrapped"], found["isDone"]) == (0, True)
