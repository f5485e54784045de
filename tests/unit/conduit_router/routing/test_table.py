"""What a change of the configuration mends, and what it leaves as it failed."""

from dataclasses import replace

import msgspec
from tests.support.snapshots import compiled, key, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import SnapshotKey
from conduit.v1.provider_pb2 import Provider
from conduit_providers.auth import StaticSigner
from conduit_providers.wire import HttpRequest
from conduit_router.routing.table import FailureResets, TableChange, failure_resets

Instances = tuple[list[Provider], list[SnapshotKey]]
NOTHING = FailureResets(frozenset(), frozenset())


def resets(before: Instances, after: Instances) -> FailureResets:
    """Return what the change of instances and keys resets."""
    old, new = (compiled(snapshot(providers, keys)) for providers, keys in (before, after))
    concerned = frozenset(old.instances | new.instances)
    return failure_resets(TableChange(old, new, concerned, frozenset()))


def test_another_address_mends_the_instance_and_its_keys() -> None:
    """What failed was elsewhere."""
    moved = provider(1, "http://127.0.0.1:2/v1")
    assert resets(([provider(1)], [key(1, 1)]), ([moved], [key(1, 1)])) == FailureResets(
        frozenset({1}), frozenset({"key_1"})
    )


def test_another_value_mends_the_key_alone() -> None:
    """The instance is as well or ill as it was."""
    rotated = key(1, 1)
    rotated.credential.rotated_at.seconds = 5
    assert resets(([provider(1)], [key(1, 1)]), ([provider(1)], [rotated])) == FailureResets(
        frozenset(), frozenset({"key_1"})
    )


def test_a_key_that_was_enabled_is_tried_again() -> None:
    """An operator who enables a key says that it is good."""
    off = key(1, 1, is_enabled=False)
    assert resets(([provider(1)], [off]), ([provider(1)], [key(1, 1)])).key_ids == {"key_1"}


def test_what_is_no_repair_resets_nothing() -> None:
    """Neither a name or weight, nor a new instance, nor a disabled key."""
    plain = [provider(1)], [key(1, 1)]
    assert resets(plain, ([provider(1, name="other", weight=9)], [key(1, 1)])) == NOTHING
    assert resets(plain, ([provider(1), provider(2)], [key(1, 1), key(2, 2)])) == NOTHING
    assert resets(plain, ([provider(1)], [key(1, 1, is_enabled=False)])) == NOTHING


def test_an_instance_that_is_gone_is_forgotten() -> None:
    """Nobody would ever find out whether it is well again."""
    both = [provider(1), provider(2)], [key(1, 1), key(2, 2)]
    assert resets(both, ([provider(1)], [key(1, 1)])).provider_ids == {2}


def test_who_answers_is_one_object_for_each_model_of_a_key() -> None:
    """So what its reader made of it is kept for the next call."""
    table = compiled(snapshot([provider(1)]))
    [candidate] = table.routes["gpt"].candidates
    [used] = candidate.instance.keys
    served_by = used.serving(candidate)
    assert used.serving(candidate) is served_by
    assert (served_by.provider_id, served_by.key_id, served_by.actual_model_name) == (
        1,
        "key_1",
        "model-1",
    )


def test_a_key_is_made_once_for_requests_that_passed_so_many_gateways() -> None:
    """What was prepared for the first of them serves the others."""
    [used] = compiled(snapshot([provider(1)])).instances[1].keys
    once, twice = used.after(1), used.after(2)
    assert used.after(1) is once
    hops = [{each.hops for each in key.targets.values()} for key in (used, once, twice)]
    assert hops == [{1}, {2}, {3}]
    [candidate] = compiled(snapshot([provider(1)])).routes["gpt"].candidates
    assert once.serving(candidate) is used.serving(candidate)


def test_a_key_is_in_no_repr_of_what_holds_it() -> None:
    """Tables end up in tracebacks."""
    assert "sk-1" not in repr(compiled(snapshot([provider(1)])))


class TokenOfKey(StaticSigner):
    """Shows a token in the key's place."""

    is_static = False

    def sign(self, request: HttpRequest) -> HttpRequest:
        """Return the request with the token."""
        shown = (("authorization", "Bearer token-7-of-key"),)
        return msgspec.structs.replace(request, headers=request.headers + shown)


def test_a_token_that_is_shown_is_known_to_the_redactor() -> None:
    """As the key itself is, which the provider never sees."""
    plain = compiled(snapshot([provider(1)], [key(1, 1)])).instances[1].keys[0].endpoint("chat")
    upstream = replace(plain, signer=TokenOfKey())
    signed = upstream.signed(HttpRequest("GET", "/", (("x-a", "1"),)))
    assert signed.headers == (("x-a", "1"), ("authorization", "Bearer token-7-of-key"))
    assert upstream.redactor.covered(b"token-7-of-key sk-1") == b"[redacted]**** sk-1"
