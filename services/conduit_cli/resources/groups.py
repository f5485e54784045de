"""Which commands there are: operations of the contract, by what they are about."""

from typing import NamedTuple


class Command(NamedTuple):
    """A command: an operation of the contract by its id, and what is shown of its answer."""

    operation: str
    # Of a list; empty for one thing, member by member.
    columns: tuple[str, ...] = ()
    # What it does, where the contract's words say too little.
    summary: str = ""
    # Members that may be given without their names, behind those of the path.
    also: tuple[str, ...] = ()


class Group(NamedTuple):
    """Several commands, and the one thing that they are about."""

    summary: str
    commands: dict[str, Command]


_KEY_COLUMNS = ("id", "maskedApiKey", "isEnabled", "providerAccountGroup", "baseUrl", "lastUsed")
_REQUESTS = (
    *("startedAt", "id", "status", "code", "modelAlias", "providerName", "actualModelName"),
    *("virtualKeyId", "durationMs", "inputTokens", "outputTokens", "costNanoUsd"),
)


def _crud(noun: str, plural: str, columns: tuple[str, ...], what: str) -> dict[str, Command]:
    return {
        "list": Command(f"list{plural}", columns, f"List {what}s."),
        "get": Command(f"get{noun}", (), f"Show one {what}."),
        "create": Command(f"create{noun}", (), f"Make a {what}."),
        "update": Command(f"update{noun}ByPatch", (), f"Change what is given of a {what}."),
        "delete": Command(f"delete{noun}", (), f"Delete a {what}."),
    }


KEYS = {
    **_crud("KeyCredential", "KeyCredentials", _KEY_COLUMNS, "provider's key"),
    "rotate": Command("rotateKeyCredential", (), "Replace a provider's key by another one."),
}
PRICES = _crud(
    "ModelCost",
    "ModelCosts",
    ("id", "providerId", "modelPattern", "inputCostPer1kTokens", "outputCostPer1kTokens"),
    "price rule",
)
# That name is for newer prices than the shipped ones.
PRICES["change"] = PRICES.pop("update")
HEALTH = {
    "list": Command(
        "listProviderHealth",
        ("providerId", "providerName", "status", "circuit", "responseTime", "lastError"),
        "List how all instances are.",
    ),
    "get": Command("getProviderHealth", (), "Show how an instance and its keys are."),
    "check": Command("checkProvider", (), "Check an instance now."),
    "history": Command("listHealthHistory", (), "Show how an instance was."),
}
USAGE = {
    "charges": Command(
        "listCharges",
        (
            *("occurredAt", "requestId", "modelAlias", "actualModelName", "providerId"),
            *("virtualKeyId", "cost"),
        ),
        "List charges, newest first.",
    ),
}
GROUPS = {
    "providers": Group(
        "Provider instances: what they are, and whether they work.",
        {
            **_crud(
                "Provider",
                "Providers",
                ("id", "name", "providerType", "isEnabled", "baseUrl", "priority", "weight"),
                "provider instance",
            ),
            "test": Command("testProvider", (), "Ask an instance with each of its keys."),
            "discover": Command("discoverModels", (), "Ask an instance for its models."),
            "models": Command("listDiscoveredModels", (), "List the models that were found."),
            "limits": Command("getRateLimits", (), "Show what is left of its rate limits."),
            "types": Command(
                "listProviderTypes", ("name", "displayName", "operations"), "List the types."
            ),
            "analytics": Command("getProviderAnalytics", (), "Show how instances did."),
        },
    ),
    "models": Group(
        "Model mappings: which alias is which model of which instance.",
        _crud(
            "ModelMapping",
            "ModelMappings",
            (
                *("id", "modelAlias", "providerId", "actualModelName", "isEnabled"),
                *("priority", "weight"),
            ),
            "mapping",
        ),
    ),
    "maintenance": Group(
        "Maintenance: of all of Conduit, or of one provider instance.",
        {
            "list": Command(
                "listMaintenanceWindows",
                ("id", "providerId", "message", "expectedEnd", "createdAt"),
                "List what is under way.",
            ),
            "get": Command("getMaintenanceWindow", (), "Show what is under way."),
            "begin": Command(
                "createMaintenanceWindow", (), "Take no new calls, or none to an instance."
            ),
            "end": Command("deleteMaintenanceWindow", (), "End it: take calls again."),
        },
    ),
    "chains": Group(
        "Fallback chains: where calls of an alias go, one after the other.",
        _crud("FallbackChain", "FallbackChains", ("id", "modelAlias", "providers"), "chain"),
    ),
    "virtual-keys": Group(
        "Virtual keys, with which callers come.",
        {
            **_crud(
                "VirtualKey",
                "VirtualKeys",
                ("id", "name", "isEnabled", "groupId", "expiresAt", "allowedModels", "tags"),
                "virtual key",
            ),
            "rotate": Command("rotateVirtualKey", (), "Give a virtual key another value."),
        },
    ),
    "groups": Group(
        "Groups of virtual keys, which share budgets and limits.",
        {
            **_crud(
                "VirtualKeyGroup",
                "VirtualKeyGroups",
                ("id", "name", "isPrepaid", "allowedModels", "tags"),
                "group",
            ),
            "balance": Command("getPrepaidBalance", (), "Show what is left of what was paid in."),
            "top-up": Command("topUpVirtualKeyGroup", (), "Pay in for a prepaid group."),
            "adjust": Command("adjustPrepaidBalance", (), "Correct what was paid in."),
        },
    ),
    "costs": Group(
        "What calls cost.",
        {
            "show": Command(
                "getCosts",
                (
                    *("providerName", "providerAccountGroup", "virtualKeyId", "virtualKeyGroupId"),
                    *("modelAlias", "day", "tag", "keyId", "totalCost", "requests"),
                    *("unpricedRequests", "inputTokens", "outputTokens"),
                ),
                "Show what calls cost, by provider, virtual key, model, day, ...",
            ),
        },
    ),
    "requests": Group(
        "What became of requests.",
        {
            "list": Command("listRequestRecords", _REQUESTS, "List requests, newest first."),
            "get": Command("getRequestRecord", (), "Show what became of a request."),
        },
    ),
    "administrators": Group(
        "Those who administer, and what they may do.",
        {
            **_crud(
                "Administrator",
                "Administrators",
                ("id", "name", "role", "isEnabled", "expiresAt"),
                "administrator",
            ),
            "rotate": Command("rotateAdministrator", (), "Give an administrator another token."),
        },
    ),
    "webhooks": Group(
        "Webhooks, which are told of notifications.",
        _crud("Webhook", "Webhooks", ("id", "url", "isEnabled", "kinds"), "webhook"),
    ),
}
EXPLAIN = Command(
    "explainRoute", (), "Say where a request would go, and why not elsewhere.", ("model",)
)
