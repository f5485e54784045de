"""Blocks of requests are kept as they come, or refused, or are rows instead."""

from struct import pack

import pytest

from conduit.internal.v1.request_log_service_pb2 import RequestBlock
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.request_facts import pack_facts
from conduit_storage.request_log.blocks import BLOCK, block_row, requests_in
from conduit_storage.request_log.rows import ROW
from conduit_storage.request_log.tables import BlockRow

KIND = 7


def facts(name: bytes = b"req_01m5zaaaaa1", at: float = 5.0, ended: float = 2.0) -> bytes:
    """Return what a request says."""
    own = pack_facts(at, ended, 1.0, 1.25, 1.75, 0.5, 9, 3, 4, *(True, 1, 0, len(name)))
    return own + name + b"theirs"


def block(*requests: bytes) -> RequestBlock:
    """Return a block of requests."""
    sizes = pack(f"<{len(requests)}H", *map(len, requests))
    return RequestBlock(revision=3, facts=b"".join(requests), sizes=sizes)


def test_a_block_says_what_it_is_found_by() -> None:
    """The span of its ends, and that of its ids, in the table's order of columns."""
    taken = block(facts(b"req_01m5zb", 6.0), facts(b"req_01m5za", 5.5), facts(b"req_01m5zc", 5.75))
    row = block_row(taken, KIND)
    assert row is not None
    said = dict(zip(BLOCK, row, strict=True))
    assert (said["newest"], said["oldest"], said["count"]) == (6 * 10**9, 5_500_000_000, 3)
    assert (said["first_id"], said["last_id"]) == ("req_01m5za", "req_01m5zc")
    assert tuple(column.name for column in BlockRow.__table__.c) == BLOCK
    assert block_row(taken, KIND) == row
    assert block_row(taken, KIND + 1) != row


def test_a_request_of_a_block_has_what_a_row_has() -> None:
    """In the words of the table."""
    taken = block(facts())
    [request] = requests_in(taken.facts, taken.sizes)
    assert dict(zip(ROW, request.row(KIND, 3), strict=True)) == {
        "id": "req_01m5zaaaaa1",
        "ended_at": 5 * 10**9,
        "kind_id": KIND,
        "duration": 1_000_000,
        "first_event": 500_000,
        "pause": 250_000,
        "attempt_duration": 500_000,
        "cost": 9,
        "input_tokens": 3,
        "output_tokens": 4,
        "attempts": 1,
        "fallbacks": 0,
        "revision": 3,
        "upstream_request_id": "theirs",
        "tags": "",
        "rest": b"",
    }


@pytest.mark.parametrize(
    "requests",
    [
        [facts(b"mine-1"), facts(b"mine-2")],
        [facts(b"req_01m5zx"), facts(b"req_01m6zx")],
        [facts(at=5.0), facts(at=66.0)],
    ],
)
def test_requests_that_are_hard_to_find_want_rows(requests: list[bytes]) -> None:
    """Those with ids of callers, or made hours apart, or with ends that are."""
    assert block_row(block(*requests), KIND) is None


@pytest.mark.parametrize(
    "wrong",
    [
        block(),
        RequestBlock(facts=facts(), sizes=b"\x01"),
        RequestBlock(facts=facts(), sizes=pack("<H", len(facts()) - 1)),
        RequestBlock(facts=facts() + b"x", sizes=pack("<H", len(facts()))),
        RequestBlock(facts=facts(), sizes=pack("<HH", 1, len(facts()) - 1)),
        block(facts(b"")),
        block(facts(b"x" * 129)),
        # An id that goes beyond its request.
        block(facts(b"req_01m5za")[:-10], facts(b"req_01m5zb")),
        block(facts(at=-1.0)),
        block(facts(at=float("nan"))),
        block(facts(at=1e300)),
    ],
)
def test_what_makes_no_requests_is_refused(wrong: RequestBlock) -> None:
    """A router that says it is of another version, or broken."""
    with pytest.raises(InvalidRequest):
        block_row(wrong, KIND)


@pytest.mark.parametrize("odd", [1e300, float("inf"), float("-inf"), float("nan")])
def test_figures_beyond_all_bounds_are_cut(odd: float) -> None:
    """Such as those of a clock that jumped: they are read as what databases have."""
    taken = block(facts(ended=odd))
    assert block_row(taken, KIND) is not None
    [request] = requests_in(taken.facts, taken.sizes)
    assert 0 <= int(str(request.row(KIND, 3)[3])) < 2**63


def test_more_attempts_than_anybody_makes_are_as_many_as_can_be_said() -> None:
    """A router that is broken must not keep others' requests from being told."""
    most = 2**32 - 1
    own = pack_facts(*(5.0, 2.0, 1.0, 1.0, 2.0, 0.5), *(9, 3, 4), *(True, most, most, 1))
    taken = block(own + b"x")
    [request] = requests_in(taken.facts, taken.sizes)
    said = dict(zip(ROW, request.row(KIND, 3), strict=True))
    assert (said["attempts"], said["fallbacks"]) == (2**31 - 1, 2**31 - 1)


def test_names_that_are_no_text_are_read_all_the_same() -> None:
    """One of them must not keep others from being found."""
    taken = block(facts(b"req_01m5z\xff\x00"))
    [request] = requests_in(taken.facts, taken.sizes)
    assert request.id == "req_01m5z" + 2 * "\N{REPLACEMENT CHARACTER}"
