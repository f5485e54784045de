"""What an update over HTTP changes, for each field of each resource: all that its body names."""

from typing import Any, NamedTuple

import httpx
import pytest
from tests.support.suite import Suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

TIME, LATER = "2030-01-02T03:04:05Z", "2031-01-02T03:04:05Z"


class Field(NamedTuple):
    """An optional member: what it is set to, and what it is after it was taken back."""

    name: str
    value: Any
    default: Any

    @property
    def is_list(self) -> bool:
        """Whether an empty list takes it back, too."""
        return isinstance(self.value, list)


class Resource(NamedTuple):
    """A kind of resource: where it is made, of what, and what of it may change."""

    path: str
    body: dict[str, Any]
    fields: tuple[Field, ...]
    # Members that a resource cannot be without.
    required: tuple[str, ...]


RULES = {
    "allowedIPs": ["10.0.0.0/8"],
    "requireMTLS": True,
    "keyRotationDays": 9,
    "auditLevel": "Full",
}
NO_RULES = {"allowedIPs": [], "requireMTLS": False, "keyRotationDays": 0, "auditLevel": "Basic"}
# Of instances and of their keys, which go nowhere else unless they are given again.
ORIGIN = "http://127.0.0.1:9"
PROVIDERS = Resource(
    "/api/providers",
    {"providerType": "AzureOpenAI", "baseUrl": "http://127.0.0.1:9/v1"},
    (
        Field("isEnabled", value=False, default=True),
        Field("description", value="what for", default=""),
        Field("settings", value={"apiVersion": "2024-10-21"}, default={}),
        Field("weight", value=7, default=1),
        Field("priority", value=5, default=1),
        Field("enableModelDiscovery", value=True, default=False),
        Field("discoveryIntervalHours", value=48, default=24),
        Field("security", value=RULES, default=NO_RULES),
    ),
    ("name", "providerType"),
)
KEYS = Resource(
    "/api/providers/{provider}/keys",
    {"apiKey": "sk-0123456789"},
    (
        Field("name", value="spare", default=""),
        Field("providerAccountGroup", value="production", default=""),
        Field("isEnabled", value=False, default=True),
        Field("baseUrl", value="http://127.0.0.1:9/v2", default=""),
        Field("organization", value="org", default=""),
        Field("project", value="proj", default=""),
    ),
    ("apiKey",),
)
MAPPINGS = Resource(
    "/api/model-provider-mappings",
    {"providerId": "{provider}"},
    (
        Field("actualModelName", value="gpt-4o", default="{modelAlias}"),
        Field("isEnabled", value=False, default=True),
        Field("weight", value=7, default=None),
        Field("priority", value=5, default=None),
        Field("capabilities", value=["chat", "vision"], default=[]),
        Field("strictParameters", value=True, default=False),
    ),
    ("modelAlias", "providerId"),
)
UNSET: dict[str, Any] = {"timeout": None, "conditions": [], "timeouts": None, "retries": []}
STEP = {"providerId": "{provider}", "priority": 2, "actualModelName": "gpt", **UNSET}
SEMANTIC = {"embeddingModel": "vectors", "threshold": 0.9, "timeout": "2s"}
CACHE = {"ttl": "60s", "scope": "All", "chargedShare": 0.5, "version": "2", "semantic": SEMANTIC}
GUARDRAIL = {
    "name": "g",
    "action": "Report",
    "stage": "Answer",
    "patterns": ["a+"],
    "detectors": ["Iban"],
    "maxCharacters": 7,
    "moderationModel": "moderates",
    "webhook": {"url": "https://a.example/b", "signingKey": "env:KEY", "timeout": "1s"},
    "failOpen": True,
}
CHAINS = Resource(
    "/api/fallback-chains",
    {"providers": [{"providerId": "{provider}", "priority": 1}]},
    (
        Field("isEnabled", value=False, default=True),
        # Without steps the mappings serve, by the chain's policy.
        Field("providers", value=[STEP], default=[]),
        Field("cache", value=CACHE, default=None),
        Field("guardrails", value=[GUARDRAIL], default=[]),
    ),
    ("modelAlias",),
)
VIRTUAL_KEYS = Resource(
    "/api/virtual-keys",
    {},
    (
        Field("isEnabled", value=False, default=True),
        Field("allowedModels", value=["gpt-*"], default=[]),
        Field("refuseUnpriced", value=True, default=False),
        Field("guardrails", value=[GUARDRAIL], default=[]),
        Field("expiresAt", value=TIME, default=None),
    ),
    ("name",),
)
TOKEN_COSTS = Resource(
    "/api/model-costs",
    {"inputCostPer1kTokens": 0.03, "outputCostPer1kTokens": 0.06},
    (
        Field("providerId", value="{provider}", default=0),
        Field("cachedInputCostPer1kTokens", value=0.01, default=None),
        Field("costPerUnit", value=2, default=None),
        Field("unitCosts", value=[{"unit": "CacheWrite1hToken", "costPerMillion": 6}], default=[]),
        Field(
            "tiers",
            value=[{"aboveInputTokens": 200_000, "inputCostPer1kTokens": 0.06, "unitCosts": []}],
            default=[],
        ),
        Field(
            "conditions",
            value=[
                {"when": {"service_tier": "flex"}, "outputCostPer1kTokens": 0.03, "unitCosts": []}
            ],
            default=[],
        ),
        Field("priority", value=2, default=0),
        Field("effectiveFrom", value=TIME, default=None),
        Field("effectiveUntil", value=LATER, default=None),
    ),
    ("modelPattern", "inputCostPer1kTokens", "outputCostPer1kTokens"),
)
UNIT_COSTS = Resource(
    "/api/model-costs",
    {
        "inputCostPer1kTokens": 0.03,
        "outputCostPer1kTokens": 0.06,
        "costPerUnit": 2,
    },
    (
        Field("costCalculationType", value="PerImage", default="TokenBased"),
        Field("cachedInputCostPer1kTokens", value=0.01, default=None),
    ),
    ("modelPattern",),
)
WEBHOOKS = Resource(
    "/api/webhooks",
    {"url": "http://127.0.0.1:9/hook"},
    (
        Field("isEnabled", value=False, default=True),
        Field("kinds", value=["KeyWithoutFunds"], default=[]),
        Field("description", value="on call", default=""),
    ),
    ("url",),
)
RESOURCES = {
    "provider": PROVIDERS,
    "key": KEYS,
    "mapping": MAPPINGS,
    "chain": CHAINS,
    "virtual_key": VIRTUAL_KEYS,
    "token_cost": TOKEN_COSTS,
    "unit_cost": UNIT_COSTS,
    "webhook": WEBHOOKS,
}
NAMED_BY = {
    "provider": "name",
    "mapping": "modelAlias",
    "chain": "modelAlias",
    "virtual_key": "name",
    "token_cost": "modelPattern",
    "unit_cost": "modelPattern",
}
FIELDS = [(kind, field) for kind, each in RESOURCES.items() for field in each.fields]
REQUIRED = [(kind, name) for kind, each in RESOURCES.items() for name in each.required]


