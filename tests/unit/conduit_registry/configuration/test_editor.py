"""What operators can do to the configuration, and what would break it."""

from dataclasses import replace
from typing import Any, cast

import pytest
from tests.support.registry import NOW, Bench
from tests.unit.conduit_registry.conftest import VIRTUAL_KEY, Edit

from conduit_kernel.errors import AlreadyExists, EtagMismatch, InvalidRequest
from conduit_kernel.not_found_errors import KeyNotFound, ProviderNotFound
from conduit_kernel.secrets import Vault
from conduit_registry import messages
from conduit_registry.configuration.editor import Editor, new_virtual_key
from conduit_registry.patches import MappingPatch, ProviderPatch
from conduit_registry.store import KEY, PROVIDER, Store
from conduit_registry.values import Provider, Step

API_KEY = "sk-0123456789abcd"


async def add_provider(editor: Editor, name: str = "Main", **fields: object) -> Provider:
    """Make an instance."""
    given = {"name": name, "provider_type": "OpenAI", **fields}
    return await editor.create_provider(cast("ProviderPatch", given))


async def revision(store: Store) -> int:
    """Return how often something was changed."""
    async with store.read() as reading:
        return (await reading.state()).revision


def test_values_of_virtual_keys_are_never_the_same() -> None:
    """They begin alike, so that scanners find them where they should not be."""
    made = {new_virtual_key() for _ in range(100)}
    assert len(made) == 100
    assert {(key[:6], len(key)) for key in made} == {("condt_", 49)}


async def test_what_is_required_is_named(edit: Edit) -> None:
    """Nothing is made without it."""
    async with edit() as editor:
        await add_provider(editor)
        for attempt, field in (
            (editor.create_provider({"provider_type": "OpenAI"}), "name"),
            (editor.create_provider({"name": "Other"}), "providerType"),
            (editor.create_key(1, {"name": "A"}), "apiKey"),
            (editor.create_mapping({"provider_id": 1}), "modelAlias"),
            (editor.create_mapping({"model_alias": "fast"}), "providerId"),
            (editor.create_chain({"providers": (Step(1, 0, None),)}), "modelAlias"),
            (editor.create_virtual_key({}), "name"),
        ):
            with pytest.raises(InvalidRequest) as caught:
                await attempt
            assert caught.value.metadata["field"] == field


async def test_names_are_claimed_once_however_they_are_spelt(edit: Edit) -> None:
    """Databases fold less than people do; a thing may change the spelling of its own name."""
    async with edit() as editor:
        first = await add_provider(editor, "Straße")
        second = await add_provider(editor, "Main")
        one, _ = await editor.create_virtual_key({"name": "ci"})
        for attempt in (
            add_provider(editor, "STRASSE"),
            editor.update_provider(second.id, {"name": "strasse"}),
        ):
            with pytest.raises(AlreadyExists, match="named 'Straße' already") as caught:
                await attempt
            assert caught.value.metadata["provider_id"] == str(first.id)
        with pytest.raises(AlreadyExists) as caught:
            await editor.create_virtual_key({"name": "CI"})
        assert caught.value.metadata["virtual_key_id"] == str(one.id)
        assert (await editor.update_provider(first.id, {"name": "STRASSE"})).name == "STRASSE"
        assert (await editor.update_virtual_key(one.id, {"name": "Ci"})).name == "Ci"


async def test_a_provider_keeps_its_type(edit: Edit) -> None:
    """Its keys and settings are the type's."""
    async with edit() as editor:
        await add_provider(editor)
        with pytest.raises(InvalidRequest, match="providerType is OpenAI and cannot change"):
            await editor.update_provider(1, {"provider_type": "Groq"})


async def test_settings_are_those_of_the_type(edit: Edit) -> None:
    """On creation and later; the catalog says which there are."""
    async with edit() as editor:
        await add_provider(editor)
        wrong: Any = {"settings": {"nothing": 1}}
        with pytest.raises(InvalidRequest):
            await add_provider(editor, "Other", **wrong)
        with pytest.raises(InvalidRequest):
            await editor.update_provider(1, wrong)
        # Azure has no address without its resource.
        with pytest.raises(InvalidRequest):
            await editor.create_provider({"name": "Azure", "provider_type": "AzureOpenAI"})


async def test_a_change_that_changes_nothing_leaves_no_trace(
    edit: Edit, store: Store, bench: Bench
) -> None:
    """Neither a revision nor a new time."""
    async with edit() as editor:
        made = await add_provider(editor)
        key = await editor.create_key(made.id, {"api_key": API_KEY})
    before = await revision(store)
    bench.clock.now += 60
    async with edit() as editor:
        assert await editor.update_provider(made.id, {"name": "Main", "weight": 1}) == made
        assert await editor.update_key(made.id, key.id, {"api_key": API_KEY}) == key
        assert await editor.rotate_key(made.id, key.id, API_KEY) == key
    assert await revision(store) == before


