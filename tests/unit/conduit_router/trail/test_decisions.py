"""A decision that was written down is made again from that, the same to the last key."""

import random
from collections.abc import Iterator
from math import inf

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.snapshots import compiled, key, mapping, provider, snapshot

from conduit.v1.decision_pb2 import Decision as DecisionMessage
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.provider_pb2 import ProviderSecurity
from conduit.v1.routing_policy_pb2 import (
    FALLBACK_CONDITION_CONTENT_POLICY,
    BalancingStrategy,
)
from conduit_kernel.circuit import OpenCircuit
from conduit_kernel.errors import UpstreamRateLimited
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_providers.operation import Requirements
from conduit_router.routing.balancing import Balance
from conduit_router.routing.decide import Decision, SentFrom, decide, joined
from conduit_router.routing.health_view import Cooldown, HealthView, Subject
from conduit_router.routing.table import RoutingTable
from conduit_router.trail.decisions import decision_message, replay

ALIASES = ("one", "two", "three")
PROVIDERS = range(1, 7)
CASES = 300
LIMITED = UpstreamRateLimited.reason
STRATEGIES = tuple(BalancingStrategy.values())


def table() -> RoutingTable:
    """Return three aliases, one with a chain, that instances of all kinds serve."""
    providers = [
        provider(
            number,
            priority=number % 2,
            weight=number,
            is_enabled=number != 6,
            security=ProviderSecurity(
                allowed_ips=["10.0.0.0/8"] if number == 3 else [], require_mtls=number == 4
            ),
        )
        for number in PROVIDERS
    ]
    mappings = [
        mapping(10 * place + number, number, model_alias=alias, actual_model_name=f"m{number}")
        for place, alias in enumerate(ALIASES)
        for number in PROVIDERS
    ]
    steps = [
        FallbackProvider(provider_id=1, priority=1, timeout=Duration(seconds=3)),
        FallbackProvider(provider_id=2, priority=2, conditions=[FALLBACK_CONDITION_CONTENT_POLICY]),
    ]
    chain = FallbackChain(id=1, model_alias="three", is_enabled=True, providers=steps)
    keys = [
        key(10 * number + extra, number) for number in PROVIDERS for extra in range(number % 3 + 1)
    ]
    return compiled(snapshot(providers, keys, mappings, [chain]))


def some(chance: random.Random) -> Iterator[Subject]:
    """Yield a few of the things that failures are about."""
    for number in chance.sample(PROVIDERS, chance.randrange(4)):
        model, key_id = chance.choice(("", f"m{number}")), chance.choice(("", f"key_{10 * number}"))
        yield Subject(number, model, key_id)


def health(chance: random.Random) -> HealthView:
    """Return a state of health."""

    def moment() -> float:
        return chance.uniform(90.0, 110.0)

    return HealthView(
        {each: OpenCircuit(moment(), moment()) for each in some(chance)},
        {each: Cooldown(moment(), "slow down", LIMITED, moment(), "m1") for each in some(chance)},
        frozenset(chance.sample(PROVIDERS, chance.randrange(3))),
        {each: chance.random() for each in some(chance)},
        100.0,
    )


def balance(chance: random.Random) -> Balance:
    """Return what decides among equals."""
    measured = chance.sample(PROVIDERS, chance.randrange(len(PROVIDERS)))
    return Balance(
        chance.choice(STRATEGIES),
        chance.randrange(1000),
        {(number, f"m{number}"): chance.choice((1.0, 0.1, inf)) for number in measured},
        {f"key_{10 * number}": chance.random() for number in measured},
        chance.choice((None, chance.getrandbits(64))),
    )


def decided(
    chance: random.Random, routes: RoutingTable, sender: SentFrom
) -> tuple[Decision, Requirements]:
    """Decide at random, for one alias or with fallbacks."""
    names = chance.sample(ALIASES, chance.randint(1, 3))
    needs = frozenset(chance.sample(["stream", "vision", "tools"], chance.randrange(3)))
    requirements = Requirements(names[0], "chat", capabilities=needs)
    seen, seed = health(chance), chance.getrandbits(64)
    only = frozenset({"provider-1", "2", "4"}) if chance.random() < 0.2 else None
    bound = frozenset(chance.sample([f"key_{10 * number}" for number in PROVIDERS], k=2))
    account_keys = chance.choice((None, None, None, frozenset[str](), bound))
    decisions = [
        decide(
            routes.routes[name],
            requirements,
            seen,
            seed,
            sender,
            balance=balance(chance),
            only=only,
            account_keys=account_keys,
        )
        for name in names
    ]
    return joined(names, decisions), requirements


@pytest.mark.parametrize(
    ("peer", "certificate"), [("10.1.2.3", ""), ("192.168.1.1", "spiffe://example.org/a"), ("", "")]
)
def test_a_stored_decision_is_made_again_the_same(peer: str, certificate: str) -> None:
    """Whatever it was made from: candidates, keys, reasons, what rests, and for how long."""
    chance = random.Random(f"decisions {peer}")  # noqa: S311 # the same each time
    routes = table()
    several = 0
    levels = (None, None, (("provider-*",),), (("provider-*", "4"), ("1", "2", "3")))
    for _ in range(CASES):
        sender = SentFrom(peer, certificate, chance.choice(levels))
        decision, requirements = decided(chance, routes, sender)
        message = decision_message(
            decision,
            requirements.model,
            requirements.operation,
            revision=routes.revision,
            capabilities=requirements.capabilities,
            sender=sender,
        )
        stored = DecisionMessage.FromString(message.SerializeToString())
        assert replay(stored, routes.routes) == decision
        several += len(decision.candidates) > 1
    # Otherwise it was easy.
    assert several > CASES / 10


def test_a_decision_about_what_is_gone_is_not_made_up() -> None:
    """An operator may have removed the alias meanwhile."""
    decision, requirements = decided(random.Random(1), table(), SentFrom())  # noqa: S311 # as above
    message = decision_message(decision, requirements.model, "chat", revision=7)
    with pytest.raises(ModelNotFound):
        replay(message, {})