def filled(value: object, known: dict[str, object]) -> object:
    """Return a value with what is known in place of `{...}`."""
    match value:
        case str() if value.startswith("{") and value[1:-1] in known:
            return known[value[1:-1]]
        case list():
            return [filled(item, known) for item in value]
        case dict():
            return {name: filled(item, known) for name, item in value.items()}
        case _:
            return value


class Made(NamedTuple):
    """A resource that was made with all of its optional members set."""

    client: httpx.AsyncClient
    path: str
    known: dict[str, object]

    async def put(self, body: object, **headers: str) -> httpx.Response:
        """Update it."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.put(self.path, json=body, headers=names)

    async def read(self) -> dict[str, Any]:
        """Return it as it is now."""
        answer = await self.client.get(self.path)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


async def make(suite: Suite, client: httpx.AsyncClient, kind: str, name: str) -> Made:
    """Create an instance, and a resource of a kind that may depend on it."""
    resource = RESOURCES[kind]
    provider = await suite.call(
        "POST",
        "/api/providers",
        {"name": f"of {name}", "providerType": "Simulator", "baseUrl": ORIGIN},
    )
    known: dict[str, object] = {"provider": provider["id"]}
    if kind in NAMED_BY:
        known[NAMED_BY[kind]] = name
    body: Any = filled({**resource.body, **{f.name: f.value for f in resource.fields}}, known)
    if kind in NAMED_BY:
        body[NAMED_BY[kind]] = name
    path = resource.path.format(provider=provider["id"])

    async def is_made() -> bool:
        answer = await client.post(path, json=body)
        # Billing hears of a new instance a moment later.
        if answer.json().get("code") == "PROVIDER_NOT_FOUND":
            return False
        assert answer.status_code == 201, answer.text
        known["id"] = answer.json()["id"]
        return True

    await eventually(is_made)
    return Made(client, f"{path}/{known['id']}", known)


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=lambda each: getattr(each, "name", each))
async def test_null_and_the_empty_list_take_a_field_back(
    suite: Suite, kind: str, field: Field
) -> None:
    """Absent leaves it, a value sets it, null and [] take it back; nothing else changes."""
    async with suite.admin() as client:
        made = await make(suite, client, kind, f"{kind}.{field.name}")
        before = await made.read()
        value = filled(field.value, made.known)
        assert before[field.name] == value
        for body in ({}, {field.name: value}):
            assert (await made.put(body)).status_code == 200
            assert await made.read() == before
        empties: tuple[object, ...] = (None, []) if field.is_list else (None,)
        for empty in empties:
            answer = await made.put({field.name: empty})
            assert answer.status_code == 200, answer.text
            after = await made.read()
            assert after == answer.json()
            assert after[field.name] == filled(field.default, made.known)
            changed = {name for name in before if before[name] != after.get(name)}
            assert changed == {field.name, "etag", "updatedAt"}
            assert (await made.put({field.name: value})).status_code == 200
            assert (await made.read())[field.name] == value


@pytest.mark.parametrize(("kind", "name"), REQUIRED)
async def test_what_a_resource_needs_cannot_be_taken_back(
    suite: Suite, kind: str, name: str
) -> None:
    """Null is refused with the member's name, and nothing changes."""
    async with suite.admin() as client:
        made = await make(suite, client, kind, f"{kind}.{name}.required")
        before = await made.read()
        answer = await made.put({name: None})
        assert answer.status_code == 400, answer.text
        assert answer.json()["field"] == name
        assert await made.read() == before


@pytest.mark.parametrize("kind", RESOURCES)
async def test_a_change_of_an_old_state_is_refused(suite: Suite, kind: str) -> None:
    """`If-Match` with the etag that is current passes, any other is 412; without, anything goes."""
    async with suite.admin() as client:
        made = await make(suite, client, kind, f"{kind}.etag")
        field = RESOURCES[kind].fields[0]
        got = await client.get(made.path)
        old = got.headers["etag"]
        assert old == f'"{got.json()["etag"]}"'
        assert (await made.put({}, if_match=old)).headers["etag"] == old
        changed = await made.put({field.name: None}, if_match=old)
        new = changed.headers["etag"]
        assert changed.status_code == 200
        assert new != old
        refused = await made.put({}, if_match=old)
        assert refused.status_code == 412
        assert refused.json()["code"] == "ETAG_MISMATCH"
        value = filled(field.value, made.known)
        for accepted in ("*", new, f"W/{new}", new.strip('"')):
            assert (await made.put({}, if_match=accepted)).status_code == 200
        assert (await made.put({field.name: value})).status_code == 200
