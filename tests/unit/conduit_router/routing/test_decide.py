"""Decisions are pure: the same inputs, the same answer, with a reason for everything left out."""

from collections import Counter
from functools import lru_cache

import pytest
from google.protobuf.duration_pb2 import Duration
from msgspec.structs import replace
from tests.support.snapshots import ALIAS, compiled, key, mapping, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotKey
from conduit.v1 import decision_pb2 as pb
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.provider_pb2 import Provider, ProviderSecurity
from conduit_kernel.circuit import OpenCircuit
from conduit_providers.operation import Requirements
from conduit_router.routing.decide import Decision, SentFrom, decide, decide_plainly
from conduit_router.routing.health_view import HEALTHY, Cooldown, HealthView, Subject
from conduit_router.routing.table import Route

CHAT = Requirements(ALIAS, "chat")


def decided(
    source: Snapshot, view: HealthView = HEALTHY, seed: int = 1, requirements: Requirements = CHAT
) -> Decision:
    """Decide the test's request."""
    route = _route_of(source.SerializeToString(deterministic=True))
    return decide(route, requirements, view, seed, SentFrom("10.1.2.3"))


@lru_cache(maxsize=1)
def _route_of(source: bytes) -> Route:
    return compiled(Snapshot.FromString(source)).routes[ALIAS]


def order(decision: Decision) -> list[int]:
    """Return the instances in the order in which they are tried."""
    return [c.candidate.provider_id for c in decision.candidates]


def reasons(decision: Decision) -> dict[int, str]:
    """Return why each instance was left out."""
    return {r.provider_id: pb.RejectionReason.Name(r.reason) for r in decision.rejections}


def test_the_same_seed_gives_the_same_decision() -> None:
    """A stored decision can be replayed."""
    source = snapshot([provider(i) for i in range(1, 9)])
    assert [order(decided(source, seed=s)) for s in range(50)] == [
        order(decided(source, seed=s)) for s in range(50)
    ]


def test_weights_share_the_traffic() -> None:
    """Of 70 to 30, over many seeds, 70 % go first to the one."""
    source = snapshot([provider(1, weight=70), provider(2, weight=30)])
    first = Counter(order(decided(source, seed=seed))[0] for seed in range(4000))
    assert first[1] / 4000 == pytest.approx(0.7, abs=0.03)


def test_lower_priority_numbers_come_first() -> None:
    """Priority beats weight."""
    source = snapshot([provider(1, priority=2, weight=1000), provider(2, priority=1)])
    assert {tuple(order(decided(source, seed=s))) for s in range(20)} == {(2, 1)}


def test_a_mapping_overrides_the_instance() -> None:
    """Weight and priority of a mapping win over those of its instance."""
    source = snapshot(
        [provider(1, priority=1), provider(2, priority=2)],
        mappings=[mapping(1, 1, priority=9), mapping(2, 2)],
    )
    assert order(decided(source)) == [2, 1]


def test_what_is_left_out_has_a_reason() -> None:
    """Each instance is either tried or explained."""
    source = snapshot(
        [
            provider(1, is_enabled=False),
            provider(2),
            provider(3),
            provider(4, weight=0),
            provider(5, security=ProviderSecurity(allowed_ips=["192.168.0.0/16"])),
            provider(6, security=ProviderSecurity(require_mtls=True)),
            provider(7),
            provider(8),
        ],
        keys=[key(i, i, is_enabled=i != 3) for i in range(1, 9)],
        mappings=[mapping(i, i, is_enabled=i != 2) for i in range(1, 9)],
    )
    decision = decided(source, HealthView({Subject(7): OpenCircuit(9.0, 1.0)}))
    assert order(decision) == [8]
    assert reasons(decision) == {
        1: "REJECTION_REASON_PROVIDER_DISABLED",
        2: "REJECTION_REASON_MAPPING_DISABLED",
        3: "REJECTION_REASON_NO_KEY",
        4: "REJECTION_REASON_ZERO_WEIGHT",
        5: "REJECTION_REASON_CALLER_NOT_ALLOWED",
        6: "REJECTION_REASON_CALLER_NOT_ALLOWED",
        7: "REJECTION_REASON_CIRCUIT_OPEN",
    }


def test_a_former_value_is_asked_after_all_others() -> None:
    """Of those, each is first for its share of the calls."""
    keys = [key(1, 1), key(2, 1), key(3, 1)]
    keys[0].credential.retires_at.FromSeconds(1)
    source = snapshot([provider(1)], keys=keys)
    tried = {
        tuple(each.key_id for each in decided(source, seed=seed).candidates[0].keys)
        for seed in range(50)
    }
    assert tried == {("key_2", "key_3", "key_1"), ("key_3", "key_2", "key_1")}


