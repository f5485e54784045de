"""Single values of JSON: money, times, durations, numbers, enums, bytes, free objects."""

from typing import Any

import orjson
import pytest

from conduit.v1 import audit_entry_pb2, provider_health_pb2, provider_pb2, usage_report_pb2
from conduit.v1.audio_requests_json import speak_response_from_json, speak_response_to_json
from conduit.v1.audit_entry_json import audit_entry_to_json
from conduit.v1.fallback_chain_json import fallback_provider_from_json, fallback_provider_to_json
from conduit.v1.json_runtime import JsonError, dollars_text
from conduit.v1.key_credential_json import (
    key_credential_spec_from_json,
    key_credential_spec_to_json,
)
from conduit.v1.model_cost_json import model_cost_spec_from_json, model_cost_spec_to_json
from conduit.v1.provider_health_json import (
    provider_health_from_json,
    provider_health_to_json,
    rate_limit_from_json,
    rate_limit_to_json,
)
from conduit.v1.provider_json import (
    provider_from_json,
    provider_security_to_json,
    provider_to_json,
)
from conduit.v1.usage_report_json import provider_cost_to_json
from conduit.v1.virtual_key_json import virtual_key_spec_from_json


def text_of(value: object) -> str:
    """Return the JSON text of a tree."""
    return orjson.dumps(value).decode()


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0.03", 30_000_000),
        ("0", 0),
        ("5", 5_000_000_000),
        ("-1.5", -1_500_000_000),
        ("0.000000001", 1),
        ("1e-9", 1),
        ("2.5e-7", 250),
        ("245.67", 245_670_000_000),
        ('"0.1"', 100_000_000),
        ("0.1", 100_000_000),
        ("1e9", 10**18),
        ("999999.999999999", 999_999_999_999_999),
        ('"9223372036.854775807"', 2**63 - 1),
        ('"-9223372036.854775808"', -(2**63)),
    ],
)
def test_money_is_read_exactly(text: str, nano: int) -> None:
    """A decimal number of dollars becomes nano-dollars without an error of the last place."""
    spec = model_cost_spec_from_json({"inputCostPer1kTokens": orjson.loads(text)})
    assert spec.input_cost_per_1k_tokens_nano_usd == nano


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1e-10, "must have at most 9 decimal places"),
        (0.1 + 0.2, "must have at most 9 decimal places"),
        (1234567.123456789, "has more than 15 digits; write it as a string"),
        (1e10, "must be from"),
        ("9223372036.854775808", "must be from"),
        ("1e3", "must be an amount"),
        ("", "must be an amount"),
        ("1,5", "must be an amount"),
        ("٣", "must be an amount"),
        (True, "must be an amount in dollars, not a boolean"),
        ([], "must be an amount in dollars, not a list"),
        (1e300, "must be from"),
    ],
)
def test_money_that_cannot_be_exact_is_refused(value: object, message: str) -> None:
    """No amount is rounded in silence."""
    with pytest.raises(JsonError) as caught:
        virtual_key_spec_from_json({"budget": value})
    assert caught.value.path == "budget"
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (30_000_000, "0.03"),
        (0, "0"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (5_000_000_000, "5"),
        (100_000_000_000, "100"),
        (145_670_000_000, "145.67"),
        (2**63 - 1, "9223372036.854775807"),
        (-(2**63), "-9223372036.854775808"),
    ],
)
def test_money_is_written_exactly(nano: int, text: str) -> None:
    """All of the digits and none too many, and never an exponent."""
    assert dollars_text(nano) == text
    cost = usage_report_pb2.ProviderCost(provider_id=1, provider_name="p", cost_nano_usd=nano)
    written = text_of(provider_cost_to_json(cost))
    assert written == f'{{"providerId":1,"providerName":"p","cost":{text}}}'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2025-08-01T12:00:00Z", "2025-08-01T12:00:00Z"),
        ("2025-08-01t12:00:00z", "2025-08-01T12:00:00Z"),
        ("2025-08-01T12:00:00.5+02:00", "2025-08-01T10:00:00.500Z"),
        ("2025-08-01T12:00:00.000001-09:30", "2025-08-01T21:30:00.000001Z"),
        ("1969-12-31T23:59:59.123456789Z", "1969-12-31T23:59:59.123456789Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
        ("2025-08-01", "2025-08-01T00:00:00Z"),
    ],
)
def test_times_are_rfc_3339(text: str, written: str) -> None:
    """Offsets and fractions are read; UTC with as many digits as it takes is written."""
    limit = rate_limit_from_json({"resetsAt": text})
    assert rate_limit_to_json(limit)["resetsAt"] == written


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2025-13-01T00:00:00Z",
        "2025-02-30T00:00:00Z",
        "2025-08-01T24:00:00Z",
        "2025-08-01T12:00:00",
        "2025-08-01T12:00:00.1234567890Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "\uff12025-08-01T12:00:00Z",
        1754042400,
        {},
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    """A time that does not exist, or has no offset, is the caller's mistake."""
    with pytest.raises(JsonError) as caught:
        rate_limit_from_json({"resetsAt": value})
    assert caught.value.path == "resetsAt"


