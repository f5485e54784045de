"""What makes a right provider instance."""

import math
from typing import Any

import pytest
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from conduit.v1.provider_pb2 import (
    ABORTED_STREAM_POLICY_NOT_CHARGED,
    ABORTED_STREAM_POLICY_UNSPECIFIED,
    AUDIT_LEVEL_BASIC,
    AUDIT_LEVEL_FULL,
    HealthCheckPolicy,
    ProviderSecurity,
    ProviderSpec,
)
from conduit_kernel.errors import InvalidRequest, ProviderTypeUnknown
from conduit_providers.catalog import Catalog
from conduit_registry.rules.providers import provider_defaults, provider_fields

NO_NUMBERS = (math.nan, math.inf, -math.inf)


def secured(**fields: object) -> ProviderSpec:
    """Return a spec that says these things of security."""
    given: dict[str, Any] = fields
    return ProviderSpec(security=ProviderSecurity(**given))


def test_only_what_a_spec_gives_is_read(catalog: Catalog) -> None:
    """In the catalog's spelling of the type."""
    assert provider_fields(ProviderSpec(), catalog) == {}
    spec = ProviderSpec(
        name=" Main ",
        provider_type="azureopenai",
        is_enabled=False,
        description=" two\nlines ",
        weight=0,
        priority=3,
        enable_model_discovery=True,
        discovery_interval_hours=8760,
    )
    assert provider_fields(spec, catalog) == {
        "name": "Main",
        "provider_type": "AzureOpenAI",
        "is_enabled": False,
        "description": "two\nlines",
        "weight": 0,
        "priority": 3,
        "enable_model_discovery": True,
        "discovery_interval_hours": 8760,
    }


def test_rules_of_security_are_given_all_at_once(catalog: Catalog) -> None:
    """What is not said of them is as on creation."""
    security = ProviderSecurity(allowed_ips=["10.0.0.0/8", "2001:db8::/32", "10.0.0.0/8"])
    assert provider_fields(ProviderSpec(security=security), catalog) == {
        "allowed_ips": ("10.0.0.0/8", "2001:db8::/32"),
        "require_mtls": False,
        "key_rotation_days": 0,
        "audit_level": AUDIT_LEVEL_BASIC,
    }
    full = ProviderSecurity(audit_level=AUDIT_LEVEL_FULL)
    assert provider_fields(ProviderSpec(security=full), catalog)["audit_level"] == AUDIT_LEVEL_FULL


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (ProviderSpec(name="\n"), "name"),
        (ProviderSpec(description="x" * 2001), "description"),
        (ProviderSpec(weight=-1), "weight"),
        (ProviderSpec(priority=1_000_001), "priority"),
        (ProviderSpec(discovery_interval_hours=0), "discoveryIntervalHours"),
        (ProviderSpec(discovery_interval_hours=8761), "discoveryIntervalHours"),
        (ProviderSpec(security=ProviderSecurity(key_rotation_days=-1)), "security.keyRotationDays"),
        (ProviderSpec(security=ProviderSecurity(allowed_ips=["ten"])), "security.allowedIPs"),
        (
            ProviderSpec(security=ProviderSecurity(allowed_ips=["10.0.0.1/8"])),
            "security.allowedIPs",
        ),
        (ProviderSpec(security=ProviderSecurity(audit_level=9)), "security.auditLevel"),  # type: ignore[arg-type] # of a newer client
    ],
)
def test_what_is_wrong_is_named_in_the_apis_spelling(
    catalog: Catalog, spec: ProviderSpec, field: str
) -> None:
    """So that whoever gave it finds it."""
    with pytest.raises(InvalidRequest) as caught:
        provider_fields(spec, catalog)
    assert caught.value.metadata["field"] == field


def test_a_strange_type_is_told_as_such(catalog: Catalog) -> None:
    """The catalog's own error says which there are."""
    with pytest.raises(ProviderTypeUnknown):
        provider_fields(ProviderSpec(provider_type="Nobody"), catalog)