def test_a_caller_inside_the_allowed_networks_is_served() -> None:
    """The address decides, not the instance's having a rule."""
    source = snapshot([provider(1, security=ProviderSecurity(allowed_ips=["10.0.0.0/8"]))])
    assert order(decided(source)) == [1]


@pytest.mark.parametrize(
    ("networks", "address", "is_served"),
    [
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        # IPv4 within IPv6, on either side.
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["::ffff:10.0.0.0/104"], "10.1.2.3", True),
        (["10.0.0.0/8"], "::ffff:11.1.2.3", False),
        (["10.0.0.0/8", "fd00::/8"], "fd00::1", True),
        (["10.0.0.0/8"], "", False),
        (["0.0.0.0/0", "::/0"], "unknown", False),
        ([], "unknown", True),
    ],
)
def test_networks_are_held_against_the_address(
    networks: list[str], address: str, *, is_served: bool
) -> None:
    """One that is not known is in no network."""
    table = compiled(snapshot([provider(1, security=ProviderSecurity(allowed_ips=networks))]))
    decision = decide(table.routes[ALIAS], CHAT, HEALTHY, 1, SentFrom(address))
    assert bool(decision.candidates) == is_served


def test_an_instance_that_requires_a_certificate_serves_who_showed_one() -> None:
    """Any that the connection has verified."""
    table = compiled(snapshot([provider(1, security=ProviderSecurity(require_mtls=True))]))
    for certificate in ("", "spiffe://example.org/a"):
        sender = SentFrom("10.1.2.3", certificate)
        decision = decide(table.routes[ALIAS], CHAT, HEALTHY, 1, sender)
        assert bool(decision.candidates) == bool(certificate)


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ((("provider-1",),), [1]),
        ((("3", "provider-2"),), [2, 3]),
        ((("*",),), [1, 2, 3]),
        ((("3", "provider-2"), ("provider-*",), ("1", "2")), [2]),
        ((("1",), ("2",)), []),
    ],
)
def test_a_virtual_key_is_served_by_those_it_allows_alone(
    allowed: tuple[tuple[str, ...], ...], expected: list[int]
) -> None:
    """By name, with wildcards, or by id, at each level; the others are explained."""
    route = compiled(snapshot([provider(i, priority=i) for i in (1, 2, 3)])).routes[ALIAS]
    decision = decide(route, CHAT, HEALTHY, 1, SentFrom(providers=allowed))
    assert order(decision) == expected
    left_out = {i for i in (1, 2, 3) if i not in expected}
    assert reasons(decision) == dict.fromkeys(left_out, "REJECTION_REASON_CALLER_NOT_ALLOWED")


def test_resting_keys_leave_the_instance_to_its_siblings() -> None:
    """A key that rests is left out alone; with all keys resting so is the instance."""
    source = snapshot([provider(1)], keys=[key(1, 1), key(2, 1)])
    rest = Cooldown(99.0, "rate limited")
    rests = {Subject(1, "model-1", "key_1"): rest, Subject(1, "", "key_2"): rest}
    one = decided(source, HealthView(cooldowns=dict([*rests.items()][:1])))
    assert [k.key_id for k in one.candidates[0].keys] == ["key_2"]
    both = decided(source, HealthView(cooldowns=rests))
    assert order(both) == []
    assert {r.key_id for r in both.rejections} == {"key_1", "key_2"}
    assert {each.key_id: each.until for each in both.resting} == {"key_1": 99.0, "key_2": 99.0}


def test_rests_of_other_models_and_instances_leave_nothing_out() -> None:
    """Also where those have no key, and so no name of one."""
    rest = Cooldown(99.0, "rate limited")
    rests = {Subject(1, "other", "key_1"): rest, Subject(2, "", ""): rest, Subject(3, "gpt"): rest}
    assert order(decided(snapshot([provider(1)]), HealthView(cooldowns=rests))) == [1]


def test_a_model_that_rests_at_an_instance_leaves_that_out() -> None:
    """Whatever the key; its reason says so."""
    source = snapshot([provider(1), provider(2)])
    rest = Cooldown(99.0, "no such model", "PROVIDER_MODEL_NOT_FOUND")
    decision = decided(source, HealthView(cooldowns={Subject(1, "model-1"): rest}))
    assert order(decision) == [2]
    assert reasons(decision) == {1: "REJECTION_REASON_MODEL_COOLING_DOWN"}


def test_a_key_whose_circuit_is_open_leaves_the_instance_to_its_siblings() -> None:
    """Where they work, the key is to blame."""
    source = snapshot([provider(1)], keys=[key(1, 1), key(2, 1)])
    decision = decided(source, HealthView({Subject(1, "", "key_1"): OpenCircuit(9.0, 1.0)}))
    assert [k.key_id for k in decision.candidates[0].keys] == ["key_2"]
    assert reasons(decision) == {1: "REJECTION_REASON_CIRCUIT_OPEN"}


