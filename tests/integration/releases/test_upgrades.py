"""Databases of each release are upgraded, and everything that was there is."""

import contextlib
import dataclasses
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio
from tests.support.release_life import (
    AUDITOR,
    CALL_USD,
    FREE,
    KEPT,
    LIMITED,
    MASTER,
    PREPAID,
    ROTATED,
    SPENT,
    Left,
    caller,
    chat,
    missing,
    seen,
)
from tests.support.releases import FOLDER, SERVICES, migrations_of, read
from tests.support.suite import Suite, running_suite
from tests.support.waiting import eventually

from conduit_billing.ledger.verification import breaches
from conduit_kernel.database import database_url, make_engine, open_database

pytestmark = pytest.mark.asyncio(loop_scope="module")
RELEASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
FOREIGN = "CREATE TABLE tenant (id INTEGER); INSERT INTO tenant VALUES (7);"


class Upgraded(NamedTuple):
    """A gateway of this version, on the databases of a release."""

    suite: Suite
    left: Left


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=RELEASES)
async def upgraded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Upgraded]:
    """Start this version where a release has been; beside our tables there is somebody else's."""
    folder = tmp_path_factory.mktemp("upgraded")
    left = read(FOLDER / request.param, folder)
    for service in SERVICES:
        with contextlib.closing(sqlite3.connect(folder / f"{service}.db")) as database:
            database.executescript(FOREIGN)
    async with running_suite(folder, left.secrets[FREE], **KEPT) as suite:
        yield Upgraded(suite, left)


def tables_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the columns and indexes of each table of a file."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: sorted(
                [tuple(each[1:]) for each in database.execute(f"PRAGMA table_info({name})")]
                + [tuple(each[1:]) for each in database.execute(f"PRAGMA index_list({name})")],
                key=repr,
            )
            for (name,) in names
        }


async def test_what_was_seen_is_seen(upgraded: Upgraded) -> None:
    """Each charge, sum, balance, key, rule and line, by administrators and callers alike."""
    suite, left = upgraded
    for who in (MASTER, FREE):
        now = await seen(suite, left, who)
        assert [*missing(left.seen[who], now)] == []


async def test_the_books_are_in_order(upgraded: Upgraded) -> None:
    """As they were when the release ended, with leases that were open then."""
    engine = make_engine(database_url(upgraded.suite.settings, "billing"))
    found = await breaches(engine, int(upgraded.left.ended_at * 1e6))
    await engine.dispose()
    assert [str(each) for each in found] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_tables_are_those_of_a_new_database(
    upgraded: Upgraded, service: str, tmp_path: Path
) -> None:
    """And what is somebody else's stays as it was."""
    settings = dataclasses.replace(upgraded.suite.settings, data_dir=tmp_path)
    made = await open_database(settings, service, migrations_of(service))
    await made.dispose()
    path = upgraded.suite.settings.data_dir / f"{service}.db"
    found = tables_of(path)
    assert found.pop("tenant")
    assert found == tables_of(tmp_path / f"{service}.db")
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT id FROM tenant").fetchall() == [(7,)]


async def test_the_audit_log_is_whole(upgraded: Upgraded) -> None:
    """Its chain goes on behind the lines of the release."""
    suite, path = upgraded.suite, "/api/audit-log/verification"
    before = upgraded.left.seen[MASTER][path]
    await suite.call("POST", "/api/virtual-keys", {"name": "of another version"})
    found = await suite.call("GET", path)
    assert found["isWhole"]
    assert found["lastRevision"] > before["lastRevision"]


@pytest.mark.parametrize("who", [FREE, LIMITED, PREPAID, ROTATED])
async def test_callers_go_on(upgraded: Upgraded, who: str) -> None:
    """With the keys that they have, at the prices that there were, whole and streamed."""
    async with caller(upgraded.suite, upgraded.left, who) as client:

        async def is_answered() -> bool:
            answer = await client.post("/v1/chat/completions", json=chat())
            assert answer.status_code in {200, 503}, answer.text
            return bool(answer.headers.get("x-conduit-cost") == f"{CALL_USD}")

        # Prices come a moment after the start, and budgets are known a moment after that.
        await eventually(is_answered, seconds=30)
        streamed = await client.post("/v1/chat/completions", json=chat(stream=True))
        assert streamed.text.endswith("data: [DONE]\n\n")


async def test_what_was_spent_stays_spent(upgraded: Upgraded) -> None:
    """A budget that had room for one call has none for another."""
    async with caller(upgraded.suite, upgraded.left, SPENT) as client:

        async def is_refused() -> bool:
            answer = await client.post("/v1/chat/completions", json=chat())
            assert answer.status_code in {402, 503}, answer.text
            return answer.status_code == 402

        await eventually(is_refused, seconds=30)


async def test_what_was_kept_is_gone_on_from(upgraded: Upgraded) -> None:
    """By its owner alone; a voice and an administrator's token are known as well."""
    suite, left = upgraded
    following = {"model": "chat", "input": "and?", "previous_response_id": left.ids["response"]}
    for who, status in ((FREE, 200), (ROTATED, 404)):
        async with caller(suite, left, who) as client:
            answer = await client.post("/v1/responses", json=following)
            assert answer.status_code == status, answer.text
    async with caller(suite, left, FREE) as client:
        listed = (await client.get("/v1/audio/voices", params={"model": "voice"})).json()
        assert left.ids["voice"] in [each["id"] for each in listed["data"]]
    async with caller(suite, left, AUDITOR) as client:
        assert (await client.get("/api/audit-log")).status_code == 200