def test_a_time_that_no_calendar_has_is_not_written() -> None:
    """A peer's broken timestamp is an error, not a crash or a lie."""
    limit = provider_health_pb2.RateLimit()
    limit.resets_at.seconds = 10**15
    with pytest.raises(JsonError, match="years 1 to 9999"):
        rate_limit_to_json(limit)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("30s", "30s"),
        ("1.5s", "1.500s"),
        ("-0.25s", "-0.250s"),
        ("0s", "0s"),
        ("0.000000001s", "0.000000001s"),
        ("315576000000s", "315576000000s"),
    ],
)
def test_durations_are_seconds(text: str, written: str) -> None:
    """A number of seconds and an s."""
    step = fallback_provider_from_json({"timeout": text})
    assert fallback_provider_to_json(step)["timeout"] == written


@pytest.mark.parametrize("value", ["30", "1m", "s", "1.s", "1e3s", "315576000001s", 30])
def test_what_is_no_duration_is_refused(value: object) -> None:
    """Other units and bare numbers are the caller's mistake."""
    with pytest.raises(JsonError, match=r"^timeout "):
        fallback_provider_from_json({"timeout": value})


@pytest.mark.parametrize("value", [4000, 4000.0, "4000"])
def test_whole_numbers_come_in_three_spellings(value: object) -> None:
    """A number, a number with a zero fraction, and protobuf's own decimal string."""
    assert rate_limit_from_json({"remaining": value}).remaining == 4000


def test_whole_numbers_are_written_as_numbers() -> None:
    """Also those of 64 bits, which protobuf's own JSON writes as strings."""
    limit = provider_health_pb2.RateLimit(remaining=2**63 - 1)
    assert (
        text_of(rate_limit_to_json(limit))
        == f'{{"limit":null,"remaining":{2**63 - 1},"resetsAt":null}}'
    )


@pytest.mark.parametrize("value", ["4_000", "٤", " 4", "", "1e3", 1.5, 2**63, "9" * 5000])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    """Spellings that only Python knows, fractions and numbers that do not fit."""
    with pytest.raises(JsonError, match=r"^remaining must be "):
        rate_limit_from_json({"remaining": value})


@pytest.mark.parametrize("spelling", ["Healthy", "healthy", "HEALTHY"])
def test_admin_enums_are_read_in_any_case(spelling: str) -> None:
    """Operators need not remember capitals."""
    health = provider_health_from_json({"status": spelling})
    assert health.status == provider_health_pb2.HEALTH_STATUS_HEALTHY


