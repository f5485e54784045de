"""Bytes that are no form, no event, no frame, no request and no key, to what reads those.

What is kept of the trials of each reader is tried again, and made worse; the same round makes the
same. `make fuzz` runs more of them, and keeps what leads a reader where nothing led it before.
"""

import os
import random

import pytest
from tests.attacks.byte_readers import READERS
from tests.attacks.mutation import corpus_of, mutated

ROUNDS = range(int(os.environ.get("CONDUIT_FUZZ_ROUNDS", "1")))


@pytest.mark.parametrize("name", READERS)
def test_what_was_kept_is_read_as_it_must(name: str) -> None:
    """Also where it is cut; some is taken, and some is not."""
    reader, chance = READERS[name], random.Random(name)  # noqa: S311 # for nonsense
    found = {reader.takes(body, chance) for body in (*reader.seeds, *corpus_of(name))}
    assert found == {True, False}


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("name", READERS)
def test_nonsense_is_read_as_it_must(name: str, turn: int) -> None:
    """Made of what is kept."""
    reader, chance = READERS[name], random.Random(f"{name} {turn}")  # noqa: S311 # for nonsense
    kept = [*reader.seeds, *corpus_of(name)]
    for _ in range(reader.cases):
        reader.takes(mutated(chance.choice(kept), reader.pieces, chance), chance)