def test_an_open_circuit_whose_step_is_over_comes_last() -> None:
    """It is asked only when nobody else is left; before that it is left out."""
    source = snapshot([provider(1, priority=1), provider(2, priority=2)])
    opened = {Subject(1, "model-1"): OpenCircuit(60.0, 2.0)}
    assert order(decided(source, HealthView(opened, at=1.9))) == [2]
    decision = decided(source, HealthView(opened, at=2.0))
    assert order(decision) == [2, 1]
    assert [each.is_last for each in decision.candidates] == [False, True]


def test_traffic_comes_back_in_a_share_after_a_circuit_closed() -> None:
    """Over many seeds; the others go elsewhere first."""
    source = snapshot([provider(1, priority=1), provider(2, priority=2)])
    view = HealthView(returning={Subject(1, "model-1"): 0.25})
    first = Counter(order(decided(source, view, seed))[0] for seed in range(2000))
    assert first[1] == pytest.approx(500, abs=90)


def test_keys_take_turns() -> None:
    """Over many seeds each key of an instance is first about as often."""
    source = snapshot([provider(1)], keys=[key(i, 1) for i in (1, 2, 3)])
    first = Counter(decided(source, seed=s).candidates[0].keys[0].key_id for s in range(3000))
    assert all(count == pytest.approx(1000, abs=120) for count in first.values())


def test_unwell_instances_come_last() -> None:
    """What the Health service finds unhealthy is tried only when the rest has failed."""
    source = snapshot([provider(1, priority=1), provider(2, priority=5)])
    assert order(decided(source, HealthView(unhealthy=frozenset({1})))) == [2, 1]


def test_a_fallback_chain_sets_the_order_and_the_time() -> None:
    """A chain's steps are tried in its order; instances outside it are not."""
    chain = FallbackChain(
        id=1,
        model_alias=ALIAS,
        is_enabled=True,
        providers=[
            FallbackProvider(provider_id=3, priority=1, timeout=Duration(seconds=30)),
            FallbackProvider(provider_id=1, priority=2),
        ],
    )
    source = snapshot([provider(1), provider(2), provider(3)], chains=[chain])
    decision = decided(source)
    assert order(decision) == [3, 1]
    assert decision.candidates[0].candidate.timeout == 30.0
    assert reasons(decision) == {2: "REJECTION_REASON_NOT_IN_CHAIN"}


def test_a_chain_asks_an_unmapped_instance_for_the_alias() -> None:
    """Without a mapping the alias itself is the model."""
    chain = FallbackChain(
        id=1, model_alias=ALIAS, is_enabled=True, providers=[FallbackProvider(provider_id=1)]
    )
    source = snapshot([provider(1)], mappings=[], chains=[chain])
    assert decided(source).candidates[0].candidate.model == ALIAS


def test_a_missing_capability_is_named() -> None:
    """A request that needs what a mapping cannot do goes elsewhere."""
    source = snapshot(
        [provider(1), provider(2)],
        mappings=[mapping(1, 1, capabilities=["tools"]), mapping(2, 2)],
    )
    decision = decided(
        source, requirements=Requirements(ALIAS, "chat", capabilities=frozenset({"vision"}))
    )
    assert order(decision) == [2]
    assert decision.rejections[0].detail == "cannot do vision"


def test_a_key_of_another_vault_is_explained() -> None:
    """A secret that this process cannot open leaves the key out, and says so."""
    foreign = key(1, 1)
    foreign.secret.encryption_key_id = "0" * 16
    decision = decided(snapshot([provider(1)], keys=[foreign, key(2, 1)]))
    assert [k.key_id for k in decision.candidates[0].keys] == ["key_2"]
    assert reasons(decision) == {1: "REJECTION_REASON_KEY_UNREADABLE"}


def test_a_request_of_an_account_goes_to_its_keys_alone() -> None:
    """Each other key, or instance, is left out with the reason, also where the account's rest."""
    keys = [key(1, 1), key(2, 1), key(3, 2)]
    route = compiled(snapshot([provider(1), provider(2)], keys)).routes[ALIAS]
    bound = decide(route, CHAT, HEALTHY, 1, account_keys=frozenset({"key_2", "key_9"}))
    assert [
        (each.candidate.provider_id, *(k.key_id for k in each.keys)) for each in bound.candidates
    ] == [(1, "key_2")]
    foreign = pb.REJECTION_REASON_OTHER_ACCOUNT
    left_out = {(r.provider_id, r.key_id, r.reason) for r in bound.rejections}
    assert left_out == {(1, "key_1", foreign), (2, "", foreign)}
    rest = Cooldown(50.0, "slow down", "PROVIDER_RATE_LIMITED", 1.0, "model-1")
    view = HealthView(cooldowns={Subject(1, "", "key_2"): rest}, at=10.0)
    resting = decide(route, CHAT, view, 1, account_keys=frozenset({"key_2"}))
    assert not resting.candidates
    assert [each.key_id for each in resting.resting] == ["key_2"]
    assert not decide(route, CHAT, HEALTHY, 1, account_keys=frozenset()).candidates


