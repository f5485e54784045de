"""Checks that several kinds of things share."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.fallback_chain_pb2 import FallbackChainSpec
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.model_mapping_pb2 import ModelMappingSpec
from conduit.v1.provider_pb2 import ProviderSpec
from conduit.v1.routing_policy_pb2 import RetryPolicy
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit_kernel.errors import InvalidRequest, KeyNotFound
from conduit_providers.catalog import load_catalog
from conduit_registry.rules import fields
from conduit_registry.rules.keys import key_fields
from conduit_registry.rules.providers import provider_fields
from conduit_registry.rules.routing import chain_fields, mapping_fields
from conduit_registry.rules.virtual_keys import virtual_key_fields

READERS: dict[type[Message], Callable[[Any], object]] = {
    ProviderSpec: lambda spec: provider_fields(spec, load_catalog()),
    KeyCredentialSpec: key_fields,
    ModelMappingSpec: mapping_fields,
    FallbackChainSpec: chain_fields,
    VirtualKeySpec: virtual_key_fields,
}
# URLs are checked where they are looked up, a provider's type by the catalog.
ELSEWHERE = {"base_url", "provider_type", "api_key"}
LIMITED = [
    (spec, field.name, field.json_name)
    for spec in READERS
    for field in spec.DESCRIPTOR.fields
    if fields.limits_of(spec(), field.name).max_length and field.name not in ELSEWHERE
]


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
        fields.text(" \t ", "name", least=1, most=200)


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


@pytest.mark.parametrize(("spec", "name", "member"), LIMITED)
def test_what_the_contract_limits_is_checked(spec: type[Message], name: str, member: str) -> None:
    """The longest text is taken, one character more is not, and the error has its name in JSON."""
    limits = fields.limits_of(spec(), name)
    for length in (limits.max_length, limits.max_length + 1):
        given: Any = "x" * length
        if spec.DESCRIPTOR.fields_by_name[name].is_repeated:
            given = [given]
        message = spec(**{name: given})
        if length == limits.max_length:
            assert READERS[spec](message)
        else:
            with pytest.raises(InvalidRequest, match=rf"^{member} must have"):
                READERS[spec](message)


def test_limits_hold_inside_of_other_messages() -> None:
    """The error names where."""
    wait = RetryPolicy(wait=Duration(seconds=60))
    assert fields.span_of(wait, "wait", "retries[0]") == 60_000_000
    wait.wait.nanos = 1000
    with pytest.raises(InvalidRequest, match=r"^retries\[0\]\.wait must be .* at most 60s$"):
        fields.span_of(wait, "wait", "retries[0]")
    assert fields.text_of(ProviderSpec(description=" a\nb "), "description") == "a\nb"
