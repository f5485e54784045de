"""Charges added up that count in the same sums."""

import pytest
from tests.support.billing import charge

from conduit_billing.ledger.alike import alike_of
from conduit_billing.ledger.charges import PostedCharge, read_charge


def read(**fields: object) -> PostedCharge:
    """Return a charge that was read."""
    return read_charge(charge(**fields), "charge")  # type: ignore[arg-type] # its own names


def test_what_is_alike_is_added_up() -> None:
    """What it cost, how many there are, how many have no price, and tokens by their direction."""
    made = [read(tokens=2_000_000), read(tokens=3_000_000)]
    made.append(made[0]._replace(cost=None))
    (sums,) = alike_of(made).values()
    assert sums == (sum(each.cost or 0 for each in made), 3, 1, 7_000_000, 0)


@pytest.mark.parametrize("other", [{"virtual_key_id": 8}, {"provider_id": 7}, {"tags": ["a"]}])
def test_what_counts_otherwise_is_kept_apart(other: dict[str, object]) -> None:
    """By the virtual key, what charges have in common, and tags; so it is by the day."""
    made = [read(), read(**other)]
    assert list(alike_of(made).values()) == [
        sums for each in made for sums in alike_of([each]).values()
    ]
    assert len(alike_of(made)) == 2


def test_nothing_comes_to_nothing() -> None:
    """There are no sums."""
    assert alike_of([]) == {}
