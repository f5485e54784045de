"""Leaves: what is counted under one is counted under no other."""

import random

import pytest

from conduit.v1.charge_pb2 import Unit
from conduit_providers.quantities import (
    AUDIO_INPUT,
    CACHE_WRITE,
    CACHED_AUDIO_INPUT,
    CACHED_INPUT,
    CITATION,
    IMAGE_INPUT,
    INPUT,
    INPUT_LEAVES,
    LEAVES,
    MOST,
    OUTPUT,
    OUTPUT_LEAVES,
    REASONING,
    Quantities,
    counted,
    plain,
    service_tier,
    total,
)
from conduit_providers.token_counts import TokenCounts


def test_every_unit_is_a_leaf_and_none_is_a_part_of_another() -> None:
    """All units of the contract have dimensions, no two the same."""
    assert set(LEAVES) == set(Unit.values()) - {0}
    dimensions = {frozenset(leaf.dimensions.items()) for leaf in LEAVES.values()}
    assert len(dimensions) == len(LEAVES) == len({leaf.name for leaf in LEAVES.values()})
    for one in LEAVES.values():
        for other in LEAVES.values():
            # Text of no kind of its own is what is left when all other kinds are taken away.
            is_part = one is not other and one.dimensions.items() < other.dimensions.items()
            assert not is_part or one.unit in {INPUT, OUTPUT, *_MODALITIES}


_MODALITIES = {unit for unit, leaf in LEAVES.items() if "token_type" not in leaf.dimensions}


def test_leaves_add_up_to_the_totals() -> None:
    """As long as the parts fit, all that was read and written is counted once."""
    chance = random.Random(11)  # noqa: S311 # the same counts in every run
    for _ in range(2000):
        parts = [chance.randrange(50) for _ in range(8)]
        read, written = sum(parts[:5]), sum(parts[5:])
        counts = TokenCounts(
            read,
            written,
            cached_input_tokens=parts[0],
            cache_write_tokens=parts[1],
            audio_input_tokens=parts[2],
            image_input_tokens=parts[3],
            reasoning_tokens=parts[5],
            audio_output_tokens=parts[6],
        )
        usage = counts.quantities()
        assert usage.is_consistent
        assert (usage.input_tokens, usage.output_tokens) == (read, written)
        assert usage.count(CACHE_WRITE) == parts[1]
        assert usage.count(CACHED_INPUT) == parts[0]
        assert all(0 < count <= MOST for _, count in usage.leaves)


def test_cache_and_modality_overlap_as_little_as_counts_allow() -> None:
    """Of 100 tokens 60 are cached and 50 are sound: at least 10 of the cached ones are sound."""
    counts = TokenCounts(100, cached_input_tokens=60, audio_input_tokens=50)
    assert dict(counts.quantities().leaves) == {
        AUDIO_INPUT: 40,
        CACHED_INPUT: 50,
        CACHED_AUDIO_INPUT: 10,
    }


def test_what_a_provider_says_of_the_cache_is_not_guessed() -> None:
    """Gemini says how much of each modality is from the cache."""
    counts = TokenCounts(100, cached_input_tokens=30, audio_input_tokens=50, image_input_tokens=10)
    assert dict(counts.quantities((), {AUDIO_INPUT: 30}).leaves) == {
        INPUT: 40,
        AUDIO_INPUT: 20,
        CACHED_AUDIO_INPUT: 30,
        IMAGE_INPUT: 10,
    }


@pytest.mark.parametrize(
    ("counts", "leaves"),
    [
        (TokenCounts(10, 4, cached_input_tokens=11), {INPUT: 10, OUTPUT: 4}),
        (TokenCounts(10, 4, audio_input_tokens=11), {INPUT: 10, OUTPUT: 4}),
        (TokenCounts(10, 4, audio_input_tokens=2, cached_input_tokens=-1), {INPUT: 10, OUTPUT: 4}),
        (TokenCounts(10, 4, cached_input_tokens=6, cache_write_tokens=5), {INPUT: 10, OUTPUT: 4}),
        (TokenCounts(10, 4, reasoning_tokens=5), {INPUT: 10, OUTPUT: 4}),
        (
            TokenCounts(10, 4, 3, reasoning_tokens=5, reasoning_apart_tokens=7),
            {INPUT: 7, CACHED_INPUT: 3, OUTPUT: 4, REASONING: 7},
        ),
        (TokenCounts(-10, 4), {OUTPUT: 4}),
        (TokenCounts(10, 10**30), {INPUT: 10, OUTPUT: MOST}),
    ],
)
def test_counts_that_contradict_each_other_are_marked(
    counts: TokenCounts, leaves: dict[int, int]
) -> None:
    """Parts that do not fit into their total are left out of it, and none is clamped in silence."""
    usage = counts.quantities()
    assert not usage.is_consistent
    assert dict(usage.leaves) == leaves


def test_what_is_cited_is_neither_read_nor_written() -> None:
    """It is charged, but it is in no total that callers see."""
    usage = TokenCounts(3, 2, citation_tokens=9).quantities()
    assert (usage.input_tokens, usage.output_tokens, usage.count(CITATION)) == (3, 2, 9)
    assert CITATION not in INPUT_LEAVES | OUTPUT_LEAVES


def test_sums_of_parts_keep_marks_and_qualifiers() -> None:
    """One odd part makes the whole odd."""
    flex = (("service_tier", "flex"),)
    parts = [counted([(INPUT, 1)], flex), plain(2, 3), plain(-1)]
    assert total(parts) == Quantities(((INPUT, 3), (OUTPUT, 3)), flex, is_consistent=False)


@pytest.mark.parametrize("usual", [None, "", "default", "standard", "auto", "on_demand", 7])
def test_the_usual_service_tier_is_no_qualifier(usual: object) -> None:
    """Only what may change the price is named, and no longer than names are."""
    assert service_tier(usual) == ()
    assert service_tier("x" * 500) == (("service_tier", "x" * 40),)
