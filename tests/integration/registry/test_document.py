"""The whole configuration as a document."""

import yaml
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.registry import NOW, Api, Bench

from conduit.v1 import registry_requests_pb2 as pb
from conduit.v1.fallback_chain_pb2 import FallbackChainSpec, FallbackProvider
from conduit.v1.fallback_chain_requests_pb2 import CreateFallbackChainRequest
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.key_credential_requests_pb2 import CreateKeyCredentialRequest
from conduit.v1.model_mapping_pb2 import ModelMappingSpec
from conduit.v1.model_mapping_requests_pb2 import CreateModelMappingRequest
from conduit.v1.provider_pb2 import ProviderSecurity
from conduit.v1.routing_policy_pb2 import (
    AFFINITY_KEY_SESSION,
    BALANCING_STRATEGY_LOWEST_COST,
    FAILURE_CLASS_OVERLOADED,
    FALLBACK_CONDITION_CONTEXT_TOO_LONG,
    STREAM_FAILOVER_CONTINUE,
    STREAM_FAILOVER_RESTART,
    RetryPolicy,
)
from conduit.v1.timeouts_pb2 import Timeouts
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit.v1.virtual_key_requests_pb2 import CreateVirtualKeyRequest
from conduit_kernel.secrets import Vault

SECRET = "sk-canary-0123456789"


async def fill(api: Api) -> None:
    """Make a configuration with something of everything."""
    await api.provider(
        "First",
        settings={},
        weight=70,
        security=ProviderSecurity(allowed_ips=["10.0.0.0/8"], key_rotation_days=90),
    )
    await api.provider("yes", provider_type="AzureOpenAI", settings={"resource": "1:30"})
    for name, api_key in (("Primary", SECRET), ("Backup", "env:OPENAI_API_KEY")):
        key = KeyCredentialSpec(name=name, api_key=api_key)
        await api(CreateKeyCredentialRequest(provider_id=1, key=key))
    for spec in (
        ModelMappingSpec(model_alias="gpt-4", provider_id=1, weight=0, capabilities=["vision"]),
        ModelMappingSpec(
            model_alias="gpt-4", provider_id=2, timeouts=Timeouts(idle=Duration(seconds=30))
        ),
    ):
        await api(CreateModelMappingRequest(mapping=spec))
    steps = [
        FallbackProvider(provider_id=2, priority=1, timeout=Duration(seconds=30)),
        FallbackProvider(
            provider_id=2,
            priority=2,
            actual_model_name="gpt-4-long",
            conditions=[FALLBACK_CONDITION_CONTEXT_TOO_LONG],
            timeouts=Timeouts(connect=Duration(seconds=2), total=Duration(seconds=90)),
        ),
        FallbackProvider(provider_id=1, priority=2),
    ]
    chain = FallbackChainSpec(
        model_alias="gpt-4",
        providers=steps,
        strategy=BALANCING_STRATEGY_LOWEST_COST,
        affinity=AFFINITY_KEY_SESSION,
        stream_failover=STREAM_FAILOVER_CONTINUE,
        retries=[RetryPolicy(failure=FAILURE_CLASS_OVERLOADED, attempts=2)],
        prefer_primary_for=Duration(seconds=2),
    )
    await api(CreateFallbackChainRequest(fallback_chain=chain))
    virtual_key = VirtualKeySpec(
        name="ci",
        expires_at=Timestamp(seconds=int(NOW)),
        stream_failover=STREAM_FAILOVER_RESTART,
        max_attempts=3,
        timeout=Duration(seconds=30),
        hedging_budget=0.5,
    )
    await api(CreateVirtualKeyRequest(virtual_key=virtual_key))


async def export(api: Api) -> str:
    """Return the document."""
    text: str = (await api(pb.ExportConfigRequest())).yaml
    return text


async def change(api: Api, text: str, *, dry_run: bool = False) -> list[str]:
    """Import a document; return what changed."""
    return list((await api(pb.ImportConfigRequest(yaml=text, dry_run=dry_run))).changes)


async def test_importing_what_was_exported_changes_nothing(api: Api) -> None:
    """The document has no secret; references are none."""
    await fill(api)
    text = await export(api)
    assert SECRET not in text
    assert "env:OPENAI_API_KEY" in text
    before = await api.snapshot()
    assert await change(api, text) == []
    assert await api.snapshot() == before