def test_settings_are_plain_values(catalog: Catalog) -> None:
    """Their names and kinds are the catalog's to check; texts have one line."""
    settings = Struct()
    settings.update({"resource": "mine", "retries": 2, "isFast": True})
    spec = ProviderSpec(settings=settings)
    assert provider_fields(spec, catalog) == {
        "settings": {"resource": "mine", "retries": 2, "isFast": True}
    }
    settings.update({"resource": "a\r\nb"})
    with pytest.raises(InvalidRequest, match=r"^settings\.resource must not have control"):
        provider_fields(ProviderSpec(settings=settings), catalog)


@pytest.mark.parametrize("number", NO_NUMBERS)
@pytest.mark.parametrize("is_nested", [False, True])
def test_settings_have_no_number_that_json_has_not(
    catalog: Catalog, number: float, *, is_nested: bool
) -> None:
    """GRPC carries them, also deep inside; no database and no document does."""
    value = Value(number_value=number)
    if is_nested:
        value = Value(list_value=ListValue(values=[value]))
    spec = ProviderSpec(settings=Struct(fields={"retries": value}))
    with pytest.raises(InvalidRequest) as caught:
        provider_fields(spec, catalog)
    assert caught.value.metadata["field"] == "settings"


def test_what_is_taken_back_goes_to_the_default() -> None:
    """Security goes back as one; a name and a type cannot be taken back."""
    known = provider_defaults()
    assert known["weight"] == {"weight": 1}
    assert known["security"] == {
        "allowed_ips": (),
        "require_mtls": False,
        "key_rotation_days": 0,
        "audit_level": AUDIT_LEVEL_BASIC,
    }
    assert not {"name", "provider_type"} & known.keys()


def test_a_policy_of_checks_says_what_it_says_and_no_more(catalog: Catalog) -> None:
    """The rest is as for all others, also when their settings change."""
    policy = HealthCheckPolicy(check_interval_minutes=1, retry_attempts=0)
    assert provider_fields(ProviderSpec(health_check=policy), catalog) == {
        "health_check": {"check_interval_minutes": 1, "retry_attempts": 0}
    }
    assert provider_fields(ProviderSpec(health_check=HealthCheckPolicy()), catalog) == {
        "health_check": {}
    }


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (HealthCheckPolicy(check_interval_minutes=0), "healthCheck.checkIntervalMinutes"),
        (HealthCheckPolicy(timeout_seconds=301), "healthCheck.timeoutSeconds"),
        (HealthCheckPolicy(retry_attempts=-1), "healthCheck.retryAttempts"),
        (HealthCheckPolicy(failure_threshold=0), "healthCheck.failureThreshold"),
    ],
)
def test_a_policy_of_checks_has_bounds(
    catalog: Catalog, policy: HealthCheckPolicy, field: str
) -> None:
    """None of which stops checks altogether."""
    with pytest.raises(InvalidRequest) as refused:
        provider_fields(ProviderSpec(health_check=policy), catalog)
    assert refused.value.metadata["field"] == field


@pytest.mark.parametrize(
    "policy", [ABORTED_STREAM_POLICY_UNSPECIFIED, ABORTED_STREAM_POLICY_NOT_CHARGED]
)
def test_the_policy_of_aborted_streams_is_one_that_is_known(catalog: Catalog, policy: Any) -> None:  # noqa: ANN401 # a number of the contract's
    """Unspecified takes it back: the type's holds."""
    spec = ProviderSpec(aborted_streams=policy)
    assert provider_fields(spec, catalog) == {"aborted_streams": policy}
    assert provider_defaults()["aborted_streams"] == {
        "aborted_streams": ABORTED_STREAM_POLICY_UNSPECIFIED
    }


@pytest.mark.parametrize("policy", [-1, 4, 2**31 - 1])
def test_no_other_policy_of_aborted_streams_is_taken(catalog: Catalog, policy: Any) -> None:  # noqa: ANN401 # as above
    """The refusal names those that are known."""
    with pytest.raises(InvalidRequest, match="READ_TO_END") as refused:
        provider_fields(ProviderSpec(aborted_streams=policy), catalog)
    assert refused.value.metadata["field"] == "abortedStreams"
