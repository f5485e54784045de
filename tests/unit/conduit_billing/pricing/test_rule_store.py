"""What is kept of operators' prices."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.billing import NOW

from conduit.v1.charge_pb2 import UNIT_CACHE_WRITE_TOKEN
from conduit_billing.pricing.rule_store import RuleStore
from conduit_billing.pricing.rules import Rule, RuleDraft
from conduit_billing.pricing.terms import NO_TERMS, Terms
from conduit_billing.tables import AUDIT_OUTBOX
from conduit_billing.timestamps import micros_at
from conduit_kernel.audit.author import Author
from conduit_kernel.audit.outbox import AuditOutbox
from conduit_kernel.errors import AlreadyExists, InvalidRequest
from conduit_kernel.not_found_errors import ModelCostNotFound

MICROS = NOW * 1_000_000
AUTHOR = Author("administrator/1 anna", "203.0.113.7", "req_1")
DRAFT = RuleDraft("gpt-4*", 1, 30, 60)


@pytest.fixture
def rules(engine: AsyncEngine) -> RuleStore:
    """Return a store without prices."""
    return RuleStore(engine, AuditOutbox(engine, AUDIT_OUTBOX, "billing"))


def draft_of(rule: Rule, **changes: object) -> RuleDraft:
    """Return what a rule says, with changes."""
    names = RuleDraft("").__dataclass_fields__
    return replace(RuleDraft(**{name: getattr(rule, name) for name in names}), **changes)  # type: ignore[arg-type] # whichever a test names


def dearer(rule: Rule) -> RuleDraft:
    """Return a rule that asks for one more."""
    return draft_of(rule, input_per_1k=(rule.input_per_1k or 0) + 1)


async def test_a_price_is_found_as_it_was_made(rules: RuleStore) -> None:
    """What is unset stays unset."""
    made = await rules.create(DRAFT, MICROS, AUTHOR)
    assert (made.id, micros_at(made.created_at)) == (1, MICROS)
    assert draft_of(made) == DRAFT
    assert await rules.get(1) == made
    assert await rules.all() == [made]


async def test_a_pattern_has_one_price_for_each_instance(rules: RuleStore) -> None:
    """Also by a change; the error says whose."""
    await rules.create(DRAFT, MICROS, AUTHOR)
    await rules.create(replace(DRAFT, provider_id=0), MICROS, AUTHOR)
    with pytest.raises(AlreadyExists, match=r"^Provider 1 has a price for the pattern 'gpt-4\*'"):
        await rules.create(DRAFT, MICROS, AUTHOR)
    with pytest.raises(AlreadyExists, match=r"^The rule for all providers has a price"):
        await rules.change(1, lambda rule: draft_of(rule, provider_id=0), MICROS, AUTHOR)
    assert [rule.provider_id for rule in await rules.all()] == [1, 0]


async def test_no_two_versions_of_a_price_are_of_the_same_time(rules: RuleStore) -> None:
    """A charge names its price by it; also when the clock stands still or goes back."""
    versions = {(await rules.create(DRAFT, MICROS, AUTHOR)).version}
    for now in (MICROS, MICROS, MICROS - 10**9):
        changed = await rules.change(1, dearer, now, AUTHOR)
        versions.add(changed.version)
    assert changed.input_per_1k == 33
    assert len(versions) == 4


async def test_a_change_that_changes_nothing_leaves_the_version(rules: RuleStore) -> None:
    """Neither does one that is refused."""
    made = await rules.create(DRAFT, MICROS, AUTHOR)
    assert await rules.change(1, draft_of, MICROS + 5, AUTHOR) == made

    def refuse(_rule: Rule) -> RuleDraft:
        raise InvalidRequest("is wrong")

    with pytest.raises(InvalidRequest):
        await rules.change(1, refuse, MICROS + 5, AUTHOR)
    assert await rules.get(1) == made


async def test_what_is_not_there_is_not_found(rules: RuleStore) -> None:
    """Nor is what was deleted, whose id is not used again."""
    await rules.create(DRAFT, MICROS, AUTHOR)
    await rules.delete(1, MICROS, AUTHOR)
    for attempt in (
        rules.get(1),
        rules.delete(1, MICROS, AUTHOR),
        rules.change(1, draft_of, MICROS, AUTHOR),
    ):
        with pytest.raises(ModelCostNotFound, match=r"^Model cost with ID 1 not found$"):
            await attempt
    assert (await rules.create(DRAFT, MICROS, AUTHOR)).id == 2


async def test_pages_are_in_order_of_id(rules: RuleStore) -> None:
    """Of one instance, or of all."""
    for number in range(4):
        await rules.create(RuleDraft(f"m{number}", number % 2, 1, 1), MICROS, AUTHOR)
    assert [rule.id for rule in await rules.page(limit=3)] == [1, 2, 3]
    assert [rule.id for rule in await rules.page(limit=3, after=3)] == [4]
    assert [rule.id for rule in await rules.page(limit=9, provider_id=1)] == [2, 4]


async def test_of_two_who_create_the_same_at_once_one_is_refused(rules: RuleStore) -> None:
    """By the database, which both looked at before."""
    found = await asyncio.gather(
        rules.create(DRAFT, MICROS, AUTHOR),
        rules.create(DRAFT, MICROS, AUTHOR),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in found) == ["AlreadyExists", "Rule"]


async def test_an_announced_price_stands_beside_the_one_that_it_follows(rules: RuleStore) -> None:
    """Of the same pattern; all that it says is found again, and changes."""
    terms = Terms(unit_costs=((UNIT_CACHE_WRITE_TOKEN, 4),))
    later = replace(DRAFT, effective_from=MICROS, effective_until=MICROS + 9, terms=terms)
    await rules.create(DRAFT, MICROS, AUTHOR)
    made = await rules.create(later, MICROS, AUTHOR)
    await rules.create(replace(DRAFT, priority=2), MICROS, AUTHOR)
    assert draft_of(await rules.get(made.id)) == later
    changed = await rules.change(
        made.id, lambda rule: draft_of(rule, terms=NO_TERMS), MICROS, AUTHOR
    )
    assert changed.terms == NO_TERMS
    with pytest.raises(AlreadyExists, match="of the same priority and start"):
        await rules.change(made.id, lambda rule: draft_of(rule, effective_from=0), MICROS, AUTHOR)
