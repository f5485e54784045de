"""RPCs about the keys of instances."""

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from tests.support.registry import NOW, Api, Bench

from conduit.v1 import key_credential_requests_pb2 as pb
from conduit.v1.key_credential_pb2 import KeyCredential, KeyCredentialSpec
from conduit.v1.provider_pb2 import ProviderSecurity

DAY = 86_400
OUTSIDE = KeyCredentialSpec(api_key="sk-1", base_url="http://127.0.0.1/v1")


async def add(api: Api, api_key: str = "sk-0123456789abcd", **fields: object) -> KeyCredential:
    """Add a key to the first instance."""
    given: dict[str, Any] = fields
    spec = KeyCredentialSpec(api_key=api_key, **given)
    key: KeyCredential = (await api(pb.CreateKeyCredentialRequest(provider_id=1, key=spec))).key
    return key


async def test_a_key_is_found_with_and_without_its_prefix(api: Api) -> None:
    """What creating showed is what reading shows: never the value."""
    await api.provider()
    made = await add(api, name="Primary")
    assert (made.id, made.masked_api_key) == ("key_1", "…abcd")
    assert "0123456789" not in str(made)
    for key_id in ("key_1", "1"):
        got = await api(pb.GetKeyCredentialRequest(provider_id=1, key_id=key_id))
        assert got.key == made


async def test_each_instance_has_pages_of_its_own_keys(api: Api) -> None:
    """A token of one is none of another."""
    await api.provider()
    await api.provider("Other")
    for _ in range(3):
        await add(api)
    page = await api(pb.ListKeyCredentialsRequest(provider_id=1, page_size=2))
    assert [key.id for key in page.keys] == ["key_1", "key_2"]
    request = pb.ListKeyCredentialsRequest(provider_id=1, page_token=page.next_page_token)
    assert [key.id for key in (await api(request)).keys] == ["key_3"]
    request.provider_id = 2
    assert (await api.refused(request)).metadata["field"] == "pageToken"
    assert not (await api(pb.ListKeyCredentialsRequest(provider_id=2))).keys


async def test_fields_are_taken_back_by_the_mask_but_the_value_cannot_be(api: Api) -> None:
    """What the mask does not name stays, also if it is given."""
    await api.provider()
    await add(api, organization="org-1", name="A", is_enabled=False)
    request = pb.UpdateKeyCredentialRequest(
        provider_id=1,
        key_id="key_1",
        key=KeyCredentialSpec(name="ignored"),
        update_mask=FieldMask(paths=["organization", "is_enabled"]),
    )
    key = (await api(request)).key
    assert (key.organization, key.name, key.is_enabled) == ("", "A", True)
    request.update_mask.paths[:] = ["api_key"]
    assert (await api.refused(request)).metadata["field"] == "apiKey"


async def test_a_stale_change_is_refused(api: Api) -> None:
    """By the etag that the key no longer has."""
    await api.provider()
    made = await add(api)
    request = pb.UpdateKeyCredentialRequest(
        provider_id=1, key_id="key_1", key=KeyCredentialSpec(name="A"), etag=made.etag
    )
    assert (await api(request)).key.name == "A"
    assert (await api.refused(request)).reason == "ETAG_MISMATCH"


async def test_a_rotation_needs_a_value_and_takes_nothing_else(bench: Bench) -> None:
    """Whether one is due goes by the instance's days."""
    async with bench.registry() as api:
        await api.provider(security=ProviderSecurity(key_rotation_days=90))
        await add(api, name="A")
        bench.clock.now = NOW + 90 * DAY
        [shown] = (await api(pb.ListKeyCredentialsRequest(provider_id=1))).keys
        assert shown.is_rotation_due
        request = pb.RotateKeyCredentialRequest(provider_id=1, key_id="1", skip_test=True)
        assert (await api.refused(request)).message == "apiKey is missing"
        request.key.CopyFrom(KeyCredentialSpec(api_key="sk-new-5678", name="ignored"))
        rotated = (await api(request)).key
    assert (rotated.masked_api_key, rotated.name) == ("…5678", "A")
    assert not rotated.is_rotation_due
    assert rotated.rotated_at.seconds == NOW + 90 * DAY


@pytest.mark.parametrize("key_id", ["key_9", "nonsense", "", "-1", "9" * 30])
async def test_what_is_no_key_of_an_instance_is_not_found(api: Api, key_id: str) -> None:
    """Whatever is asked of it; a page of an instance that is not there is the instance's error."""
    await api.provider()
    value = KeyCredentialSpec(api_key="sk-1")
    for request in (
        pb.GetKeyCredentialRequest(provider_id=1, key_id=key_id),
        pb.UpdateKeyCredentialRequest(provider_id=1, key_id=key_id),
        pb.RotateKeyCredentialRequest(provider_id=1, key_id=key_id, key=value),
        pb.DeleteKeyCredentialRequest(provider_id=1, key_id=key_id),
    ):
        error = await api.refused(request)
        assert (error.reason, error.message) == (
            "KEY_NOT_FOUND",
            f"Key with ID {key_id} not found",
        )
    error = await api.refused(pb.ListKeyCredentialsRequest(provider_id=9))
    assert error.reason == "PROVIDER_NOT_FOUND"


async def test_an_address_of_a_key_must_be_public_too(bench: Bench) -> None:
    """On creation and later."""
    async with bench.registry(allow_private_addresses=False) as api:
        await api.provider()
        await add(api)
        for request in (
            pb.CreateKeyCredentialRequest(provider_id=1, key=OUTSIDE),
            pb.UpdateKeyCredentialRequest(provider_id=1, key_id="1", key=OUTSIDE),
        ):
            assert (await api.refused(request)).reason == "ADDRESS_NOT_ALLOWED"


async def test_a_deleted_key_is_gone(api: Api) -> None:
    """And its id is not used again."""
    await api.provider()
    await add(api)
    await api(pb.DeleteKeyCredentialRequest(provider_id=1, key_id="1"))
    assert not (await api(pb.ListKeyCredentialsRequest(provider_id=1))).keys
    assert (await add(api)).id == "key_2"