async def test_a_document_makes_the_same_configuration_elsewhere(bench: Bench) -> None:
    """Given the keys' values; the answer shows the new virtual keys, this once."""
    async with bench.registry() as api:
        await fill(api)
        text = await export(api)
        elsewhere = yaml.safe_load(text)
        bare = yaml.safe_dump(
            elsewhere | {"providers": [elsewhere["providers"][0] | {"name": "New"}]}
        )
        refused = await api.refused(pb.ImportConfigRequest(yaml=bare, dry_run=True))
        assert "exports have no secrets: give the key, or a reference" in refused.message
        assert refused.metadata["field"] == "providers[0].keys[0].apiKey"
        elsewhere["providers"][0]["keys"][0]["apiKey"] = SECRET
        assert "deleted provider 'First'" in await change(api, "providers: []")
        assert await change(api, "virtualKeys: []") == ["deleted virtual key 'ci'"]
        lines = await change(api, yaml.safe_dump(elsewhere))
        # A chain outlives its instances.
        verbs = ["created"] * 6 + ["changed", "created"]
        assert [line.partition(" ")[0] for line in lines] == verbs
        [shown] = [line for line in lines if "condt_" in line]
        found = await api.snapshot()
        vault = Vault(bench.settings.encryption_key)
        [virtual_key] = found.virtual_keys
        assert virtual_key.hash == vault.hash(shown.rpartition(" ")[2])
        stored = found.keys[0]
        destination = stored.secret.destination
        assert vault.open(stored.secret, stored.credential.id, destination) == SECRET
        again = yaml.safe_load(await export(api))
        for document in (again, elsewhere):
            for provider in document["providers"]:
                for key in provider["keys"]:
                    del key["id"]
                    key.pop("apiKey", None)
        assert again == elsewhere


async def test_an_import_says_what_it_changes_and_a_rehearsal_changes_nothing(api: Api) -> None:
    """One line for each change; what the document leaves out of a thing is as on creation."""
    await fill(api)
    document = yaml.safe_load(await export(api))
    first, second = document["providers"]
    del first["weight"]
    first["keys"] = [{"name": "Primary", "apiKey": "sk-new-value-9999"}]
    document["providers"] = [first, second | {"name": "YES", "description": "two"}]
    document["mappings"] = [{"modelAlias": "gpt-4", "provider": "yes", "timeouts": {"idle": "30s"}}]
    document["fallbackChains"][0]["providers"].pop()
    text = yaml.safe_dump(document)
    before = await api.snapshot()
    expected = [
        "changed provider 'First', weight: 70 to 1",
        "changed provider 'YES', name: 'yes' to 'YES', description: '' to 'two'",
        "deleted key_2 of provider 'First'",
        "rotated key_1 of provider 'First'",
    ]
    lines = await change(api, text, dry_run=True)
    assert lines[:4] == expected
    assert len(lines) == 6
    assert await api.snapshot() == before
    assert await change(api, text) == lines
    assert await change(api, text) == []
    after = await api.snapshot()
    # The import is a line of its own.
    assert after.revision == before.revision + 7
    assert [key.credential.masked_api_key for key in after.keys] == ["…9999"]


async def test_a_document_that_cannot_be_is_refused_and_nothing_changes(api: Api) -> None:
    """The error says where; also when it comes after things that could be done."""
    await fill(api)
    before = await api.snapshot()
    new = "providers: [{name: New, providerType: OpenAI, "
    for text, field in (
        ("a: [", "yaml"),
        ("- 1", "yaml"),
        ("[" * 100_000, "yaml"),
        ("a: &a [1]\nb: *a", "yaml"),
        ("version: 1\nversion: 1", "yaml"),
        ("version: 2", "yaml"),
        ("unknown: []", "yaml"),
        ("providers: 1", "providers"),
        ("providers: [1]", "providers"),
        (new + "weight: -1}]", "providers[0].weight"),
        (new + "weight: x}]", "providers[0].weight"),
        (new + "wieght: 1}]", "providers[0].wieght"),
        (new + "keys: [{name: A}]}]", "providers[0].keys[0].apiKey"),
        ("providers: [{providerType: OpenAI}]", "providers[0].name"),
        (new + "}, {name: NEW, providerType: Groq}]", "providers[1].name"),
        (new + "}]\nmappings: [{modelAlias: a, provider: First}]", "mappings[0].provider"),
        ("mappings: [{modelAlias: a, providerId: 7}]", "mappings[0].providerId"),
        ("fallbackChains: [{providers: []}]", "fallbackChains[0].modelAlias"),
        ("fallbackChains: [{modelAlias: a, strategy: Dice}]", "fallbackChains[0].strategy"),
        ("virtualKeys: [{name: a, budget: -1}]", "virtualKeys[0].budget"),
    ):
        error = await api.refused(pb.ImportConfigRequest(yaml=text))
        assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", field), text[:80]
    assert await api.snapshot() == before