async def test_a_change_builds_on_the_state_that_it_names(edit: Edit) -> None:
    """Of every kind of thing; another's etag is none of its own."""
    async with edit() as editor:
        provider = await add_provider(editor)
        key = await editor.create_key(1, {"api_key": API_KEY})
        mapping = await editor.create_mapping({"model_alias": "fast", "provider_id": 1})
        steps = (Step(1, 0, None),)
        chain = await editor.create_chain({"model_alias": "fast", "providers": steps})
        virtual_key, _ = await editor.create_virtual_key({"name": "ci"})
        is_enabled: Any = {"is_enabled": False}
        stale = messages.provider(replace(provider, weight=9)).etag
        for attempt in (
            editor.update_provider(1, is_enabled, stale),
            editor.update_key(1, 1, is_enabled, stale),
            editor.update_mapping(1, is_enabled, stale),
            editor.update_chain(1, is_enabled, stale),
            editor.update_virtual_key(1, is_enabled, stale),
        ):
            with pytest.raises(EtagMismatch):
                await attempt
        await editor.update_provider(1, is_enabled, messages.provider(provider).etag)
        await editor.update_key(1, 1, is_enabled, messages.key(key).etag)
        await editor.update_mapping(1, is_enabled, messages.mapping(mapping).etag)
        await editor.update_chain(1, is_enabled, messages.fallback_chain(chain).etag)
        await editor.update_virtual_key(1, is_enabled, messages.virtual_key(virtual_key).etag)


async def test_a_key_is_sealed_under_its_own_id(edit: Edit, vault: Vault) -> None:
    """What is kept opens for no other key, and shows its last characters."""
    async with edit() as editor:
        await add_provider(editor)
        key = await editor.create_key(1, {"api_key": API_KEY, "name": "A"})
    assert (key.masked_api_key, key.rotated_at) == ("…abcd", None)
    assert vault.open(key.secret, "key_1", "OpenAI") == API_KEY
    assert API_KEY not in repr(key)


async def test_a_rotation_is_a_new_value_at_a_time(edit: Edit, vault: Vault) -> None:
    """Also with other changes at once."""
    async with edit() as editor:
        await add_provider(editor)
        await editor.create_key(1, {"api_key": API_KEY, "name": "A"})
        rotated = await editor.update_key(1, 1, {"api_key": "sk-new-5678", "name": "B"})
    assert (rotated.masked_api_key, rotated.name) == ("…5678", "B")
    assert rotated.rotated_at == NOW * 1_000_000
    assert vault.open(rotated.secret, "key_1", rotated.destination) == "sk-new-5678"


async def test_a_key_that_cannot_be_read_is_mended_by_giving_it_again(
    edit: Edit, store: Store, vault: Vault
) -> None:
    """After its encryption key was lost, even the same value is a new one."""
    async with edit() as editor:
        await add_provider(editor)
        key = await editor.create_key(1, {"api_key": API_KEY})
        lost = Vault(bytes(32)).seal(API_KEY, key.api_id)
        await editor.changing.update(
            KEY,
            key,
            key.with_secret(lost),
        )
        mended = await editor.rotate_key(1, key.id, API_KEY)
    assert vault.open(mended.secret, key.api_id, "OpenAI") == API_KEY
    assert await revision(store) == 4


async def test_a_key_goes_nowhere_but_where_it_was_given_for(edit: Edit) -> None:
    """Another origin asks for the key again; another path of the same does not."""
    here, there = "https://here.example/v1", "https://there.example/v1"
    async with edit() as editor:
        await editor.create_provider({"name": "Main", "provider_type": "OpenAI", "base_url": here})
        key = await editor.create_key(1, {"api_key": API_KEY})
        assert key.destination == "https://here.example:443"
        await editor.update_provider(1, {"base_url": "https://here.example/v2", "weight": 2})
        for moved in (there, "http://here.example/v1", "https://here.example:8443/v1", ""):
            with pytest.raises(InvalidRequest, match="were not given for") as caught:
                await editor.update_provider(1, {"base_url": moved})
            assert caught.value.metadata["field"] == "baseUrl"
            if moved:
                with pytest.raises(InvalidRequest, match="send apiKey as well"):
                    await editor.update_key(1, key.id, {"base_url": moved})
        moved_key = await editor.update_key(1, key.id, {"base_url": there, "api_key": API_KEY})
        assert moved_key.destination == "https://there.example:443"
        assert moved_key.rotated_at
        # Its own address is where it goes, wherever the instance is.
        await editor.update_provider(1, {"base_url": "https://else.example/v1"})


async def test_a_resource_of_a_shared_host_is_a_destination_of_its_own(edit: Edit) -> None:
    """Whoever has a resource of a name reads what is sent there; a region is the provider's own."""
    async with edit() as editor:
        settings = {"resource": "ours", "apiVersion": "2024-10-21"}
        await editor.create_provider(
            {"name": "Azure", "provider_type": "AzureOpenAI", "settings": settings}
        )
        key = await editor.create_key(1, {"api_key": API_KEY})
        assert key.destination == "AzureOpenAI resource=ours"
        await editor.update_provider(1, {"settings": settings | {"apiVersion": "2025-01-01"}})
        with pytest.raises(InvalidRequest, match="were not given for"):
            await editor.update_provider(1, {"settings": settings | {"resource": "theirs"}})
        await editor.create_provider(
            {"name": "AWS", "provider_type": "Bedrock", "settings": {"region": "us-east-1"}}
        )
        pair = '{"accessKeyId": "AKIA5678", "secretAccessKey": "secret"}'
        await editor.create_key(2, {"api_key": pair})
        await editor.update_provider(2, {"settings": {"region": "eu-west-1"}})


