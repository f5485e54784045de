"""Reads teams and keys of LiteLLM's database, which keeps keys as their SHA-256.

Tables and columns are those of `schema.prisma` of LiteLLM 1.110.2; older ones lack some, which are
taken for empty then. Nothing is written.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from conduit_cli.importers.draft import Draft, Members, as_list, unique
from conduit_cli.importers.litellm_budgets import budgets_of, limits_of

_HASH = re.compile("[0-9a-f]{64}")
# Rows that are there and have no like; each with what to say of them.
_OTHERS = {
    "LiteLLM_UserTable": "users with budgets or limits of their own",
    "LiteLLM_OrganizationTable": "organizations",
    "LiteLLM_EndUserTable": "customers",
    "LiteLLM_ProxyModelTable": "models that are kept in the database, their keys encrypted",
}
_EVERYTHING = frozenset({"all-proxy-models", "all-team-models"})
_NOTHING = "no-default-models"
# Of the sessions of its own pages.
_DASHBOARD = "litellm-dashboard"
# Of an address, with the driver's name for each.
_OPTIONS = {"host": "host", "port": "port", "sslmode": "ssl"}
_MOST_NOTES, _MOST_CHARS, _TAG_CHARS = 16, 512, 128
Row = dict[str, Any]


class DatabaseUnreadable(Exception):
    """There is no database of LiteLLM's at an address."""


async def read_database(address: str, draft: Draft) -> None:
    """Add the teams and keys of a database. DatabaseUnreadable if that cannot be."""
    try:
        engine = create_async_engine(_asynchronous(address))
    except (exc.ArgumentError, ModuleNotFoundError) as error:
        raise DatabaseUnreadable(
            "the address is not one of PostgreSQL, nor of a file of SQLite"
        ) from error
    try:
        async with engine.connect() as connection:
            await _Reading(connection, draft).run()
    except (exc.SQLAlchemyError, OSError) as error:
        raise DatabaseUnreadable(f"the database cannot be read: {type(error).__name__}") from error
    finally:
        await engine.dispose()


