"""Ids sort by time, do not repeat, and have one shape."""

import re

import pytest

from conduit_kernel.ids import (
    ID_LENGTH,
    IdSource,
    derived_id,
    first_id_of,
    milliseconds_of,
    pack_id,
    unpack_id,
)


def test_ids_of_a_process_sort_in_the_order_of_their_making() -> None:
    """Also within a millisecond, and over a clock that stands still."""
    now = [1000.0]
    source = IdSource(lambda: now[0])
    made = []
    for step in range(20_000):
        now[0] += step % 3 * 0.0004
        made.append(source.next())
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{26}", i) for i in made)


def test_processes_do_not_meet() -> None:
    """Two sources at the same time begin at different places."""
    assert IdSource(lambda: 1.0).next() != IdSource(lambda: 1.0).next()


def test_the_counter_carries() -> None:
    """When the digits that change with each id run over, order is kept."""
    source = IdSource(lambda: 1.0)
    source._low = (1 << 20) - 3  # noqa: SLF001 # a million ids of counting
    made = [source.next() for _ in range(4)]
    assert made == sorted(made)
    assert len(set(made)) == 4


def test_the_first_id_of_a_millisecond_is_before_all_that_are_made_in_it() -> None:
    """And after all that were made before."""
    before, now = IdSource(lambda: 1_795_435_200.122).next(), IdSource(lambda: 1_795_435_200.123)
    first = first_id_of(1_795_435_200_123)
    assert before < first <= now.next()
    assert len(first) == ID_LENGTH
    assert first_id_of(-5) == "0" * ID_LENGTH


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("0" * 26, 16),
        ("6" + "z" * 25, 16),
        ("01nba" + "0" * 21 + ".7e", 19),
        # What is not made here is kept as text, and so is what no 16 bytes would hold.
        ("", 1),
        ("0" * 25, 26),
        ("7" + "z" * 25, 27),
        ("z" * 26, 27),
        ("0123456789ABCDEFGHJKMNPQRS", 27),
        ("1_" * 13, 27),
        (" " + "1" * 25, 27),
        ("req_1", 6),
        # Requests' ids that are made here have a beginning of their own.
        ("req_" + "0" * 26, 17),
        ("req_7" + "z" * 25, 17),
        ("req_z" + "z" * 25, 31),
        ("req_" + "0" * 27, 32),
        ("ключ", 9),
    ],
)
def test_a_packed_id_is_told_from_all_others(name: str, length: int) -> None:
    """It comes back as it was, whatever it is; those made here are short."""
    assert unpack_id(pack_id(name)) == name
    assert len(pack_id(name)) == length


def test_packed_ids_sort_as_ids_do() -> None:
    """So that the newest charge has the greatest key."""
    now = [1000.0]
    source = IdSource(lambda: now[0])
    made = []
    for _ in range(2_000):
        now[0] += 0.0007
        made.append(source.next())
    assert sorted(made, key=pack_id) == made


def test_an_id_says_when_it_was_made() -> None:
    """What is none of ours says nothing."""
    assert milliseconds_of(IdSource(lambda: 1_795_435_200.123).next()) == 1_795_435_200_123
    assert milliseconds_of(first_id_of(5)) == 5
    for other in ("", "0" * 25, "u" * 26, "\u0661" * 26, "0" * 27):
        assert milliseconds_of(other) is None


def test_an_id_that_is_made_of_another_is_always_the_same() -> None:
    """It sorts beside the one that it is of, is packed like any, and each name has another."""
    made = IdSource(lambda: 1_700_000_000.0).next()
    found = {derived_id(made, str(number)) for number in range(1000)}
    assert found == {derived_id(made, str(number)) for number in range(1000)}
    assert len(found) == 1000
    for each in found:
        assert each[:10] == made[:10]
        assert len(pack_id(each)) == 16
        assert unpack_id(pack_id(each)) == each