async def test_a_key_belongs_to_its_instance(edit: Edit) -> None:
    """Under another's path it is not there; neither is an instance that is gone."""
    async with edit() as editor:
        await add_provider(editor)
        await add_provider(editor, "Other")
        await editor.create_key(1, {"api_key": API_KEY})
        for attempt in (
            editor.update_key(2, 1, {}),
            editor.rotate_key(2, 1, "x"),
            editor.delete_key(2, 1),
        ):
            with pytest.raises(KeyNotFound):
                await attempt
        with pytest.raises(ProviderNotFound):
            await editor.create_key(9, {"api_key": API_KEY})


async def test_a_key_names_no_file_outside_the_folders_for_secrets(
    edit: Edit, bench: Bench
) -> None:
    """Neither at first nor by rotation; the error says what to set, and not the file."""
    inside = bench.settings.secret_folders[0] / "openai"
    async with edit() as editor:
        await add_provider(editor)
        await editor.create_key(1, {"api_key": f"file:{inside}"})
        for attempt in (
            editor.create_key(1, {"api_key": "file:/etc/shadow"}),
            editor.rotate_key(1, 1, f"file:{inside}/../../../etc/shadow"),
            editor.rotate_key(1, 1, '{"credential_source": {"file": "/etc/shadow"}}'),
        ):
            with pytest.raises(InvalidRequest, match="CONDUIT_SECRET_DIRS") as caught:
                await attempt
            assert "shadow" not in caught.value.message


async def test_a_mapping_is_one_of_an_alias_to_an_instance(edit: Edit) -> None:
    """Without a name of the model it is the alias, also once that name is taken back."""
    async with edit() as editor:
        await add_provider(editor)
        await add_provider(editor, "Other")
        first = await editor.create_mapping({"model_alias": "fast", "provider_id": 1})
        assert first.actual_model_name == "fast"
        second = await editor.create_mapping(
            {"model_alias": "fast", "provider_id": 2, "actual_model_name": "gpt-4o"}
        )
        for attempt in (
            editor.create_mapping({"model_alias": "fast", "provider_id": 1}),
            editor.update_mapping(second.id, {"provider_id": 1}),
        ):
            with pytest.raises(AlreadyExists, match="mapped to provider 'Main' already") as caught:
                await attempt
            assert caught.value.metadata["mapping_id"] == str(first.id)
        with pytest.raises(ProviderNotFound):
            await editor.update_mapping(second.id, {"provider_id": 9})
        moved: MappingPatch = {"model_alias": "slow", "actual_model_name": ""}
        assert (await editor.update_mapping(second.id, moved)).actual_model_name == "slow"


async def test_a_chain_is_the_only_one_of_its_alias_and_its_instances_exist(edit: Edit) -> None:
    """On creation and later."""
    async with edit() as editor:
        await add_provider(editor)
        steps = (Step(1, 0, None),)
        first = await editor.create_chain({"model_alias": "fast", "providers": steps})
        second = await editor.create_chain({"model_alias": "slow", "providers": steps})
        for attempt in (
            editor.create_chain({"model_alias": "fast", "providers": steps}),
            editor.update_chain(second.id, {"model_alias": "fast"}),
        ):
            with pytest.raises(AlreadyExists) as caught:
                await attempt
            assert caught.value.metadata["fallback_chain_id"] == str(first.id)
        with pytest.raises(ProviderNotFound):
            await editor.update_chain(first.id, {"providers": (*steps, Step(9, 0, None))})


async def test_the_value_of_a_virtual_key_is_returned_once_and_not_kept(
    edit: Edit, vault: Vault
) -> None:
    """What is kept is its hash, and its beginning, by which people know it again."""
    async with edit() as editor:
        value, secret = await editor.create_virtual_key({"name": "ci"})
    assert secret == VIRTUAL_KEY
    assert (value.key_prefix, value.hash) == (VIRTUAL_KEY[:12], vault.hash(VIRTUAL_KEY))
    assert secret not in repr(value)


async def test_what_is_deleted_is_gone_with_what_depends_on_it(edit: Edit) -> None:
    """What is not there cannot be deleted."""
    async with edit() as editor:
        await add_provider(editor)
        await editor.create_key(1, {"api_key": API_KEY})
        await editor.delete_provider(1)
        assert await editor.changing.find(PROVIDER, 1) is None
        assert await editor.changing.find(KEY, 1) is None
        with pytest.raises(ProviderNotFound):
            await editor.delete_provider(1)