class _Reading:
    def __init__(self, connection: AsyncConnection, draft: Draft) -> None:
        self._connection = connection
        self._draft = draft
        self._budgets: dict[str, Row] = {}
        self._teams: dict[str, str] = {}

    async def run(self) -> None:
        names = await self._connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        tables = set(names)
        if "LiteLLM_VerificationToken" not in tables:
            raise DatabaseUnreadable("the database has no table LiteLLM_VerificationToken")
        if "LiteLLM_BudgetTable" in tables:
            rows = await self._rows("LiteLLM_BudgetTable")
            self._budgets = {str(row["budget_id"]): row for row in rows}
        if "LiteLLM_TeamTable" in tables:
            self._take_teams(await self._rows("LiteLLM_TeamTable"))
        self._take_keys(await self._rows("LiteLLM_VerificationToken"))
        for table, what in _OTHERS.items():
            if table in tables and (rows := await self._rows(table)):
                has_rules = table != "LiteLLM_UserTable" or any(
                    row.get("max_budget") or limits_of(row) for row in rows
                )
                if has_rules:
                    self._draft.note(table, f"{len(rows)} {what}: not taken over")

    async def _rows(self, table: str) -> list[Row]:
        # Names of LiteLLM's own, which are in capitals.
        found = await self._connection.execute(sa.text(f'SELECT * FROM "{table}"'))  # noqa: S608 # of the list above
        return [dict(row._mapping) for row in found]  # noqa: SLF001 # its documented name

    def _take_teams(self, rows: list[Row]) -> None:
        taken = {each["name"].casefold() for each in self._draft.groups}
        for row in sorted(rows, key=lambda row: str(row.get("created_at"))):
            number = str(row["team_id"])
            name = self._teams[number] = unique(str(row.get("team_alias") or number), taken)
            place = f"team {name!r}"
            group: Members = {"name": name, **self._rules(row, place), **self._notes(row, place)}
            if row.get("blocked"):
                group["isEnabled"] = False
            self._draft.groups.append(group)

    def _take_keys(self, rows: list[Row]) -> None:
        taken = {each["name"].casefold() for each in self._draft.virtual_keys}
        hashes = {each.get("keySha256") for each in self._draft.virtual_keys}
        for row in sorted(rows, key=lambda row: str(row.get("created_at"))):
            token = str(row["token"])
            named = str(row.get("key_alias") or row.get("key_name") or token[:12])
            # Keys that do not begin with `sk-` are kept as they are.
            known_by = token if _HASH.fullmatch(token) else _sha256(token)
            if known_by in hashes or row.get("team_id") == _DASHBOARD:
                continue
            hashes.add(known_by)
            name = unique(named, taken)
            self._draft.virtual_keys.append(self._key(row, name, known_by))

    def _key(self, row: Row, name: str, known_by: str) -> Members:
        place = f"key {name!r}"
        merged = {**self._budgets.get(str(row.get("budget_id")), {}), **_said(row)}
        key: Members = {"name": name, "keySha256": known_by, **self._rules(merged, place)}
        key |= self._notes(row, place)
        if row.get("blocked"):
            key["isEnabled"] = False
        if (expires := _moment(row.get("expires"))) is not None:
            key["expiresAt"] = expires
        if (team := self._teams.get(str(row.get("team_id")))) is not None:
            key["group"] = team
        for column in ("aliases", "model_max_budget", "permissions", "allowed_routes", "config"):
            if _value(row.get(column)):
                self._draft.note(place, f"{column} is not taken over")
        return key

    def _rules(self, row: Row, place: str) -> Members:
        spent = float(row.get("spend") or 0.0)
        limit, duration = row.get("max_budget"), row.get("budget_duration")
        found: Members = {}
        if budgets := budgets_of(limit, duration, self._draft, place, spent=spent):
            found["budgets"] = budgets
        if isinstance(limit, int | float) and not duration and spent >= limit:
            self._draft.note(place, f"has spent its budget of ${limit:g}")
        if limits := limits_of(row):
            found["limits"] = limits
        models = [str(each) for each in _value(row.get("models")) or ()]
        if _NOTHING in models:
            self._draft.note(place, "may use no model of its own accord; its team's count")
        models = [each for each in models if each not in _EVERYTHING | {_NOTHING}]
        if models:
            found["allowedModels"] = models
        return found

    def _notes(self, row: Row, place: str) -> Members:
        told = _value(row.get("metadata"))
        metadata: Members = dict(told) if isinstance(told, dict) else {}
        tags = metadata.pop("tags", None)
        if row.get("user_id"):
            metadata["user_id"] = row["user_id"]
        kept = {
            str(name)[:64]: str(each)
            for name, each in metadata.items()
            if name and isinstance(each, str | int | float) and len(str(each)) <= _MOST_CHARS
        }
        if len(kept) < len(metadata) or len(kept) > _MOST_NOTES:
            self._draft.note(place, "some of its metadata is not taken over")
        found: Members = {}
        if kept:
            found["metadata"] = dict(list(kept.items())[:_MOST_NOTES])
        named = [" ".join(str(each).split())[:_TAG_CHARS] for each in as_list(tags)]
        if any(named):
            found["tags"] = [each for each in dict.fromkeys(named) if each][:_MOST_NOTES]
        return found


def _said(row: Row) -> Row:
    return {name: each for name, each in row.items() if each is not None}


def _value(stored: Any) -> Any:  # noqa: ANN401 # JSON, or a list of PostgreSQL's
    """Return a column that has JSON, or a list, whichever way the database has it."""
    if not isinstance(stored, str):
        return stored
    try:
        return json.loads(stored)
    except ValueError:
        return None


def _moment(stored: object) -> str | None:
    """Return a time of the database's, which are UTC, as the contract writes it."""
    if stored is None:
        return None
    moment = stored if isinstance(stored, datetime) else datetime.fromisoformat(str(stored))
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _asynchronous(address: str) -> str:
    """Return an address with the drivers that there are. Prisma's options are none of theirs."""
    scheme, _, rest = address.partition("://")
    if scheme in {"postgres", "postgresql"}:
        place, _, query = rest.partition("?")
        options = {_OPTIONS[k]: v for k, v in parse_qsl(query) if k in _OPTIONS}
        return f"postgresql+asyncpg://{place}" + (f"?{urlencode(options)}" if options else "")
    # One that is not there would be made.
    if scheme == "sqlite" and Path(rest.removeprefix("/")).is_file():
        return f"sqlite+aiosqlite://{rest}"
    raise exc.ArgumentError(scheme)
