"""What a document asks for, before anything else is known."""

from typing import Any

import pytest

from conduit.v1.provider_pb2 import ABORTED_STREAM_POLICY_READ_TO_END
from conduit.v1.routing_policy_pb2 import AFFINITY_KEY_NONE, BALANCING_STRATEGY_WEIGHTED
from conduit_kernel.errors import ConduitError, InvalidRequest
from conduit_providers.catalog import Catalog
from conduit_registry.configuration.plan import (
    Instances,
    Plan,
    RoutingEntry,
    chain_given,
    mapping_given,
    plan_of,
)
from conduit_registry.configuration.problems import Problem, Problems
from conduit_registry.rules.addresses import Addresses
from conduit_registry.values import NO_TIMEOUTS, Step, UsageLimits

ADDRESSES = Addresses(allow_private=False)
IDS = Instances({"main": 7, "strasse": 8}, {1: 8})


async def planned(catalog: Catalog, **sections: object) -> Plan:
    """Return the plan of a document with these sections."""
    document: dict[str, Any] = sections
    return await plan_of(document, catalog, ADDRESSES)


async def test_a_section_that_is_not_there_is_not_one_that_is_empty(catalog: Catalog) -> None:
    """The first says nothing of its things, the second that there are none."""
    assert await planned(catalog) == Plan(None, None, None, None)
    empty = await planned(catalog, providers=[], mappings=[], fallbackChains=[], virtualKeys=[])
    assert empty == Plan([], [], [], [])


async def test_a_document_says_what_is_charged_for_aborted_streams(catalog: Catalog) -> None:
    """By the names that the API has for it."""
    named = {"name": "Main", "providerType": "openai", "abortedStreams": "ReadToEnd"}
    plan = await planned(catalog, providers=[named])
    assert plan.providers is not None
    [provider] = plan.providers
    assert provider.given["aborted_streams"] == ABORTED_STREAM_POLICY_READ_TO_END


async def test_what_a_thing_leaves_out_is_as_on_creation(catalog: Catalog) -> None:
    """All fields that an operator may set are given; times, ids and secrets never are."""
    providers = [{"name": "Main", "providerType": "openai", "keys": [{"name": "A", "id": "key_3"}]}]
    plan = await planned(catalog, providers=providers, virtualKeys=[{"name": "ci"}])
    assert plan.providers is not None
    [provider] = plan.providers
    assert provider.path == "providers[0]"
    assert provider.given == {
        "name": "Main",
        "provider_type": "OpenAI",
        "is_enabled": True,
        "description": "",
        "base_url": "",
        "settings": {},
        "weight": 1,
        "priority": 1,
        "enable_model_discovery": False,
        "discovery_interval_hours": 24,
        "allowed_ips": (),
        "require_mtls": False,
        "key_rotation_days": 0,
        "audit_level": 1,
        "health_check": {},
        "aborted_streams": 0,
    }
    assert provider.keys is not None
    [key] = provider.keys
    assert (key.id, key.path) == ("key_3", "providers[0].keys[0]")
    assert key.given == {
        "name": "A",
        "provider_account_group": "",
        "is_enabled": True,
        "base_url": "",
        "organization": "",
        "project": "",
    }
    assert plan.virtual_keys is not None
    assert plan.virtual_keys[0].given == {
        "name": "ci",
        "is_enabled": True,
        "allowed_models": (),
        "expires_at": None,
        "budget_nano_usd": None,
        "stream_failover": None,
        "max_attempts": None,
        "timeout": None,
        "hedging_budget": None,
        "allowed_ips": (),
        "require_mtls": False,
        "client_certificates": (),
        "budgets": (),
        "outage_allowance_nano_usd": None,
        "group_id": None,
        "usage_limits": UsageLimits(),
        "tags": (),
        "notes": {},
        "allowed_providers": (),
        "refuse_unpriced": False,
        "guardrails": (),
    }


async def test_keys_that_are_not_spoken_of_are_not_none(catalog: Catalog) -> None:
    """A document without `keys` leaves those that an instance has."""
    plan = await planned(catalog, providers=[{"name": "a", "providerType": "OpenAI"}])
    assert plan.providers is not None
    assert plan.providers[0].keys is None


def thing(**members: object) -> list[dict[str, object]]:
    """Return a list of one instance."""
    return [{"name": "New", "providerType": "OpenAI", **members}]


@pytest.mark.parametrize(
    ("sections", "field"),
    [
        ({"providers": [{"providerType": "OpenAI"}]}, "providers[0].name"),
        ({"providers": [{"name": "a"}]}, "providers[0].providerType"),
        ({"providers": [{"name": "a", "providerType": "Nobody"}]}, "providers[0].providerType"),
        ({"providers": thing(weight="x")}, "providers[0].weight"),
        ({"providers": thing(wieght=1)}, "providers[0].wieght"),
        ({"providers": thing(id="x")}, "providers[0].id"),
        ({"providers": thing(settings=3)}, "providers[0].settings"),
        ({"providers": thing(baseUrl="http://127.0.0.1/v1")}, "providers[0].baseUrl"),
        ({"providers": thing(security={"allowedIPs": ["x"]})}, "providers[0].security.allowedIPs"),
        ({"providers": thing(keys={"a": 1})}, "providers[0].keys"),
        ({"providers": thing(keys=[{"apiKey": "\n"}])}, "providers[0].keys[0].apiKey"),
        ({"providers": thing(keys=[{"baseUrl": "x"}])}, "providers[0].keys[0].baseUrl"),
        ({"virtualKeys": [{"name": "a"}, {}]}, "virtualKeys[1].name"),
        ({"virtualKeys": [{"name": "a", "budget": -1}]}, "virtualKeys[0].budget"),
        ({"virtualKeys": [{"name": "a", "hash": "x"}]}, "virtualKeys[0].hash"),
        ({"virtualKeyGroups": [{"name": "a"}, {}]}, "virtualKeyGroups[1].name"),
        ({"providerSecurity": [{"auditLevel": "Some"}]}, "providerSecurity.auditLevel"),
    ],
)
async def test_what_is_wrong_is_named_by_its_place(
    catalog: Catalog, sections: dict[str, Any], field: str
) -> None:
    """Also what the rules of single things say, and what the JSON of the API would not be."""
    with pytest.raises(ConduitError) as caught:
        await planned(catalog, **sections)
    assert caught.value.metadata["field"] == field


