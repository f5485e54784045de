"""Values as messages, and as the JSON that the API shows."""

from dataclasses import replace
from datetime import date

import pytest
from google.protobuf.json_format import MessageToDict

from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_ROTATED
from conduit_registry import messages, snapshot_messages
from conduit_registry.audit_values import AuditEntry
from conduit_registry.policy_messages import timestamp
from conduit_registry.values import (
    DiscoveredModel,
    FallbackChain,
    Key,
    ModelMapping,
    Provider,
    Resource,
    Step,
    VirtualKey,
)

DAY = messages.DAY_MICROSECONDS
PROVIDER = Provider(
    id=1, name="Main", provider_type="OpenAI", settings={"a": 1}, created_at=5, updated_at=9
)
KEY = Key(
    id=3,
    provider_id=1,
    masked_api_key="…abcd",
    ciphertext=b"cipher-bytes",
    encryption_key_id="e1",
    created_at=10 * DAY,
)
MAPPING = ModelMapping(id=1, model_alias="fast", provider_id=1, actual_model_name="gpt-4o")
CHAIN = FallbackChain(id=1, model_alias="fast", providers=(Step(1, 2, 1_500_000), Step(2, 0, None)))
VIRTUAL_KEY = VirtualKey(id=4, name="ci", hash=b"hash-bytes", budget_nano_usd=2**53 + 1)


def test_times_are_exact_and_unset_ones_stay_so() -> None:
    """To the microsecond, over the whole range; 1970 is a time."""
    stamp = timestamp(253_402_300_799_999_999)
    assert stamp is not None
    assert (stamp.seconds, stamp.nanos) == (253_402_300_799, 999_999_000)
    assert timestamp(0) is not None
    assert timestamp(None) is None
    message = messages.provider(PROVIDER)
    assert (message.created_at.nanos, message.updated_at.nanos) == (5_000, 9_000)
    assert not messages.key(KEY).HasField("rotated_at")


def test_a_key_is_due_for_rotation_by_the_age_of_its_value() -> None:
    """At the very microsecond; never where no days are given."""
    due_at = 40 * DAY
    assert messages.key(KEY, rotation_days=30, now=due_at).is_rotation_due
    assert not messages.key(KEY, rotation_days=30, now=due_at - 1).is_rotation_due
    assert not messages.key(KEY, rotation_days=0, now=due_at).is_rotation_due
    rotated = replace(KEY, rotated_at=20 * DAY)
    assert not messages.key(rotated, rotation_days=30, now=due_at).is_rotation_due
    assert messages.key(rotated, rotation_days=30, now=50 * DAY).is_rotation_due


def test_an_etag_names_a_state_that_somebody_made() -> None:
    """Neither a use of a key nor the passing of time is a change of it."""
    assert messages.provider(PROVIDER).etag == messages.provider(replace(PROVIDER)).etag
    for changed in (replace(PROVIDER, weight=2), replace(PROVIDER, updated_at=10)):
        assert messages.provider(changed).etag != messages.provider(PROVIDER).etag
    etag = messages.key(KEY).etag
    assert messages.key(replace(KEY, last_used=7), rotation_days=1, now=99 * DAY).etag == etag
    assert messages.key(replace(KEY, name="A")).etag != etag
    # A new value that is masked alike is a new state, by its time.
    assert messages.key(replace(KEY, rotated_at=7)).etag != etag


def test_what_is_unset_of_a_mapping_and_a_chain_is_not_zero() -> None:
    """The Router has defaults of its own for those."""
    assert not messages.mapping(MAPPING).HasField("weight")
    assert messages.mapping(replace(MAPPING, weight=0)).HasField("weight")
    first, second = messages.fallback_chain(CHAIN).providers
    assert (first.timeout.seconds, first.timeout.nanos) == (1, 500_000_000)
    assert not second.HasField("timeout")


@pytest.mark.parametrize(
    "value", [PROVIDER, KEY, MAPPING, CHAIN, VIRTUAL_KEY], ids=lambda value: type(value).__name__
)
def test_no_kind_of_thing_shows_a_secret(value: Resource) -> None:
    """Neither to people nor in the audit log, which is made of what is shown."""
    shown = messages.shown(value)
    assert shown["id"] in {value.id, "key_3"}
    for hidden in ("cipher", "hash-bytes", "e1", "wrappedDataKey", "hash"):
        assert hidden not in str(shown)


def test_only_our_own_services_are_told_what_is_sealed() -> None:
    """A key with its ciphertext, a virtual key with its hash."""
    sealed = snapshot_messages.key(KEY, rotation_days=0, now=0)
    assert (sealed.secret.ciphertext, sealed.credential.id) == (b"cipher-bytes", "key_3")
    assert snapshot_messages.virtual_key(VIRTUAL_KEY).hash == b"hash-bytes"


def test_money_is_shown_exactly_as_far_as_json_can() -> None:
    """A budget is a number of dollars."""
    assert messages.shown(VIRTUAL_KEY)["budget"] == 9_007_199.254740993


def test_a_line_of_the_log_has_all_that_was_noted() -> None:
    """Changes of any shape."""
    entry = AuditEntry(
        revision=7,
        occurred_at=1_000_001,
        actor="administrator",
        peer="10.0.0.1",
        action=AUDIT_ACTION_ROTATED,
        resource_kind="key",
        resource_id="key_3",
        changes={"models": {"added": ["a"], "total": 1}, "nothing": None},
        request_id="req_1",
    )
    message = messages.audit_entry(entry)
    assert (message.revision, message.occurred_at.nanos) == (7, 1_000)
    assert MessageToDict(message.changes) == entry.changes


def test_discovered_models_keep_their_order() -> None:
    """With the time when each was first found, the day of its end, and what it is for."""
    found = [DiscoveredModel("b", 2_000_000), DiscoveredModel("a", 0)]
    shown = messages.discovered(found, {"a": date(2027, 1, 22)}.get, lambda name: [name, "chat"])
    assert [(each.name, each.discovered_at.seconds) for each in shown] == [("b", 2), ("a", 0)]
    assert [each.HasField("retires_on") for each in shown] == [False, True]
    assert shown[1].retires_on == "2027-01-22"
    assert [list(each.operations) for each in shown] == [["b", "chat"], ["a", "chat"]]