TOKENS = Requirements(ALIAS, "embed", capabilities=frozenset({"token_input"}))


def test_who_takes_tokens_comes_before_who_is_sent_their_texts() -> None:
    """Whatever their priorities; texts alone are sent where priority and weight say."""
    source = snapshot([provider(1, priority=1, provider_type="Mistral"), provider(2, priority=2)])
    assert order(decided(source, requirements=TOKENS)) == [2, 1]
    assert order(decided(source, requirements=Requirements(ALIAS, "embed"))) == [1, 2]


def test_texts_of_tokens_are_better_than_an_unhealthy_instance() -> None:
    """Such a one comes last, and one that takes texts alone serves by itself."""
    source = snapshot([provider(1), provider(2, provider_type="Mistral")])
    assert order(decided(source, HealthView(unhealthy=frozenset({1})), requirements=TOKENS)) == [
        2,
        1,
    ]
    alone = snapshot(
        [provider(1, provider_type="Mistral")], mappings=[mapping(1, 1, capabilities=["base64"])]
    )
    assert order(decided(alone, requirements=TOKENS)) == [1]


SEEING = Requirements(ALIAS, "chat", capabilities=frozenset({"vision"}))


@pytest.mark.parametrize(
    ("providers", "keys", "is_sole"),
    [
        ([provider(1)], [key(1, 1)], True),
        ([provider(1), provider(2)], [key(1, 1), key(2, 2)], False),
        ([provider(1)], [key(1, 1), key(2, 1)], False),
        ([provider(1, security=ProviderSecurity(allowed_ips=["10.0.0.0/8"]))], [key(1, 1)], False),
        ([provider(1, security=ProviderSecurity(require_mtls=True))], [key(1, 1)], False),
    ],
    ids=["one", "candidates", "keys", "addresses", "certificates"],
)
def test_a_decision_is_kept_where_nothing_is_left_to_choose(
    providers: list[Provider], keys: list[SnapshotKey], *, is_sole: bool
) -> None:
    """Neither the seed nor who calls makes a difference to it."""
    route = compiled(snapshot(providers, keys=keys)).routes[ALIAS]
    decision = decide_plainly(route, CHAT, HEALTHY, 1, SentFrom("10.0.0.1", "ann"))
    assert decision.candidates
    assert route.sole_decisions == ({("chat", frozenset()): decision} if is_sole else {})
    for seed in range(50):
        assert (
            not is_sole
            or decide(route, CHAT, HEALTHY, seed, SentFrom("other")).candidates
            == decision.candidates
        )


def test_a_decision_of_a_bad_day_or_without_candidates_is_not_kept() -> None:
    """The next call may find things otherwise, and callers choose what is refused."""
    route = compiled(snapshot([provider(1)], keys=[key(1, 1)])).routes[ALIAS]
    decide_plainly(route, CHAT, HealthView(unhealthy=frozenset({1})), 1, SentFrom())
    refused = decide_plainly(
        route, replace(CHAT, capabilities=frozenset({"x"})), HEALTHY, 1, SentFrom()
    )
    assert not refused.candidates
    assert route.sole_decisions == {}
    decide_plainly(route, SEEING, HEALTHY, 1, SentFrom())
    assert list(route.sole_decisions) == [("chat", frozenset({"vision"}))]


def test_the_account_that_can_read_a_request_comes_first() -> None:
    """Of instances and of an instance's keys, whatever the priority; behind it all others."""
    source = snapshot(
        [provider(1, priority=1), provider(2, priority=2)],
        keys=[key(1, 1), key(2, 2), key(3, 2), key(4, 2)],
    )
    source.keys[2].credential.provider_account_group = "other"
    table = compiled(source)
    account = next(each.account for each in table.instances[2].keys if each.key_id == "key_3")
    asked = replace(CHAT, account=account)
    for seed in range(20):
        decision = decided(source, seed=seed, requirements=asked)
        assert order(decision) == [2, 1]
        keys = [each.key_id for each in decision.candidates[0].keys]
        assert keys[0] == "key_3"
        assert sorted(keys) == ["key_2", "key_3", "key_4"]
    unhealthy = HealthView(unhealthy=frozenset({2}))
    assert order(decided(source, unhealthy, requirements=asked)) == [1, 2]
    nobody = replace(CHAT, account="000000000000")
    assert order(decided(source, requirements=nobody)) == [1, 2]