def test_a_mapping_names_its_instance_without_regard_to_case() -> None:
    """Without an actual name it has the alias's; what it leaves out is unset."""
    entry = RoutingEntry("mappings[0]", {"modelAlias": "fast", "provider": " STRASSE "})
    assert mapping_given(entry, IDS) == {
        "model_alias": "fast",
        "provider_id": 8,
        "actual_model_name": "fast",
        "is_enabled": True,
        "weight": None,
        "priority": None,
        "capabilities": (),
        "strict_parameters": False,
        "timeouts": NO_TIMEOUTS,
    }


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"modelAlias": "fast"}, "mappings[0].provider"),
        ({"modelAlias": "fast", "provider": "nobody"}, "mappings[0].provider"),
        ({"modelAlias": "fast", "provider": ["main"]}, "mappings[0].provider"),
        ({"modelAlias": "fast", "provider": "main", "providerId": 7}, "mappings[0].provider"),
        ({"modelAlias": "fast", "providerId": 2}, "mappings[0].providerId"),
        ({"modelAlias": "fast", "providerId": "7"}, "mappings[0].providerId"),
        ({"provider": "main"}, "mappings[0].modelAlias"),
        ({"provider": "main", "modelAlias": "fast", "weight": -1}, "mappings[0].weight"),
    ],
)
def test_a_mapping_that_cannot_be_is_named_by_its_place(
    members: dict[str, Any], field: str
) -> None:
    """An id is one that the document gives, or one of this gateway."""
    with pytest.raises(InvalidRequest) as caught:
        mapping_given(RoutingEntry("mappings[0]", members), IDS)
    assert caught.value.metadata["field"] == field
    assert caught.value.message.startswith("mappings[0]")


def test_a_chain_has_its_steps_in_the_documents_order() -> None:
    """The document itself stays as it was."""
    members = {"modelAlias": "fast", "providers": [{"provider": "Straße"}, {"provider": "main"}]}
    entry = RoutingEntry("fallbackChains[0]", members)
    first, again = chain_given(entry, IDS), chain_given(entry, IDS)
    assert first == again
    assert first == {
        "model_alias": "fast",
        "providers": (Step(8, 0, None), Step(7, 0, None)),
        "is_enabled": True,
        "strategy": BALANCING_STRATEGY_WEIGHTED,
        "affinity": AFFINITY_KEY_NONE,
        "stream_failover": None,
        "retries": (),
        "prefer_primary_for": None,
        "hedging": None,
        "cache": None,
        "guardrails": (),
    }
    bare = chain_given(RoutingEntry("fallbackChains[0]", {"modelAlias": "fast"}), IDS)
    assert bare == first | {"providers": ()}


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"modelAlias": "fast", "strategy": "Dice"}, "fallbackChains[0].strategy"),
        ({"modelAlias": "fast", "providers": 3}, "fallbackChains[0].providers"),
        ({"modelAlias": "fast", "providers": [{"providerId": 9}]}, "fallbackChains[0].providerId"),
        ({"providers": [{"provider": "main"}]}, "fallbackChains[0].modelAlias"),
        (
            {"modelAlias": "fast", "providers": [{"provider": "main", "timeout": "1 h"}]},
            "fallbackChains[0].providers[0].timeout",
        ),
    ],
)
def test_a_chain_that_cannot_be_is_named_by_its_place(members: dict[str, Any], field: str) -> None:
    """Steps as far as they can be told apart."""
    with pytest.raises(InvalidRequest) as caught:
        chain_given(RoutingEntry("fallbackChains[0]", members), IDS)
    assert caught.value.metadata["field"] == field


def test_an_id_is_the_documents_own_before_it_is_the_gateways() -> None:
    """So that what another gateway's API showed can be taken as it stands."""
    steps = [{"providerId": 1}, {"providerId": 7}]
    entry = RoutingEntry("fallbackChains[0]", {"modelAlias": "fast", "providers": steps})
    assert [step.provider_id for step in chain_given(entry, IDS)["providers"]] == [8, 7]


async def test_all_problems_are_collected_where_that_is_asked(catalog: Catalog) -> None:
    """Each thing has one at a time; those without any are planned all the same."""
    problems = Problems(collects=True)
    document: dict[str, Any] = {
        "providers": [*thing(weight="x"), *thing(keys=[{"baseUrl": "x"}, {"apiKey": "sk-1"}])],
        "virtualKeys": [{"name": "a", "budget": -1}, {"name": "b"}, {}],
    }
    plan = await plan_of(document, catalog, ADDRESSES, problems)
    assert [each.path for each in problems.found] == [
        "providers[0].weight",
        "providers[1].keys[0].baseUrl",
        "virtualKeys[0].budget",
        "virtualKeys[2].name",
    ]
    assert problems.found[3] == Problem("virtualKeys[2].name", "name is missing")
    assert plan.virtual_keys is not None
    assert [each.given["name"] for each in plan.virtual_keys] == ["b"]
    assert plan.unsound == {"new"}
