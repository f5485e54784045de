"""Which charges are asked for, as a query."""

from conduit_billing.ledger.charge_filter import ALL_CHARGES, ChargeFilter, select_charges
from conduit_billing.timestamps import DAY_MICROS


def clauses(of: ChargeFilter) -> list[str]:
    """Return what a query asks of charges, as SQL."""
    query = str(select_charges(of, limit=50))
    _, _, there = query.partition("WHERE ")
    return there.partition(" ORDER BY")[0].split(" AND ") if there else []


def test_nothing_asked_for_is_no_clause() -> None:
    """So that the newest charges are read from the end of the index."""
    assert clauses(ALL_CHARGES) == []


def test_each_member_is_a_clause() -> None:
    """One each, but for days, which are also a range of ids."""
    days = (5 * DAY_MICROS, 6 * DAY_MICROS)
    of = ChargeFilter("r", 1, 2, "k", "g", "m", *days, is_unpriced=True, cost_differs=True)
    assert len(clauses(of)) == 6 + 4 + 1 + 2


def test_days_before_ids_began_are_no_error() -> None:
    """Somebody may ask for 1970."""
    assert len(clauses(ChargeFilter(since=1, until=1))) == 4


def test_what_attributions_have_is_looked_for_by_their_index() -> None:
    """Unless a request or a virtual key is asked for, which have indexes of their own."""
    assert "OFFSET" in str(select_charges(ChargeFilter(model_alias="m"), limit=50))
    narrow = ChargeFilter(model_alias="m", virtual_key_id=4)
    assert "OFFSET" in str(select_charges(narrow, limit=50, by_attribution=True))
    assert "OFFSET" not in str(select_charges(narrow, limit=50))


def test_no_other_index_is_in_the_way_of_the_attributions() -> None:
    """SQLite takes the one that looks best, and a virtual key's may be of all charges."""
    both = ChargeFilter(model_alias="m", virtual_key_id=4)
    query = str(select_charges(both, limit=50, by_attribution=True))
    assert query.count("virtual_key_id + ") == 2
    assert "virtual_key_id + " not in str(select_charges(both, limit=50))
