"""Checks that several kinds of things share."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.fallback_chain_pb2 import FallbackChainSpec
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.model_mapping_pb2 import ModelMappingSpec
from conduit.v1.provider_pb2 import ProviderSpec
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.not_found_errors import KeyNotFound
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
    if limits.limits_of(spec(), field.name).max_length and field.name not in ELSEWHERE
]


def test_a_moment_is_one_that_a_message_can_hold() -> None:
    """Messages come from whoever writes them: seconds of any size, nanoseconds below zero."""
    assert fields.moment(Timestamp(seconds=1, nanos=2_999), "since") == 1_000_002
    last = fields.moment(Timestamp(seconds=fields.MAX_SECONDS, nanos=999_999_999), "since")
    assert last == fields.MAX_SECONDS * 1_000_000 + 999_999
    for seconds, nanos in ((-1, 0), (fields.MAX_SECONDS + 1, 0), (1, -1), (1, 1_000_000_000)):
        with pytest.raises(InvalidRequest, match="since must be a time from 1970 to 9999"):
            fields.moment(Timestamp(seconds=seconds, nanos=nanos), "since")


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
    longest = limits.limits_of(spec(), name).max_length
    for length in (longest, longest + 1):
        given: Any = "x" * length
        if spec.DESCRIPTOR.fields_by_name[name].is_repeated:
            given = [given]
        message = spec(**{name: given})
        if length == longest:
            assert READERS[spec](message)
        else:
            with pytest.raises(InvalidRequest, match=rf"^{member} must have"):
                READERS[spec](message)
