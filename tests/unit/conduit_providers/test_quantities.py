"""Leaves of what is consumed: no count gets through that cannot be."""

import pytest

from conduit.v1.charge_pb2 import Unit
from conduit_providers.quantities import (
    CACHED_INPUT,
    CITATION,
    INPUT,
    LEAVES,
    MOST,
    OUTPUT,
    REASONING,
    Quantities,
    count_in,
    counted,
    less,
    milliseconds,
    only,
    plain,
    service_tier,
    total,
    with_written,
)


def test_every_unit_of_the_contract_is_a_leaf() -> None:
    """A unit that were none could not be priced."""
    assert LEAVES.keys() == set(Unit.values()) - {0}
    assert len({leaf.name for leaf in LEAVES.values()}) == len(LEAVES)
    assert len({tuple(sorted(leaf.dimensions.items())) for leaf in LEAVES.values()}) == len(LEAVES)


def test_tokens_are_counted_by_their_direction() -> None:
    """What is read from a cache was read; what is cited, others wrote."""
    usage = counted(((INPUT, 1), (CACHED_INPUT, 2), (OUTPUT, 4), (REASONING, 8), (CITATION, 16)))
    assert (usage.input_tokens, usage.output_tokens) == (3, 12)
    assert usage.count(CACHED_INPUT, CITATION) == 18
    assert usage.count() == 0


def test_what_is_zero_is_left_out() -> None:
    """A leaf that stands there was used."""
    assert plain(3) == Quantities(((INPUT, 3),))
    assert plain(0, 0) == counted(()) == Quantities()


@pytest.mark.parametrize(
    ("count", "kept"), [(-1, ()), (MOST, ((INPUT, MOST),)), (MOST + 1, ((INPUT, MOST),))]
)
def test_counts_that_cannot_be_are_marked(count: int, kept: tuple[tuple[int, int], ...]) -> None:
    """They are bounded, so that no sum of them breaks what it is put into."""
    usage = counted(((INPUT, count),))
    assert (usage.leaves, usage.is_consistent) == (kept, count == MOST)
    assert plain(count) == usage


def test_the_sum_of_requests_has_each_leaf_once() -> None:
    """One that is odd makes the sum odd; the first qualifier holds."""
    flex = (("service_tier", "flex"),)
    odd = counted(((OUTPUT, -1),))
    sum_of = total((plain(1, 2), counted(((INPUT, 4),), flex), odd))
    assert sum_of == Quantities(((INPUT, 5), (OUTPUT, 2)), flex, is_consistent=False)


@pytest.mark.parametrize("tier", [None, 7, "", "auto", "default", "standard", "on_demand"])
def test_the_usual_tier_is_no_qualifier(tier: object) -> None:
    """Nor is what is no word."""
    assert service_tier(tier) == ()


def test_a_batch_is_a_way_of_processing() -> None:
    """Price lists have it apart from tiers; Anthropic names it as one of them."""
    assert service_tier("batch") == (("processing", "batch"),)


def test_a_tier_has_a_bounded_name() -> None:
    """Whatever a provider calls it."""
    assert service_tier("flex") == (("service_tier", "flex"),)
    assert service_tier("x" * 5000) == (("service_tier", "x" * 40),)


@pytest.mark.parametrize(
    ("seconds", "found", "is_consistent"),
    [
        (1.2345, 1234, True),
        (0.0, 0, True),
        (-0.5, 0, False),
        (-1e306, 0, False),
        (1e306, MOST, False),
    ],
)
def test_seconds_that_nobody_has_lived_are_marked(
    seconds: float, found: int, *, is_consistent: bool
) -> None:
    """Times a thousand, such a number is infinite; it crashes nothing."""
    usage = counted(((INPUT, milliseconds(seconds)),))
    assert (usage.count(INPUT), usage.is_consistent) == (found, is_consistent)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("12", 12),
        ("9" * 18, 10**18 - 1),
        ("", None),
        (" 1", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("9" * 19, None),
        ("9" * 5000, None),
    ],
)
def test_counts_in_headers_are_digits_of_a_bounded_number(text: str, count: int | None) -> None:
    """A digit that is no number is none, and no text is too long to be looked at."""
    assert count_in(text) == count


def test_costs_that_providers_told_add_up() -> None:
    """Of parts of which one told none, those of the others; of nobody's word there is none."""
    parts = [plain(1).costing(5), plain(2), plain(3).costing(0)]
    assert total(parts).provider_cost == 5
    assert total([plain(1), plain(2)]).provider_cost is None


def test_a_part_is_taken_away_leaf_by_leaf() -> None:
    """Of nothing less than none is left: what was estimated may have been too much."""
    whole = counted(((INPUT, 5), (OUTPUT, 3)), (("service_tier", "flex"),))
    left = less(whole, counted(((INPUT, 2), (OUTPUT, 9))))
    assert left == counted(((INPUT, 3),), (("service_tier", "flex"),))
    assert less(plain(5), Quantities()) == plain(5)


def test_some_leaves_are_left_of_a_count() -> None:
    """With what else the price depends on."""
    whole = counted(((INPUT, 5), (OUTPUT, 3)), (("service_tier", "flex"),))
    assert only(whole, OUTPUT) == counted(((OUTPUT, 3),), (("service_tier", "flex"),))
    assert only(whole).leaves == ()


@pytest.mark.parametrize(
    ("had", "said", "written"),
    [
        (((INPUT, 25), (OUTPUT, 1)), 500, ((INPUT, 25), (OUTPUT, 500))),
        (((INPUT, 25),), 3, ((INPUT, 25), (OUTPUT, 3))),
        (
            ((INPUT, 25), (OUTPUT, 4), (REASONING, 6)),
            12,
            ((INPUT, 25), (OUTPUT, 6), (REASONING, 6)),
        ),
        (((INPUT, 25), (OUTPUT, 9)), 9, ((INPUT, 25), (OUTPUT, 9))),
        (((INPUT, 25), (OUTPUT, 9)), 0, ((INPUT, 25), (OUTPUT, 9))),
        ((), 9, ()),
    ],
    ids=["placeholder", "none", "thoughts", "all", "nothing said", "no tokens"],
)
def test_what_was_written_is_at_least_what_was_said(
    had: tuple[tuple[int, int], ...], said: int, written: tuple[tuple[int, int], ...]
) -> None:
    """A count that was told before the answer does not hide it; zeros that are told stay."""
    assert with_written(counted(had), plain(10, said)).leaves == written
