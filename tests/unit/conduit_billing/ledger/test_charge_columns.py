"""Charges as rows."""

from typing import Any

import pytest

from conduit_billing.ledger.charge_columns import (
    POSTGRESQL,
    SQLITE,
    Binding,
    charge_of,
    lines_of,
    lines_text,
    rows_of,
)
from conduit_billing.ledger.charges import Attribution, Line, PostedCharge
from conduit_kernel.ids import IdSource, pack_id

NAME = IdSource().next()
CHARGE = PostedCharge(
    id=NAME,
    request_id="req_1",
    occurred_at=5,
    attribution=Attribution(1, "OpenAI", "key_1", "production", "fast", "gpt-4o", "chat", "rule:1"),
    virtual_key_id=4,
    cost=7,
    usage_source=1,
    is_complete=True,
    duration_ms=800,
    qualifiers=(("size", "large"),),
    lines=(Line(1, 7, 1_000_000), Line(2, 0, None)),
    lease_id=NAME,
    tags=("team-a",),
    provider_cost=9,
)


def row_of(charge: PostedCharge, posting: bytes, to: Binding = POSTGRESQL) -> tuple[Any, ...]:
    """Return a charge's row."""
    (row,) = rows_of([(pack_id(NAME), charge)], {charge.attribution: 9}, posting, to)
    return row


def test_a_charge_is_its_own_columns_and_what_it_has_in_common_with_others() -> None:
    """Together they are all of it."""
    name, request, at, attribution, *own, posting, lease, tags, told = row_of(CHARGE, b"posting")
    assert (attribution, posting) == (9, b"posting")
    columns = [name, request, at, *own, lease, tags, told]
    assert charge_of(columns, CHARGE.attribution) == CHARGE


def test_both_databases_store_the_same() -> None:
    """Whatever types their drivers take soonest."""
    one, other = (row_of(CHARGE, b"p", to) for to in (POSTGRESQL, SQLITE))
    assert one == other
    assert {type(value) for value in other} <= {bytearray, int, str}


def test_a_charge_that_cost_nothing_is_in_no_posting() -> None:
    """As one whose price is unknown."""
    for cost in (0, None):
        row = row_of(CHARGE._replace(cost=cost), b"posting")
        assert b"posting" not in row


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ((), ""),
        ((Line(1, 1200, 2_500_000_000),), "1x1200@2500000000"),
        ((Line(1, 0, 0), Line(12, 300, None)), "1x0@0,12x300"),
    ],
)
def test_lines_are_one_text(lines: tuple[Line, ...], text: str) -> None:
    """In their order; a price of zero is no unknown price."""
    assert lines_text(lines) == text
    assert lines_of(text) == lines
