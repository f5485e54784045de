"""What an update over gRPC changes, for each field of each resource: what its mask names."""

from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.credentials import admin_metadata
from tests.support.suite import MASTER_KEY, Suite

from conduit.v1 import billing_requests_pb2 as costs
from conduit.v1 import fallback_chain_requests_pb2 as chains
from conduit.v1 import key_credential_requests_pb2 as keys
from conduit.v1 import model_mapping_requests_pb2 as mappings
from conduit.v1 import provider_requests_pb2 as providers
from conduit.v1 import virtual_key_group_requests_pb2 as groups
from conduit.v1 import virtual_key_requests_pb2 as virtual_keys
from conduit.v1 import webhook_requests_pb2 as webhooks
from conduit.v1.billing_service_pb2_grpc import BillingServiceStub
from conduit.v1.budget_pb2 import BUDGET_PERIOD_DAY, Budget
from conduit.v1.cache_policy_pb2 import CACHE_SCOPE_ALL, CachePolicy
from conduit.v1.caller_security_pb2 import CallerSecurity
from conduit.v1.charge_pb2 import UNIT_CACHE_WRITE_TOKEN
from conduit.v1.cost_terms_pb2 import ConditionalCost, CostTier, UnitCost
from conduit.v1.fallback_chain_pb2 import FallbackChainSpec, FallbackProvider
from conduit.v1.guardrail_pb2 import (
    GUARDRAIL_ACTION_REPORT,
    GUARDRAIL_DETECTOR_IBAN,
    GUARDRAIL_STAGE_ANSWER,
    Guardrail,
    GuardrailWebhook,
)
from conduit.v1.health_service_pb2_grpc import HealthServiceStub
from conduit.v1.key_credential_pb2 import KeyCredentialSpec
from conduit.v1.model_cost_pb2 import COST_CALCULATION_TYPE_IMAGE_BASED, ModelCostSpec
from conduit.v1.model_mapping_pb2 import ModelMappingSpec
from conduit.v1.notification_pb2 import NOTIFICATION_KIND_KEY_WITHOUT_FUNDS
from conduit.v1.provider_pb2 import (
    ABORTED_STREAM_POLICY_NOT_CHARGED,
    HealthCheckPolicy,
    ProviderSecurity,
    ProviderSpec,
)
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit.v1.routing_policy_pb2 import (
    AFFINITY_KEY_VIRTUAL_KEY,
    BALANCING_STRATEGY_ROUND_ROBIN,
    FAILURE_CLASS_TIMEOUT,
    STREAM_FAILOVER_FAIL,
    STREAM_FAILOVER_RESTART,
    Hedging,
    RetryPolicy,
)
from conduit.v1.timeouts_pb2 import Timeouts
from conduit.v1.usage_limits_pb2 import UsageLimits
from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroupSpec
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit.v1.webhook_pb2 import WebhookSpec
from conduit_kernel.rpc import error_of

GUARDRAIL = Guardrail(
    name="g",
    action=GUARDRAIL_ACTION_REPORT,
    stage=GUARDRAIL_STAGE_ANSWER,
    patterns=["a+"],
    detectors=[GUARDRAIL_DETECTOR_IBAN],
    max_characters=7,
    moderation_model="moderates",
    webhook=GuardrailWebhook(url="https://a.example", signing_key="env:KEY"),
    fail_open=True,
)
pytestmark = pytest.mark.asyncio(loop_scope="module")

METADATA = admin_metadata(MASTER_KEY)


class Kind(NamedTuple):
    """How a kind of resource is made and changed: requests, and the name of the spec in them."""

    service: str
    noun: str
    create: Any
    update: Any
    field: str
    spec: Message
    required: tuple[str, ...] = ()


def provider_spec() -> ProviderSpec:
    """Return a spec with all of its fields."""
    spec = ProviderSpec(
        name="n",
        provider_type="AzureOpenAI",
        is_enabled=False,
        description="what for",
        base_url="http://127.0.0.1:9/v1",
        weight=7,
        priority=5,
        enable_model_discovery=True,
        discovery_interval_hours=48,
        security=ProviderSecurity(require_mtls=True),
        health_check=HealthCheckPolicy(failure_threshold=4),
        aborted_streams=ABORTED_STREAM_POLICY_NOT_CHARGED,
    )
    spec.settings["apiVersion"] = "2024-10-21"
    return spec


