"""Keys of instances over gRPC."""

from typing import Any

import pytest
import yaml
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.registry import NOW, Api, Bench

from conduit.internal.v1.snapshot_service_pb2 import KeyUse, ReportKeyUseRequest
from conduit.v1 import key_credential_requests_pb2 as pb
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_ROTATED
from conduit.v1.key_credential_pb2 import KeyCredential, KeyCredentialSpec
from conduit.v1.provider_pb2 import ProviderSecurity
from conduit.v1.registry_requests_pb2 import ImportConfigRequest, ListAuditEntriesRequest

DAY = 86_400


def spec(**fields: object) -> KeyCredentialSpec:
    """Say what a key shall be."""
    given: dict[str, Any] = fields
    return KeyCredentialSpec(**given)


async def add(api: Api, api_key: str = "sk-0123456789abcd", **fields: object) -> KeyCredential:
    """Add a key to the first instance."""
    request = pb.CreateKeyCredentialRequest(provider_id=1, key=spec(api_key=api_key, **fields))
    key: KeyCredential = (await api(request)).key
    return key


async def test_a_key_is_shown_by_its_last_four_characters(api: Api) -> None:
    """The id reads `key_1`, and `1` finds it, too."""
    await api.provider()
    key = await add(api, provider_account_group="production-account", name="Primary key")
    assert (key.id, key.masked_api_key, key.is_enabled) == ("key_1", "…abcd", True)
    for key_id in ("key_1", "1"):
        request = pb.GetKeyCredentialRequest(provider_id=1, key_id=key_id)
        assert (await api(request)).key == key


async def test_a_key_belongs_to_its_instance(api: Api) -> None:
    """Under another instance's path it is not found; neither is what is no key id."""
    await api.provider("First")
    await api.provider("Second")
    key = await add(api)
    for provider_id, key_id in ((2, key.id), (1, "key_9"), (1, "nonsense"), (1, "")):
        for request in (
            pb.GetKeyCredentialRequest(provider_id=provider_id, key_id=key_id),
            pb.UpdateKeyCredentialRequest(provider_id=provider_id, key_id=key_id),
            pb.DeleteKeyCredentialRequest(provider_id=provider_id, key_id=key_id),
        ):
            error = await api.refused(request)
            assert error.message == f"Key with ID {key_id} not found"
            assert error.reason == "KEY_NOT_FOUND"
    error = await api.refused(pb.ListKeyCredentialsRequest(provider_id=9))
    assert error.reason == "PROVIDER_NOT_FOUND"


async def test_an_update_changes_the_given_fields_alone(api: Api) -> None:
    """The value stays, unless it is given."""
    await api.provider(base_url="http://127.0.0.1:1")
    key = await add(api, name="A", organization="org-1")
    request = pb.UpdateKeyCredentialRequest(
        provider_id=1, key_id=key.id, key=spec(is_enabled=False, base_url="http://127.0.0.1:1/v1")
    )
    changed = (await api(request)).key
    assert (changed.is_enabled, changed.base_url) == (False, "http://127.0.0.1:1/v1")
    assert (changed.name, changed.organization) == ("A", "org-1")
    assert changed.masked_api_key == key.masked_api_key
    assert not changed.HasField("rotated_at")
    request.key.Clear()
    request.key.api_key = "sk-another-value-9999"
    assert (await api(request)).key.masked_api_key == "…9999"


async def test_a_rotation_replaces_the_value_and_keeps_the_rest(bench: Bench) -> None:
    """It is remembered when; rotating to the same value again changes nothing."""
    async with bench.registry() as api:
        await api.provider(security=ProviderSecurity(key_rotation_days=90))
        key = await add(api, name="A")
        bench.clock.now = NOW + 90 * DAY
        get = pb.GetKeyCredentialRequest(provider_id=1, key_id=key.id)
        assert (await api(get)).key.is_rotation_due
        request = pb.RotateKeyCredentialRequest(
            provider_id=1,
            key_id=key.id,
            key=spec(api_key="sk-rotated-5678", name="ignored"),
            skip_test=True,
        )
        rotated = (await api(request)).key
        assert (rotated.masked_api_key, rotated.name) == ("…5678", "A")
        assert rotated.rotated_at.seconds == NOW + 90 * DAY
        assert not rotated.is_rotation_due
        assert (await api(request)).key == rotated
        [entry, *_] = (await api(ListAuditEntriesRequest(resource_id="key_1"))).entries
        assert entry.action == AUDIT_ACTION_ROTATED
        assert dict(entry.changes["maskedApiKey"]) == {"from": "…abcd", "to": "…5678"}


async def test_the_latest_use_of_a_key_wins(api: Api) -> None:
    """Uses come in any order, of keys that may be gone; they make no revision."""
    await api.provider()
    key = await add(api)

    def use(key_id: str, ago: int) -> KeyUse:
        return KeyUse(key_id=key_id, used_at=Timestamp(seconds=int(NOW) - ago))

    for ago in (20, 10, 30, -99):
        await api(ReportKeyUseRequest(uses=[use(key.id, ago), use("key_99", ago)]))
        get = pb.GetKeyCredentialRequest(provider_id=1, key_id=key.id)
        used_at = (await api(get)).key.last_used.seconds
        assert used_at == int(NOW) - {20: 20, 10: 10, 30: 10, -99: 0}[ago]
    assert len((await api(ListAuditEntriesRequest())).entries) == 2
    error = await api.refused(ReportKeyUseRequest(uses=[KeyUse(key_id="nonsense")]))
    assert error.reason == "KEY_NOT_FOUND"


async def test_a_deleted_key_is_gone(api: Api) -> None:
    """And its id is not used again."""
    await api.provider()
    key = await add(api)
    await api(pb.DeleteKeyCredentialRequest(provider_id=1, key_id=key.id))
    assert not (await api(pb.ListKeyCredentialsRequest(provider_id=1))).keys
    assert (await add(api)).id == "key_2"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_file_outside_the_folders_for_secrets_is_refused_however_it_comes(api: Api) -> None:
    """On creation, with a change, by rotation and in a document; the error says what to set."""
    await api.provider("First")
    await add(api, "file:/run/secrets/openai")
    outside = spec(api_key="file:/etc/shadow")
    keys = [{"apiKey": "file:/etc/shadow"}]
    document = {"providers": [{"name": "First", "providerType": "OpenAI", "keys": keys}]}
    for request in (
        pb.CreateKeyCredentialRequest(provider_id=1, key=outside),
        pb.UpdateKeyCredentialRequest(provider_id=1, key_id="key_1", key=outside),
        pb.RotateKeyCredentialRequest(provider_id=1, key_id="key_1", key=outside, skip_test=True),
        ImportConfigRequest(yaml=yaml.safe_dump(document)),
    ):
        error = await api.refused(request)
        assert error.reason == "INVALID_REQUEST"
        assert "CONDUIT_SECRET_DIRS" in error.message
    [key] = (await api(pb.ListKeyCredentialsRequest(provider_id=1))).keys
    assert key.masked_api_key == "file:/run/secrets/openai"