def test_enums_have_their_own_spellings() -> None:
    """PascalCase of the name, or what the contract says."""
    health = provider_health_pb2.ProviderHealth(
        status=provider_health_pb2.HEALTH_STATUS_HEALTHY,
        circuit=provider_health_pb2.CIRCUIT_STATE_HALF_OPEN,
        health_details=provider_health_pb2.HealthDetails(
            authentication=provider_health_pb2.HEALTH_FINDING_OK
        ),
    )
    written: Any = provider_health_to_json(health)
    assert (written["status"], written["circuit"]) == ("Healthy", "HalfOpen")
    assert written["healthDetails"]["authentication"] == "OK"
    assert written["healthDetails"]["rateLimit"] == "Unknown"


def test_a_newer_peers_enum_value_is_written_as_the_zero_value() -> None:
    """Clients get a spelling they know, not a number."""
    health = provider_health_pb2.ProviderHealth()
    health.status = provider_health_pb2.HealthStatus.ValueType(99)
    assert provider_health_to_json(health)["status"] == "Unknown"
    entry = audit_entry_pb2.AuditEntry(action=audit_entry_pb2.AuditAction.ValueType(99))
    assert audit_entry_to_json(entry)["action"] == "Unspecified"


def test_secrets_are_read_and_never_written() -> None:
    """A key's value goes in by JSON and does not come out."""
    spec = key_credential_spec_from_json({"apiKey": "sk-canary", "name": "n"})
    assert spec.api_key == "sk-canary"
    assert key_credential_spec_to_json(spec) == {"name": "n"}


@pytest.mark.parametrize("text", ["-_8=", "+/8=", "-_8", "+/8"])
def test_base64_is_read_in_both_alphabets(text: str) -> None:
    """The one for URLs too, and without padding."""
    sound = speak_response_from_json({"audio": text})
    assert sound.audio == b"\xfb\xff"
    assert speak_response_to_json(sound)["audio"] == "+/8="


@pytest.mark.parametrize("value", ["a", "ä===", "a b=", 5])
def test_what_is_no_base64_is_refused(value: object) -> None:
    """Characters and lengths that no encoder makes."""
    with pytest.raises(JsonError, match=r"^audio must be "):
        speak_response_from_json({"audio": value})


def test_settings_are_plain_json() -> None:
    """A free object keeps all JSON types; whole numbers stay whole."""
    settings = {"region": "eu", "n": 3, "f": 0.5, "on": True, "none": None, "l": [1, {"a": []}]}
    provider = provider_from_json({"settings": settings})
    assert provider_to_json(provider)["settings"] == settings


def test_empty_settings_are_not_unset() -> None:
    """On update, an empty object replaces all settings and a missing one leaves them."""
    assert provider_from_json({"settings": {}}).HasField("settings")
    assert not provider_from_json({"settings": None}).HasField("settings")
    assert provider_from_json({"security": {}}).HasField("security")


def test_numbers_too_large_for_an_integer_are_written_as_they_are() -> None:
    """A double beyond 64 bits does not become an integer that no parser takes."""
    provider = provider_pb2.Provider()
    provider.settings["n"] = 1e300
    assert b'"settings":{"n":1e300}' in orjson.dumps(provider_to_json(provider)).replace(b"+", b"")


def test_admin_answers_have_all_of_their_members() -> None:
    """Zeros, empty texts and empty lists are written; what is unset is left out."""
    written = provider_security_to_json(provider_pb2.ProviderSecurity())
    assert written == {
        "allowedIPs": [],
        "requireMTLS": False,
        "keyRotationDays": 0,
        "auditLevel": "Basic",
    }
    assert "security" not in provider_to_json(provider_pb2.Provider())


def test_prices_are_read_as_the_seed_writes_them() -> None:
    """The very body of the guide's example."""
    body = {
        "providerId": 1,
        "modelPattern": "gpt-4*",
        "inputCostPer1kTokens": 0.03,
        "outputCostPer1kTokens": 0.06,
        "costCalculationType": "TokenBased",
    }
    written = orjson.loads(text_of(model_cost_spec_to_json(model_cost_spec_from_json(body))))
    assert {name: value for name, value in written.items() if value != []} == body
