"""A rotation tests the new value, and keeps the former one for a time."""

import pytest
from tests.support.registry import NOW, Api, Bench, Upstream

from conduit.v1 import key_credential_requests_pb2 as pb
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_CREATED, AUDIT_ACTION_DELETED
from conduit.v1.key_credential_pb2 import KeyCredential, KeyCredentialSpec
from conduit.v1.provider_pb2 import ProviderSecurity
from conduit.v1.registry_requests_pb2 import (
    ExportConfigRequest,
    ImportConfigRequest,
    ListAuditEntriesRequest,
)
from conduit_kernel.secrets import Vault

OLD, NEW = "sk-former-0000001111", "sk-present-0000002222"
DAY = 86_400


async def keys_of(api: Api) -> list[KeyCredential]:
    """Return the keys of the instance, in order of id."""
    return list((await api(pb.ListKeyCredentialsRequest(provider_id=1))).keys)


async def begin(api: Api, upstream: Upstream, days: int = 0) -> None:
    """Make an instance of the upstream with a key that it takes."""
    upstream.lists(OLD, "gpt-4o")
    rules = ProviderSecurity(key_rotation_days=days)
    await api.provider(base_url=upstream.url, security=rules)
    key = KeyCredentialSpec(api_key=OLD, name="Main", provider_account_group="production")
    await api(pb.CreateKeyCredentialRequest(provider_id=1, key=key))


def rotation(value: str = NEW, **fields: object) -> pb.RotateKeyCredentialRequest:
    """Return what rotates the key."""
    return pb.RotateKeyCredentialRequest(
        provider_id=1,
        key_id="key_1",
        key=KeyCredentialSpec(api_key=value),
        **fields,  # type: ignore[arg-type] # whichever a test names
    )


async def test_a_value_that_the_provider_does_not_take_replaces_nothing(
    api: Api, upstream: Upstream
) -> None:
    """The error says why, without the value, which this provider repeats."""
    await begin(api, upstream)
    error = await api.refused(rotation())
    assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", "apiKey")
    assert error.message.startswith("The old value stays, as the new one did not pass its test")
    assert NEW not in error.message
    assert upstream.tokens == [NEW]
    [key] = await keys_of(api)
    assert (key.masked_api_key, key.HasField("rotated_at")) == ("…1111", False)
    upstream.answers[NEW] = (503, "{}")
    assert (await api.refused(rotation())).reason == "INVALID_REQUEST"
    assert (await api(rotation(skip_test=True))).key.masked_api_key == "…2222"


async def test_the_former_value_is_a_key_for_the_grace_time(
    bench: Bench, upstream: Upstream
) -> None:
    """With all that the key has; then it goes by itself, and the audit log says so."""
    async with bench.registry() as api:
        await begin(api, upstream, 90)
        upstream.lists(NEW, "gpt-4o")
        bench.clock.now = NOW + 90 * DAY
        rotated = (await api(rotation(grace_seconds=3600))).key
        assert rotated.rotation_due_at.seconds == NOW + 180 * DAY
        present, former = await keys_of(api)
        assert (present.id, present.masked_api_key) == ("key_1", "…2222")
        assert not present.HasField("retires_at")
        assert (former.masked_api_key, former.name, former.provider_account_group) == (
            "…1111",
            "Main",
            "production",
        )
        assert former.retires_at.seconds == NOW + 90 * DAY + 3600
        # Nobody is to replace it.
        assert not former.is_rotation_due
        assert not former.HasField("rotation_due_at")
        sealed = {each.credential.id: each.secret for each in (await api.snapshot()).keys}
        vault = Vault(bench.settings.encryption_key)
        destination = upstream.url.removesuffix("/v1")
        assert vault.open(sealed[present.id], present.id, destination) == NEW
        assert vault.open(sealed[former.id], former.id, destination) == OLD
        assert (await api.refused(_of(former.id))).metadata["field"] == "keyId"
        bench.clock.now += 3599
        await api.process.retire_keys()
        assert len(await keys_of(api)) == 2
        bench.clock.now += 1
        await api.process.retire_keys()
        assert [key.id for key in await keys_of(api)] == [present.id]
        log = (await api(ListAuditEntriesRequest(resource_id=former.id))).entries
        assert [(each.action, each.actor) for each in log] == [
            (AUDIT_ACTION_DELETED, "registry-rotation"),
            (AUDIT_ACTION_CREATED, "master-key"),
        ]


def _of(key_id: str) -> pb.RotateKeyCredentialRequest:
    request = rotation(skip_test=True)
    request.key_id = key_id
    return request


async def test_without_grace_the_former_value_is_gone_at_once(api: Api, upstream: Upstream) -> None:
    """As is right for one that leaked; a disabled key's is never kept, nor the same one again."""
    await begin(api, upstream)
    await api(rotation(skip_test=True, grace_seconds=0))
    assert [key.masked_api_key for key in await keys_of(api)] == ["…2222"]
    await api(rotation(skip_test=True))
    assert len(await keys_of(api)) == 1
    off = KeyCredentialSpec(is_enabled=False)
    await api(pb.UpdateKeyCredentialRequest(provider_id=1, key_id="key_1", key=off))
    await api(rotation(OLD, skip_test=True))
    assert [key.masked_api_key for key in await keys_of(api)] == ["…1111"]


@pytest.mark.parametrize("seconds", [-1, 2_592_001])
async def test_the_grace_time_is_bounded(api: Api, upstream: Upstream, seconds: int) -> None:
    """By thirty days."""
    await begin(api, upstream)
    error = await api.refused(rotation(skip_test=True, grace_seconds=seconds))
    assert error.metadata["field"] == "graceSeconds"


async def test_a_former_value_is_in_no_document(api: Api, upstream: Upstream) -> None:
    """And an import, which does not name it, leaves it until its time."""
    await begin(api, upstream)
    await api(rotation(skip_test=True))
    text = (await api(ExportConfigRequest())).yaml
    assert text.count("key_") == 1
    assert "retiresAt" not in text
    assert not (await api(ImportConfigRequest(yaml=text))).changes
    assert len(await keys_of(api)) == 2