def virtual_key_spec() -> VirtualKeySpec:
    """Return a spec with all of its fields, less the one that this version does not keep."""
    spec = VirtualKeySpec(
        name="n",
        is_enabled=False,
        allowed_models=["gpt-*"],
        stream_failover=STREAM_FAILOVER_RESTART,
        max_attempts=2,
        timeout=Duration(seconds=30),
        hedging_budget=0.5,
        security=CallerSecurity(allowed_ips=["192.168.1.0/24"], client_certificates=["a"]),
        budget_nano_usd=5_000,
        budgets=[Budget(limit_nano_usd=5_000, period=BUDGET_PERIOD_DAY, is_hard=True)],
        outage_allowance_nano_usd=5_000,
        usage_limits=UsageLimits(requests_per_minute=60, concurrent_requests=2),
        tags=["team=search"],
        metadata={"owner": "anna"},
        allowed_providers=["Main"],
        refuse_unpriced=True,
        guardrails=[GUARDRAIL],
    )
    spec.expires_at.FromJsonString("2030-01-02T03:04:05Z")
    return spec


def cost_spec() -> ModelCostSpec:
    """Return a spec with all of its fields."""
    spec = ModelCostSpec(
        model_pattern="n",
        input_cost_per_1k_tokens_nano_usd=30,
        output_cost_per_1k_tokens_nano_usd=60,
        cached_input_cost_per_1k_tokens_nano_usd=10,
        cost_per_unit_nano_usd=5,
        cost_calculation_type=COST_CALCULATION_TYPE_IMAGE_BASED,
        unit_costs=[UnitCost(unit=UNIT_CACHE_WRITE_TOKEN, nano_usd_per_million=40)],
        tiers=[CostTier(above_input_tokens=200_000, input_cost_per_1k_tokens_nano_usd=60)],
        conditions=[ConditionalCost(when={"size": "1024x1536"}, cost_per_unit_nano_usd=7)],
        priority=2,
    )
    spec.effective_from.FromJsonString("2027-01-02T03:04:05Z")
    spec.effective_until.FromJsonString("2028-01-02T03:04:05Z")
    return spec


