"""Teams and keys of LiteLLM's database."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.support.postgres import fresh_database, serve_postgres
from tests.unit.conduit_cli.importers.litellm_life import BLOCKED, KEY, hashed, statements

from conduit_cli.configuration.file import ConfigFile
from conduit_cli.configuration.validation import problems_of
from conduit_cli.importers.draft import Draft
from conduit_cli.importers.litellm_database import DatabaseUnreadable, read_database


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """Return the address of a PostgreSQL server."""
    with serve_postgres() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Return the address of a database that is in use."""
    if request.param == "sqlite":
        path = tmp_path / "litellm.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(";".join(statements("sqlite")))
        yield f"sqlite:///{path}"
        return
    async with fresh_database(request.getfixturevalue("postgres")) as address:
        plain = address.replace("+asyncpg", "")
        connection = await asyncpg.connect(plain)
        for statement in statements("postgresql"):
            await connection.execute(statement)
        await connection.close()
        yield plain


async def test_keys_come_with_their_hashes_teams_budgets_and_limits(database: str) -> None:
    """So that their holders notice nothing."""
    draft = Draft()
    await read_database(database, draft)
    [team] = draft.groups
    assert team == {
        "name": "search",
        "budgets": [{"limitUsd": 200.0, "period": "Month"}],
        "limits": {"tokensPerMinute": 100_000},
        "allowedModels": ["gpt-4o"],
        "metadata": {"owner": "anna"},
        "tags": ["team=search"],
    }
    backend, blocked, plain = draft.virtual_keys
    expected: dict[str, Any] = {
        "name": "backend",
        "keySha256": hashed(KEY),
        "budgets": [{"limitUsd": 20.0, "period": "Day"}],
        "limits": {"requestsPerMinute": 60},
        "allowedModels": ["gpt-4o"],
        "metadata": {"user_id": "u1"},
        "expiresAt": "2036-01-02T03:04:05Z",
        "group": "search",
    }
    assert backend == expected
    assert blocked == {
        "name": "sk-...6789",
        "keySha256": hashed(BLOCKED),
        "budgets": [{"limitUsd": 1.5, "period": "Total"}],
        "isEnabled": False,
    }
    assert plain == {"name": "backend 2", "keySha256": hashed("not-hashed-key-0123456789")}
    models, *others = sorted(draft.notes)
    assert models.startswith("LiteLLM_ProxyModelTable: 1 models that are kept in the database")
    assert others == [
        "LiteLLM_UserTable: 1 users with budgets or limits of their own: not taken over",
        "key 'backend': aliases is not taken over",
    ]


@pytest.mark.parametrize("address", ["mysql://x/y", "nonsense", "sqlite:////nowhere/x.db"])
async def test_what_is_no_database_of_its_is_refused(address: str) -> None:
    """In one line, without the password that the address may have."""
    with pytest.raises(DatabaseUnreadable):
        await read_database(address, Draft())


async def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    """Rather than taken for one without keys."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x)")
    with pytest.raises(DatabaseUnreadable, match="has no table LiteLLM_VerificationToken"):
        await read_database(f"sqlite:///{path}", Draft())


async def test_words_that_anybody_may_have_written_make_a_file_that_is_right(
    tmp_path: Path,
) -> None:
    """Names of lines and control characters, metadata of everything, tags of nothing."""
    path = tmp_path / "litellm.db"
    hostile = json.dumps(
        {
            "tags": ["", " a\nb ", "a b", None, "x" * 500],
            "": "x",
            "n" * 100: "y",
            "deep": {"a": [1]},
            "long": "z" * 5000,
            **{str(i): i for i in range(30)},
        }
    )
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(";".join(statements("sqlite")))
        for number in range(3):
            connection.execute(
                'INSERT INTO "LiteLLM_VerificationToken" (token, key_alias, metadata, models)'
                " VALUES (?, ?, ?, 'no json')",
                (hashed(str(number)), "<script>\n\x07 \u202e" + "y" * 300, hostile),
            )
        connection.commit()
    draft = Draft()
    await read_database(f"sqlite:///{path}", draft)
    text = json.dumps(draft.document(), ensure_ascii=False)
    found = await asyncio.to_thread(problems_of, ConfigFile(Path("made.yaml"), text))
    assert found == []
    key = next(each for each in draft.virtual_keys if each["name"].startswith("<script>"))
    assert (len(key["metadata"]), key["tags"][0]) == (16, "a b")
