"""What is written by hand is what the generated classes read."""

import random

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1 import charge_pb2 as pb
from conduit_router.accounting.protowire import data_tag, delimited, number_tag, varint

EDGES = sorted(
    {max(0, (1 << bits) + step) for bits in range(64) for step in (-1, 0, 1)} | {2**63 - 1}
)


@pytest.mark.parametrize("value", [edge for edge in EDGES if edge < 2**63])
def test_numbers_of_every_length(value: int) -> None:
    """As the generated class writes and reads them."""
    written = number_tag(pb.Charge, "duration_ms") + varint(value)
    assert pb.Charge.FromString(written).duration_ms == value
    if value:
        assert written == pb.Charge(duration_ms=value).SerializeToString()


def test_texts_of_every_length() -> None:
    """One byte of length, or two, or three."""
    for length in (1, 127, 128, 16_383, 16_384, 100_000):
        text = "é" * (length // 2) + "x" * (length % 2)
        written = delimited(data_tag(pb.Charge, "request_id"), text.encode())
        assert written == pb.Charge(request_id=text).SerializeToString()


def test_messages_inside_of_messages() -> None:
    """A moment, as charges have it."""
    draw = random.Random(1)  # noqa: S311 # repeatable, not secret
    for _ in range(100):
        at = Timestamp(seconds=draw.randrange(2**33), nanos=draw.randrange(10**9))
        inner = number_tag(Timestamp, "seconds") + varint(at.seconds)
        inner += number_tag(Timestamp, "nanos") + varint(at.nanos)
        written = delimited(data_tag(pb.Charge, "occurred_at"), inner)
        assert pb.Charge.FromString(written).occurred_at == at
