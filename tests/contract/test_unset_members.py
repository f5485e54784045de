"""What a resource shows has all of its members, `null` where there is nothing to say."""

from google.protobuf.descriptor import Descriptor
from google.protobuf.message_factory import GetMessageClass
from tests.contract.converters import contract_files, converter, json_options

# What has no etag, and is shown by the admin API all the same.
SHOWN = {
    "Charge",
    "ChargeLine",
    "ConnectivityReport",
    "DiscoveredModel",
    "FallbackProvider",
    "HealthRecord",
    "KeyConnectivity",
    "KeyHealth",
    "KeyRateLimits",
    "ProviderCost",
    "ProviderHealth",
    "ProviderMetrics",
    "RateLimit",
    "WebhookDelivery",
}
# Set by whoever makes the message, whatever it holds.
GIVEN = {
    "created_at",
    "discovered_at",
    "health_details",
    "occurred_at",
    "recorded_at",
    "security",
    "settings",
    "updated_at",
}
# Shown once, when they are made.
SECRETS = {"key", "secret", "token"}


def shown() -> list[Descriptor]:
    """Return the messages that are resources, or parts of reports."""
    return [
        message
        for file in contract_files()
        for message in file.message_types_by_name.values()
        if message.name in SHOWN
        or ("etag" in message.fields_by_name and not message.name.endswith("Request"))
    ]


def names(message: Descriptor) -> list[str]:
    """Return the members that a message has in JSON, whatever is set of it."""
    return [
        json_options(field).name or field.json_name
        for field in message.fields
        if field.name not in GIVEN | SECRETS
    ]


def test_members_of_resources_are_always_there() -> None:
    """A client finds `null` rather than nothing, in each resource and report."""
    messages = shown()
    assert {message.name for message in messages} >= SHOWN
    missing = []
    for message in messages:
        written = converter(message).write(GetMessageClass(message)())
        assert isinstance(written, dict)
        missing += [f"{message.name}.{name}" for name in names(message) if name not in written]
    assert missing == []
