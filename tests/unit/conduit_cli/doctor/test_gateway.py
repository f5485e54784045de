"""Each mistake of a configuration is made here, and found."""

from typing import Any

from conduit_cli.doctor.finding import ERROR, NOTE, WARNING
from conduit_cli.doctor.gateway import Seen, look

PROVIDER = {"id": 1, "name": "A", "isEnabled": True, "providerType": "OpenAI", "baseUrl": ""}
KEY = {"id": "key_1", "isEnabled": True, "baseUrl": ""}
MAPPING = {"modelAlias": "gpt", "isEnabled": True}
HEALTH = {"providerId": 1, "providerName": "A", "status": "Healthy"}
VIRTUAL = {"id": 1, "name": "team", "isEnabled": True, "budgets": [{"limitUsd": 1}]}
METRICS = 'conduit_configuration_info{pid="1",revision="7"} 1.0\n'


def kinds(**changed: Any) -> dict[str, str]:  # noqa: ANN401 # parts of what is seen
    """Return what is found in a gateway that is sound but for what was changed."""
    sound: dict[str, Any] = {
        "providers": [PROVIDER],
        "keys": {1: [KEY]},
        "mappings": [MAPPING],
        "chains": [],
        "virtual_keys": [VIRTUAL],
        "groups": [],
        "health": [HEALTH],
        "costs": [],
        "decisions": {"gpt": {"candidates": [{}]}},
        "metrics": METRICS,
    }
    return {each.kind: each.level for each in look(Seen(**{**sound, **changed}))}


def test_a_sound_gateway_has_nothing() -> None:
    """So that whatever is told is worth reading."""
    assert kinds() == {}


def test_no_provider_and_no_mapping_are_found() -> None:
    """All calls fail."""
    assert kinds(providers=[], mappings=[], decisions={}) == {"no-provider": ERROR}
    assert kinds(mappings=[], decisions={}) == {"no-mapping": ERROR}
    assert kinds(mappings=[{**MAPPING, "isEnabled": False}], decisions={}) == {"no-mapping": ERROR}


def test_an_instance_without_a_key_is_found() -> None:
    """Or with none that is enabled; not where a type needs none, or the instance is off."""
    assert kinds(keys={}) == {"key-missing": ERROR}
    assert kinds(keys={1: [{**KEY, "isEnabled": False}]}) == {"key-missing": ERROR}
    assert kinds(keys={}, providers=[{**PROVIDER, "providerType": "Ollama"}]) == {}
    assert kinds(keys={}, providers=[{**PROVIDER, "isEnabled": False}]) == {}


def test_wrong_base_urls_are_found() -> None:
    """With its version twice, or with a path that is added anyway; a key's as well."""
    for url in ("https://a.example/v1/v1", "https://a.example/v1beta/v1beta/"):
        assert kinds(providers=[{**PROVIDER, "baseUrl": url}]) == {"base-url-twice": ERROR}
    whole = "https://a.example/v1/chat/completions"
    assert kinds(providers=[{**PROVIDER, "baseUrl": whole}]) == {"base-url-whole": ERROR}
    assert kinds(keys={1: [{**KEY, "baseUrl": whole}]}) == {"base-url-whole": ERROR}
    for url in ("https://a.example/v1", "https://a.example/v1/v10", "https://v1.example/v1"):
        assert kinds(providers=[{**PROVIDER, "baseUrl": url}]) == {}


def test_names_that_are_not_mapped_are_found() -> None:
    """Of chains, and of what virtual keys may use; patterns name none."""
    assert kinds(chains=[{"modelAlias": "gtp"}]) == {"mapping-missing": WARNING}
    key = {**VIRTUAL, "allowedModels": ["gtp"]}
    assert kinds(virtual_keys=[key]) == {"mapping-missing": WARNING}
    assert kinds(virtual_keys=[{**VIRTUAL, "allowedModels": ["gpt", "x*"]}]) == {}


def test_a_key_that_its_provider_refuses_is_found() -> None:
    """For its value, or for want of money."""
    for status in ("InvalidCredentials", "NoFunds"):
        health = {**HEALTH, "keyCredentials": [{"keyId": "key_1", "status": status}]}
        assert kinds(health=[health]) == {"key-refused": ERROR}
    health = {**HEALTH, "keyCredentials": [{"keyId": "key_1", "status": "Active"}]}
    assert kinds(health=[health]) == {}


def test_an_instance_that_does_not_work_is_found() -> None:
    """With its last error."""
    assert kinds(health=[{**HEALTH, "status": "Unhealthy"}]) == {"provider-unhealthy": ERROR}


def test_an_alias_that_nobody_can_serve_is_found() -> None:
    """As all candidates rest, say."""
    resting = {"candidates": [], "rejections": [{"reason": "KeyCoolingDown"}]}
    assert kinds(decisions={"gpt": resting}) == {"nobody-serves": ERROR}
    other = {"candidates": [], "rejections": [{"reason": "CapabilityMissing"}]}
    assert kinds(decisions={"embedder": other}) == {}


def test_calls_without_a_price_are_found() -> None:
    """They count nothing in any budget."""
    costs = [{"modelAlias": "gpt", "unpricedRequests": 3}]
    assert kinds(costs=costs) == {"no-price": WARNING}


def test_a_virtual_key_without_limits_is_found() -> None:
    """Neither its own nor its group's."""
    free = {**VIRTUAL, "budgets": [], "groupId": 2}
    assert kinds(virtual_keys=[free]) == {"unlimited-key": NOTE}
    assert kinds(virtual_keys=[free], groups=[{"id": 2, "isPrepaid": True}]) == {}
    assert kinds(virtual_keys=[{**free, "isEnabled": False}]) == {}


def test_workers_of_different_revisions_are_found() -> None:
    """One of them does not take the newest configuration."""
    other = 'conduit_configuration_info{pid="2",revision="6"} 1.0\n'
    assert kinds(metrics=METRICS + other) == {"workers-differ": WARNING}
    gone = other.replace(" 1.0", " 0.0")
    assert kinds(metrics=METRICS + gone) == {}