KINDS = {
    "provider": Kind(
        *("registry", "Provider", providers.CreateProviderRequest),
        *(providers.UpdateProviderRequest, "provider", provider_spec()),
        # An Azure instance is nothing without its address.
        ("name", "provider_type", "base_url"),
    ),
    "key": Kind(
        *("registry", "KeyCredential", keys.CreateKeyCredentialRequest),
        *(keys.UpdateKeyCredentialRequest, "key"),
        KeyCredentialSpec(
            api_key="sk-0123456789",
            name="spare",
            provider_account_group="production",
            is_enabled=False,
            base_url="http://127.0.0.1:9/v2",
            organization="org",
            project="proj",
        ),
        ("api_key",),
    ),
    "mapping": Kind(
        *("registry", "ModelMapping", mappings.CreateModelMappingRequest),
        *(mappings.UpdateModelMappingRequest, "mapping"),
        ModelMappingSpec(
            model_alias="n",
            actual_model_name="gpt-4o",
            is_enabled=False,
            weight=7,
            priority=5,
            capabilities=["vision"],
            strict_parameters=True,
            timeouts=Timeouts(first_token=Duration(seconds=9)),
        ),
        ("model_alias", "provider_id"),
    ),
    "chain": Kind(
        *("registry", "FallbackChain", chains.CreateFallbackChainRequest),
        *(chains.UpdateFallbackChainRequest, "fallback_chain"),
        FallbackChainSpec(
            model_alias="n",
            is_enabled=False,
            strategy=BALANCING_STRATEGY_ROUND_ROBIN,
            affinity=AFFINITY_KEY_VIRTUAL_KEY,
            stream_failover=STREAM_FAILOVER_FAIL,
            retries=[RetryPolicy(failure=FAILURE_CLASS_TIMEOUT, wait=Duration(seconds=1))],
            prefer_primary_for=Duration(seconds=3),
            hedging=Hedging(delay=Duration(seconds=2), budget=0.1),
            cache=CachePolicy(ttl=Duration(seconds=9), scope=CACHE_SCOPE_ALL, charged_share=0.5),
            guardrails=[GUARDRAIL],
        ),
        ("model_alias",),
    ),
    "virtual_key": Kind(
        *("registry", "VirtualKey", virtual_keys.CreateVirtualKeyRequest),
        *(virtual_keys.UpdateVirtualKeyRequest, "virtual_key"),
        virtual_key_spec(),
        ("name",),
    ),
    "virtual_key_group": Kind(
        *("registry", "VirtualKeyGroup", groups.CreateVirtualKeyGroupRequest),
        *(groups.UpdateVirtualKeyGroupRequest, "virtual_key_group"),
        VirtualKeyGroupSpec(
            name="n",
            is_enabled=False,
            is_prepaid=True,
            allowed_models=["gpt-*"],
            budgets=[Budget(limit_nano_usd=5_000, period=BUDGET_PERIOD_DAY, is_hard=True)],
            usage_limits=UsageLimits(requests_per_minute=60),
            refuse_unpriced=True,
            guardrails=[GUARDRAIL],
            tags=["team=search"],
            metadata={"owner": "anna"},
            security=CallerSecurity(allowed_ips=["192.168.1.0/24"], client_certificates=["a"]),
            expires_at=Timestamp(seconds=1_900_000_000),
            allowed_providers=["Main"],
        ),
        ("name",),
    ),
    "cost": Kind(
        *("billing", "ModelCost", costs.CreateModelCostRequest),
        *(costs.UpdateModelCostRequest, "model_cost", cost_spec()),
        # This one counts pictures.
        ("model_pattern", "cost_per_unit_nano_usd"),
    ),
    "webhook": Kind(
        *("health", "Webhook", webhooks.CreateWebhookRequest),
        *(webhooks.UpdateWebhookRequest, "webhook"),
        WebhookSpec(
            url="http://127.0.0.1:9/hook",
            kinds=[NOTIFICATION_KIND_KEY_WITHOUT_FUNDS],
            description="on call",
            is_enabled=False,
        ),
        ("url",),
    ),
}
NAMES = ("name", "model_alias", "model_pattern")
FIELDS = [
    (kind, field.name)
    for kind, each in KINDS.items()
    for field in type(each.spec).DESCRIPTOR.fields
    # Of its creation alone.
    if field.name != "key_sha256"
]


