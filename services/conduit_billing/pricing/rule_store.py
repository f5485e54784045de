"""Keeps the operators' prices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import orjson
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.v1.audit_entry_pb2 import (
    AUDIT_ACTION_CREATED,
    AUDIT_ACTION_DELETED,
    AUDIT_ACTION_UPDATED,
    AuditAction,
)
from conduit.v1.model_cost_json import model_cost_to_json
from conduit_billing.pricing.rule_messages import rule_message
from conduit_billing.pricing.rules import Calculation, Rule, RuleDraft
from conduit_billing.pricing.terms import terms_from_text, terms_to_text
from conduit_billing.tables import RuleRow
from conduit_billing.timestamps import datetime_of, micros_at
from conduit_kernel.audit.author import Author
from conduit_kernel.audit.changes import differences
from conduit_kernel.audit.outbox import AuditOutbox, RecordedChange
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.errors import AlreadyExists
from conduit_kernel.not_found_errors import ModelCostNotFound

SERVICE = "billing"
_COLUMNS = RuleRow.__table__.c


class RuleStore:
    """Stores prices; of one pattern, priority and start at most one for each instance.

    Each change leaves a record for the audit log.
    """

    def __init__(self, engine: AsyncEngine, outbox: AuditOutbox) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._outbox = outbox

    async def create(self, draft: RuleDraft, now: int, author: Author) -> Rule:
        """Store a price. AlreadyExists if the instance has one that competes with it alike."""
        values = {**_values(draft), "created_at": now, "updated_at": now}
        try:
            async with guarded(SERVICE), self._writer.begin() as connection:
                statement = insert(RuleRow).values(values).returning(*_COLUMNS)
                rule = _rule((await connection.execute(statement)).one())
                change = _record(AUDIT_ACTION_CREATED, None, rule)
                await self._outbox.add(connection, author, change, now)
        except IntegrityError as error:
            raise _duplicate(draft) from error
        self._outbox.announce()
        return rule

    async def change(
        self, rule_id: int, edit: Callable[[Rule], RuleDraft], now: int, author: Author
    ) -> Rule:
        """Replace a price by what `edit` makes of it; nothing changes if it makes nothing new."""
        draft: RuleDraft | None = None
        try:
            async with guarded(SERVICE), self._writer.begin() as connection:
                rule = await _load(connection, rule_id)
                draft = edit(rule)
                if all(getattr(rule, name) == getattr(draft, name) for name in _FIELDS):
                    return rule
                values = _values(draft)
                # Versions name the time, so no two may be of the same.
                later = max(now, micros_at(rule.updated_at) + 1)
                statement = update(RuleRow).where(RuleRow.id == rule_id)
                statement = statement.values(**values, updated_at=later)
                await connection.execute(statement)
                changed = await _load(connection, rule_id)
                change = _record(AUDIT_ACTION_UPDATED, rule, changed)
                await self._outbox.add(connection, author, change, now)
        except IntegrityError as error:
            raise _duplicate(draft or _EMPTY) from error
        self._outbox.announce()
        return changed

    async def delete(self, rule_id: int, now: int, author: Author) -> None:
        """Delete a price. ModelCostNotFound if there is none."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            statement = delete(RuleRow).where(RuleRow.id == rule_id).returning(*_COLUMNS)
            row = (await connection.execute(statement)).first()
            if row is None:
                raise _missing(rule_id)
            change = _record(AUDIT_ACTION_DELETED, _rule(row), None)
            await self._outbox.add(connection, author, change, now)
        self._outbox.announce()

    async def get(self, rule_id: int) -> Rule:
        """Return a price. ModelCostNotFound if there is none."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            return await _load(connection, rule_id)

    async def page(self, *, limit: int, after: int = 0, provider_id: int = 0) -> Sequence[Rule]:
        """Return prices in order of id, those behind `after`; 0 means of every instance."""
        query = select(*_COLUMNS).where(RuleRow.id > after)
        if provider_id:
            query = query.where(RuleRow.provider_id == provider_id)
        async with guarded(SERVICE), self._reader.connect() as connection:
            rows = await connection.execute(query.order_by(RuleRow.id).limit(limit))
            return [_rule(row) for row in rows]

    async def all(self) -> Sequence[Rule]:
        """Return all prices."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            rows = await connection.execute(select(*_COLUMNS).order_by(RuleRow.id))
            return [_rule(row) for row in rows]


_EMPTY = RuleDraft("")
_FIELDS = tuple(each.name for each in fields(RuleDraft))


def _values(draft: RuleDraft) -> dict[str, Any]:
    values = {name: getattr(draft, name) for name in _FIELDS}
    return {**values, "terms": terms_to_text(draft.terms)}


async def _load(connection: AsyncConnection, rule_id: int) -> Rule:
    row = (await connection.execute(select(*_COLUMNS).where(RuleRow.id == rule_id))).first()
    if row is None:
        raise _missing(rule_id)
    return _rule(row)


def _rule(row: Row[Any]) -> Rule:
    values = dict(row._mapping)  # noqa: SLF001 # its public name, underlined so as not to be a column
    for name in ("created_at", "updated_at"):
        values[name] = datetime_of(values[name])
    values["terms"] = terms_from_text(values["terms"])
    return Rule(**{**values, "calculation": Calculation(values["calculation"])})


def _record(
    action: AuditAction.ValueType, before: Rule | None, after: Rule | None
) -> RecordedChange:
    number = next(rule.id for rule in (after, before) if rule is not None)
    changes = differences(_shown(before), _shown(after))
    return RecordedChange(action, "model_cost", str(number), changes)


def _shown(rule: Rule | None) -> Mapping[str, object]:
    if rule is None:
        return {}
    # Through text, because money is written as a fragment of it.
    shown: dict[str, object] = orjson.loads(orjson.dumps(model_cost_to_json(rule_message(rule))))
    return shown


def _missing(rule_id: int) -> ModelCostNotFound:
    return ModelCostNotFound(f"Model cost with ID {rule_id} not found", model_cost_id=str(rule_id))


def _duplicate(draft: RuleDraft) -> AlreadyExists:
    whose = f"Provider {draft.provider_id}" if draft.provider_id else "The rule for all providers"
    return AlreadyExists(
        f"{whose} has a price for the pattern {draft.model_pattern!r} already, "
        "of the same priority and start",
        field="modelPattern",
    )
