"""Charges as rows of the database, and back. Pure.

The lines of a charge are one text, such as `1x1200@2500000000,5x300`: unit, quantity, and after the
sign the price of a million, where it is known.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from conduit_billing.ledger.charges import Attribution, Line, PostedCharge
from conduit_kernel.ids import pack_id, unpack_id

# Different ones that are kept.
_MOST_LEASES = 2048


class ChargeColumns(NamedTuple):
    """The columns of a charge that are its own, as they are stored."""

    id: bytes
    request_id: bytes
    occurred_at: int
    virtual_key_id: int
    cost: int | None
    usage_source: int
    is_complete: bool
    duration_ms: int
    lines: str
    qualifiers: str
    lease_id: bytes
    tags: str
    provider_cost: int | None


class Binding(NamedTuple):
    """The types of values that a database's driver takes soonest."""

    blob: Callable[[bytes], bytes | bytearray]
    flag: Callable[[bool], int]


POSTGRESQL = Binding(bytes, bool)
# Of each value that is no plain number, text or bytearray, Python's sqlite3 asks whether it adapts
# itself, which takes as long as to bind three of those.
SQLITE = Binding(bytearray, int)


def rows_of(
    charges: Iterable[tuple[bytes, PostedCharge]],
    attribution_ids: Mapping[Attribution, int],
    posting_id: bytes | None,
    binding: Binding = POSTGRESQL,
) -> list[tuple[Any, ...]]:
    """Return the rows of charges, each behind its packed id, in the table's order of columns."""
    blob, flag = binding
    posted = None if posting_id is None else blob(posting_id)
    return [
        (
            blob(packed_id),
            blob(pack_id(charge.request_id)),
            charge.occurred_at,
            attribution_ids[charge.attribution],
            charge.virtual_key_id,
            charge.cost,
            charge.usage_source,
            flag(charge.is_complete),
            charge.duration_ms,
            lines_text(charge.lines),
            orjson.dumps(dict(charge.qualifiers)).decode() if charge.qualifiers else "",
            posted if charge.cost else None,
            blob(_packed_lease(charge.lease_id)),
            orjson.dumps(charge.tags).decode() if charge.tags else "",
            charge.provider_cost,
        )
        for packed_id, charge in charges
    ]


@lru_cache(_MOST_LEASES)
def _packed_lease(name: str) -> bytes:
    """Return the id of a lease, of which few pay for many charges."""
    return pack_id(name)


def charge_of(columns: Sequence[Any], attribution: Sequence[Any]) -> PostedCharge:
    """Return the charge that was stored."""
    own = ChargeColumns._make(columns)
    return PostedCharge(
        id=unpack_id(own.id),
        request_id=unpack_id(own.request_id),
        occurred_at=own.occurred_at,
        attribution=Attribution._make(attribution),
        virtual_key_id=own.virtual_key_id,
        cost=own.cost,
        usage_source=own.usage_source,
        is_complete=bool(own.is_complete),
        duration_ms=own.duration_ms,
        lines=lines_of(own.lines),
        qualifiers=tuple(orjson.loads(own.qualifiers).items()) if own.qualifiers else (),
        lease_id=unpack_id(own.lease_id),
        tags=tuple(orjson.loads(own.tags)) if own.tags else (),
        provider_cost=own.provider_cost,
    )


def lines_text(lines: Iterable[Line]) -> str:
    """Write lines as they are stored."""
    return ",".join(
        [
            f"{unit}x{quantity}" if price is None else f"{unit}x{quantity}@{price}"
            for unit, quantity, price in lines
        ]
    )


def lines_of(text: str) -> tuple[Line, ...]:
    """Read lines as they are stored."""
    return tuple(_line_of(each) for each in text.split(",")) if text else ()


def _line_of(text: str) -> Line:
    used, at, price = text.partition("@")
    unit, _, quantity = used.partition("x")
    return Line(int(unit), int(quantity), int(price) if at else None)