class Resource:
    """A resource that was made with all of its fields."""

    def __init__(self, kind: Kind, stub: Any, spec: Any, made: Any) -> None:  # noqa: ANN401 # of each kind
        self.kind = kind
        self.spec = spec
        self.made = made
        self._stub = stub

    async def update(self, spec: Message, *paths: str, etag: str = "") -> Any:  # noqa: ANN401 # of each kind
        """Change it, and return it."""
        request = self.kind.update(**{self.kind.field: spec}, etag=etag)
        if paths:
            request.update_mask.CopyFrom(FieldMask(paths=paths))
        if self.kind.noun == "KeyCredential":
            request.provider_id, request.key_id = self.made.provider_id, self.made.id
        else:
            request.id = self.made.id
        answer = await getattr(self._stub, f"Update{self.kind.noun}")(request, metadata=METADATA)
        return getattr(answer, self.kind.field)

    async def refused(self, spec: Message, *paths: str, etag: str = "") -> Any:  # noqa: ANN401 # as error_of
        """Return the error of a change."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.update(spec, *paths, etag=etag)
        return error_of(caught.value, "any")


async def make(suite: Suite, kind_name: str, name: str) -> Resource:
    """Create an instance, and a resource of a kind that may depend on it."""
    kind = KINDS[kind_name]
    provider = await suite.call(
        "POST",
        "/api/providers",
        # Where its keys' own addresses lead: they go nowhere else unless they are given again.
        {"name": f"for {name}", "providerType": "Simulator", "baseUrl": "http://127.0.0.1:9"},
    )
    spec: Any = type(kind.spec)()
    spec.CopyFrom(kind.spec)
    for field in NAMES:
        if field in spec.DESCRIPTOR.fields_by_name and kind_name != "key":
            setattr(spec, field, name)
    request = kind.create(**{kind.field: spec})
    if kind_name == "key":
        request.provider_id = provider["id"]
    if kind_name == "mapping":
        request.mapping.provider_id = provider["id"]
    if kind_name == "chain":
        step = FallbackProvider(provider_id=provider["id"], priority=1)
        request.fallback_chain.providers.append(step)
    if kind_name == "virtual_key":
        group = await suite.call("POST", "/api/virtual-key-groups", {"name": name})
        request.virtual_key.group_id = group["id"]
    if kind_name == "virtual_key_group" and ".covers_all." in name:
        # There is one at most.
        request.virtual_key_group.covers_all = True
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()[kind.service]}")
    makers: dict[str, Any] = {
        "registry": RegistryServiceStub,
        "billing": BillingServiceStub,
        "health": HealthServiceStub,
    }
    stub = makers[kind.service](channel)
    answer = await getattr(stub, f"Create{kind.noun}")(request, metadata=METADATA)
    made = getattr(answer, kind.field)
    for secret in ("key", "secret"):
        if secret in made.DESCRIPTOR.fields_by_name:
            # Shown in this answer alone.
            made.ClearField(secret)
    return Resource(kind, stub, getattr(request, kind.field), made)


def less(message: Any, *names: str) -> Any:  # noqa: ANN401 # a message of the same kind
    """Return a copy without some fields, and without what every change changes."""
    copy = type(message)()
    copy.CopyFrom(message)
    for name in (*names, "etag", "updated_at", "rotated_at", "masked_api_key"):
        if name in copy.DESCRIPTOR.fields_by_name:
            copy.ClearField(name)
    return copy


@pytest.mark.parametrize(("kind", "field"), FIELDS)
async def test_a_mask_names_exactly_what_changes(suite: Suite, kind: str, field: str) -> None:
    """A field that it names is set, or taken back where the spec has none; no other changes."""
    resource = await make(suite, kind, f"{kind}.{field}.mask")
    nothing = type(resource.spec)()
    if field in resource.kind.required:
        error = await resource.refused(nothing, field)
        assert error.reason == "INVALID_REQUEST"
        assert error.metadata["field"]
    else:
        taken_back = await resource.update(nothing, field)
        if field != "provider_id":
            assert taken_back != resource.made
        assert less(taken_back, field) == less(resource.made, field)
        assert less(await resource.update(resource.spec, field)) == less(resource.made)


@pytest.mark.parametrize("kind", KINDS)
async def test_without_a_mask_what_is_set_changes(suite: Suite, kind: str) -> None:
    """An empty spec changes nothing; a full one says again what is."""
    resource = await make(suite, kind, f"{kind}.without")
    assert await resource.update(type(resource.spec)()) == resource.made
    assert less(await resource.update(resource.spec)) == less(resource.made)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_name_in_a_mask_is_refused(suite: Suite, kind: str) -> None:
    """Names are those of the spec's fields, not of JSON, and not of what lies within one."""
    resource = await make(suite, kind, f"{kind}.unknown")
    for path in ("isEnabled", "id", "security.require_mtls", "providers.priority"):
        error = await resource.refused(resource.spec, path)
        assert (error.reason, error.metadata["field"]) == ("INVALID_REQUEST", "updateMask")
        assert path in error.message


@pytest.mark.parametrize("kind", KINDS)
async def test_a_change_of_an_old_state_is_refused(suite: Suite, kind: str) -> None:
    """The error has the etag that is current; with that one the change goes through."""
    resource = await make(suite, kind, f"{kind}.etag")
    error = await resource.refused(resource.spec, etag="anotherState")
    assert error.reason == "ETAG_MISMATCH"
    assert error.metadata["etag"] == resource.made.etag
    assert await resource.update(type(resource.spec)(), etag=resource.made.etag) == resource.made


async def test_a_star_names_all_fields(suite: Suite) -> None:
    """What the spec does not say then goes back to its default."""
    resource = await make(suite, "mapping", "mapping.star")
    spec = ModelMappingSpec(model_alias="star", provider_id=resource.made.provider_id)
    changed = await resource.update(spec, "*")
    assert changed.model_alias == changed.actual_model_name == "star"
    assert changed.is_enabled
    assert not changed.capabilities
    assert not changed.HasField("weight")
