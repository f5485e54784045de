"""Checks that several kinds of things share."""

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from conduit_kernel.errors import InvalidRequest, KeyNotFound
from conduit_registry.rules import fields


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "a\tb", "a\x1fb", "a\x7fb"])
def test_a_text_has_one_line_and_no_control_characters(text: str) -> None:
    """Whatever they would do to a log, a header or a database; space around it is no matter."""
    assert fields.text(f" {text[0]}\n", "name", most=1) == "a"
    with pytest.raises(InvalidRequest, match="name must not have control characters"):
        fields.text(text, "name", most=10)


def test_a_text_has_a_length_in_characters_after_it_is_tidied() -> None:
    """The error says what is right, and does not repeat the text."""
    assert fields.text("  ä€𝄞  ", "name", least=3, most=3) == "ä€𝄞"
    with pytest.raises(InvalidRequest, match=r"^name must have at most 3 characters, not 4$"):
        fields.text("secr", "name", most=3)
    with pytest.raises(InvalidRequest, match=r"^name must have from 1 to 200 characters, not 0$"):
        fields.name(" \t ", "name")


def test_a_long_text_has_lines_and_no_other_control_characters() -> None:
    """Newlines and tabs of the text itself stay."""
    assert fields.long_text(" a\r\n\tb ", "description", most=5) == "a\r\n\tb"
    for wrong in ("a\0", "a\x1b[31m", "abcdef"):
        with pytest.raises(InvalidRequest):
            fields.long_text(wrong, "description", most=5)


def test_a_number_is_within_its_range_both_ends_included() -> None:
    """The error writes large numbers so that they can be read."""
    assert [fields.share(value, "weight") for value in (0, 1_000_000)] == [0, 1_000_000]
    for wrong in (-1, 1_000_001):
        with pytest.raises(InvalidRequest, match=r"from 0 to 1,000,000, not (-1|1,000,001)$"):
            fields.share(wrong, "weight")


def test_names_are_each_there_once_in_their_order() -> None:
    """Repetitions count for nothing, also against the limit; an empty name is none."""
    assert fields.names(["b", " a", "b "], "models", most=2, longest=1) == ("b", "a")
    for wrong in (["a", "b", "c"], ["ab"], [""]):
        with pytest.raises(InvalidRequest):
            fields.names(wrong, "models", most=2, longest=1)


def test_a_moment_is_one_that_a_message_can_hold() -> None:
    """Messages come from whoever writes them: seconds of any size, nanoseconds below zero."""
    assert fields.moment(Timestamp(seconds=1, nanos=2_999), "since") == 1_000_002
    last = fields.moment(Timestamp(seconds=fields.MAX_SECONDS, nanos=999_999_999), "since")
    assert last == fields.MAX_SECONDS * 1_000_000 + 999_999
    for seconds, nanos in ((-1, 0), (fields.MAX_SECONDS + 1, 0), (1, -1), (1, 1_000_000_000)):
        with pytest.raises(InvalidRequest, match="since must be a time from 1970 to 9999"):
            fields.moment(Timestamp(seconds=seconds, nanos=nanos), "since")


def test_a_span_is_more_than_nothing() -> None:
    """Less than a microsecond is nothing; the longest is still allowed."""
    assert fields.span(Duration(nanos=1_000), "timeout", most_seconds=600) == 1
    assert fields.span(Duration(seconds=600), "timeout", most_seconds=600) == 600_000_000
    for wrong in (
        Duration(),
        Duration(nanos=999),
        Duration(seconds=-1),
        Duration(seconds=600, nanos=1_000),
        Duration(seconds=2**63 - 1),
    ):
        with pytest.raises(InvalidRequest, match="more than 0s and at most 600s"):
            fields.span(wrong, "timeout", most_seconds=600)


def test_what_is_required_is_named_when_it_is_missing() -> None:
    """An empty list or text is missing, too."""
    fields.required("x", "name")
    for nothing in (None, "", 0, ()):
        with pytest.raises(InvalidRequest, match=r"^name is missing$"):
            fields.required(nothing, "name")


def test_key_ids_read_with_and_without_their_prefix() -> None:
    """Nothing else is one."""
    assert (fields.key_number("key_12"), fields.key_number("12")) == (12, 12)
    for wrong in ("", "key_", "key_-1", "Key_1", "key_1 ", "key_٣", "9" * 19, "1.0"):
        with pytest.raises(KeyNotFound):
            fields.key_number(wrong)
    with pytest.raises(KeyNotFound) as caught:
        fields.key_number("x" * 10_000)
    assert len(caught.value.message) < 100
