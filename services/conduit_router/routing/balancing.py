"""Who goes first among candidates of equal priority, as a pure function."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple, Protocol, TypeVar

from conduit.v1.routing_policy_pb2 import (
    BALANCING_STRATEGY_ROUND_ROBIN,
    BALANCING_STRATEGY_WEIGHTED,
    BalancingStrategy,
)
from conduit_router.routing.table import Candidate, UpstreamKey

MASK = (1 << 64) - 1
EntryT = TypeVar("EntryT", bound="_Entry")
# An instance and the model it is asked for.
Place = tuple[int, str]
ComesLast = Callable[[Candidate], bool]


class _Entry(Protocol):
    @property
    def candidate(self) -> Candidate: ...


class Balance(NamedTuple):
    """The inputs that decide among equals; a value, so that decisions can be replayed."""

    strategy: BalancingStrategy.ValueType = BALANCING_STRATEGY_WEIGHTED
    # Of round robin: how many calls of the alias came before.
    turn: int = 0
    # Of the others, by instance and model. Less is better; what is not there is best.
    scores: Mapping[Place, float] = {}
    # By key, likewise.
    key_scores: Mapping[str, float] = {}
    # What calls that belong together have in common, as a number; None where nothing is.
    affinity: int | None = None


EVEN = Balance()


def affinity_of(*parts: object) -> int:
    """Return the number of what calls have in common."""
    text = "\0".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def mix(value: int) -> int:
    """Return a number that looks random, the same for the same value."""
    # splitmix64: https://prng.di.unimi.it/splitmix64.c
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def in_order(
    chosen: Sequence[EntryT], comes_last: ComesLast, seed: int, balance: Balance
) -> list[EntryT]:
    """Return candidates as they are to be tried: those that come last do, then by priority.

    Equals are drawn by weight: with the seed, or with what calls have in common, so that each of
    them keeps its place as others come and go. Before that count the scores of a strategy.
    """
    is_kept = balance.affinity is not None
    lot = seed if balance.affinity is None else balance.affinity
    scores: Mapping[Place, float] = {} if is_kept else balance.scores

    def rank(entry: EntryT) -> tuple[bool, int, float, float]:
        candidate = entry.candidate
        # Apart from its place in the list, so that a new candidate moves no other.
        share = (mix(lot ^ mix(candidate.lot)) + 1) / (MASK + 2)
        return (
            comes_last(candidate),
            candidate.priority,
            scores.get((candidate.provider_id, candidate.model), -math.inf) if scores else 0.0,
            -math.log(share) / candidate.weight,
        )

    # Weighted sampling without replacement, and with a kept lot rendezvous hashing:
    # https://doi.org/10.1016/j.ipl.2005.11.003
    ordered = sorted(chosen, key=rank)
    if balance.strategy == BALANCING_STRATEGY_ROUND_ROBIN and not is_kept:
        return [*_in_turn(ordered, comes_last, balance.turn)]
    return ordered


def keys_in_order(
    keys: tuple[UpstreamKey, ...], seed: int, balance: Balance
) -> tuple[UpstreamKey, ...]:
    """Return the keys of a candidate as they are to be tried."""
    lot = balance.affinity
    if lot is not None:
        return tuple(sorted(keys, key=lambda key: mix(lot ^ affinity_of(key.key_id))))
    # Keys share the load, and the next one is at hand when one fails.
    start = mix(seed) % len(keys)
    rotated = keys[start:] + keys[:start]
    if not balance.key_scores:
        return rotated
    return tuple(sorted(rotated, key=lambda key: balance.key_scores.get(key.key_id, -math.inf)))


def _in_turn(ordered: Sequence[EntryT], comes_last: ComesLast, turn: int) -> Iterator[EntryT]:
    """Yield the candidates with the one whose turn it is first among its equals."""

    def tier(entry: EntryT) -> tuple[bool, int]:
        return comes_last(entry.candidate), entry.candidate.priority

    for _, group in groupby(ordered, key=tier):
        equals = list(group)
        seats = sorted(equals, key=lambda entry: entry.candidate.lot)
        first = seats[_seat([entry.candidate.weight for entry in seats], turn)]
        yield first
        yield from (entry for entry in equals if entry is not first)


def _seat(weights: Sequence[int], turn: int) -> int:
    """Return whose turn it is, so that each has its share and none has several in a row.

    The k-th turn of a weight w is due at (k + 1/2) / w, as Webster's method gives out seats:
    https://en.wikipedia.org/wiki/Webster_method
    """
    total = sum(weights)
    turn %= total
    taken = [weight * turn // total for weight in weights]
    while True:
        due = [(2 * k + 1) / weight for k, weight in zip(taken, weights, strict=True)]
        first = due.index(min(due))
        if sum(taken) == turn:
            return first
        taken[first] += 1
