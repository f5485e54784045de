"""Requests that went as usual, many in a row: stored as they come, and read when somebody asks.

The CPU of a row for each would be most of what the log costs.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import accumulate, repeat
from struct import Struct, error, unpack
from typing import NamedTuple

from conduit.internal.v1.request_log_service_pb2 import RequestBlock
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.request_facts import FACTS_SIZE, SIZE_BYTES, unpack_facts
from conduit_storage.request_log.rows import MAX_ID, MOST, cleaned, micros

# How long after the first of a block the last one may have ended, in nanoseconds.
MOST_SPAN = 60 * 10**9
# Ids that we made begin like this; so much is alike of those of some hours.
_OWN, ALIKE = "req_", len("req_") + 5
# When a request ended, and how long its id is.
_END_AND_SIZE = Struct(f"<d{FACTS_SIZE - 12}xI")
# More than anybody makes, and no more than databases and messages have room for.
_MOST_ATTEMPTS = 2**31 - 1
# The columns of a block's row, in the table's order.
BLOCK = (
    *("id", "newest", "oldest", "kind_id", "count", "first_id", "last_id", "revision"),
    *("sizes", "facts"),
)


class PlainRequest(NamedTuple):
    """A request of a block, as `RequestRow` has others; only its id is not said yet."""

    ended_at: int
    # In seconds.
    lasted: tuple[float, float, float, float]
    cost: int | None
    input_tokens: int
    output_tokens: int
    attempts: int
    fallbacks: int
    names: bytes
    id_size: int

    @property
    def id(self) -> str:
        """Return its id."""
        return cleaned_text(self.names[: self.id_size])

    def row(self, kind_id: int, revision: int) -> tuple[object, ...]:
        """Return its row, with values for `ROW`."""
        upstream_request_id = cleaned_text(self.names[self.id_size :])
        return (
            *(self.id, self.ended_at, kind_id, *micros(self.lasted), self.cost),
            *(self.input_tokens, self.output_tokens),
            *(min(self.attempts, _MOST_ATTEMPTS), min(self.fallbacks, _MOST_ATTEMPTS), revision),
            *(upstream_request_id, "", b""),
        )


def block_row(block: RequestBlock, kind_id: int) -> tuple[object, ...] | None:
    """Return a block as its row, with values for `BLOCK`.

    None if its requests would be hard to find in it, so that they want rows of their own: such as
    those with ids that callers chose. InvalidRequest if it cannot be read.
    """
    # Each look at the message would copy them.
    facts, starts = block.facts, _starts(block)
    found = list(map(_END_AND_SIZE.unpack_from, repeat(facts), starts))
    ends = [int(at * 1e9) for at, _ in found if 0 <= at < MOST / 1e9]
    own = [start + FACTS_SIZE for start in starts]
    ids = [
        facts[name : name + size]
        for name, end, (_, size) in zip(own, [*starts[1:], len(facts)], found, strict=True)
        if 0 < size <= MAX_ID and name + size <= end
    ]
    if not len(ends) == len(ids) == len(starts):
        raise InvalidRequest("A request must have an end and an id", field="blocks")
    newest, oldest = max(ends), min(ends)
    first, last = cleaned_text(min(ids)), cleaned_text(max(ids))
    is_alike = first.startswith(_OWN) and first[:ALIKE] == last[:ALIKE]
    if not is_alike or newest - oldest > MOST_SPAN:
        return None
    known = b"%d %d %b" % (kind_id, block.revision, facts)
    digest = int.from_bytes(blake2b(known, digest_size=8).digest(), "big", signed=True)
    return (
        *(digest, newest, oldest, kind_id, len(ends), first, last),
        *(block.revision, block.sizes, facts),
    )


def requests_in(facts: bytes, sizes: bytes) -> Iterator[PlainRequest]:
    """Yield the requests of a block that was taken."""
    starts = [0, *accumulate(unpack(f"<{len(sizes) // SIZE_BYTES}H", sizes))]
    for place, start in enumerate(starts[:-1]):
        (
            at,
            ended,
            started,
            began,
            answered,
            first_event,
            cost,
            read,
            written,
            has_cost,
            attempts,
            fallbacks,
            id_size,
        ) = unpack_facts(facts, start)
        yield PlainRequest(
            int(at * 1e9),
            (ended - started, first_event, began - started, answered - began),
            cost if has_cost else None,
            read,
            written,
            attempts,
            fallbacks,
            facts[start + FACTS_SIZE : starts[place + 1]],
            id_size,
        )


def cleaned_text(name: bytes) -> str:
    """Return a name as databases have it."""
    text: str = cleaned(name.decode(errors="replace"))
    return text


def _starts(block: RequestBlock) -> Sequence[int]:
    """Return where the facts of each request begin. InvalidRequest if there are no such places."""
    try:
        sizes = unpack(f"<{len(block.sizes) // SIZE_BYTES}H", block.sizes)
    except error as wrong:
        raise InvalidRequest("Sizes cannot be read", field="blocks.sizes") from wrong
    starts = [0, *accumulate(sizes)]
    if not sizes or starts.pop() != len(block.facts) or min(sizes) <= FACTS_SIZE:
        raise InvalidRequest("Sizes must be those of the facts", field="blocks.sizes")
    return starts
