"""Looks at a running gateway by what it answers administrators."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from conduit_cli.doctor.finding import Finding, error, note, warning
from conduit_cli.gateway import Gateway, GatewayError

Item = Mapping[str, Any]
# So many of a list are looked at.
MOST_LOOKED_AT = 10_000
_PAGE_SIZE = 1000
_MOST_EXPLAINED = 100
_NO_KEYS = frozenset({"Ollama", "Simulator", "OpenAICompatible", "vLLM"})
_REFUSED = frozenset({"InvalidCredentials", "NoFunds"})
_TWICE = re.compile(r"/(v\d+(?:beta)?)/\1(?:/|$)")
_REVISION = re.compile(
    r'^conduit_configuration_info\{[^}]*revision="(\d+)"[^}]*\} ([\d.]+)', re.MULTILINE
)
_WHOLE_PATH = re.compile(r"/(chat/completions|completions|messages|embeddings|responses)/?$")


class Seen(NamedTuple):
    """A gateway's configuration and health, read once."""

    providers: Sequence[Item]
    # By instance.
    keys: Mapping[int, Sequence[Item]]
    mappings: Sequence[Item]
    chains: Sequence[Item]
    virtual_keys: Sequence[Item]
    groups: Sequence[Item]
    health: Sequence[Item]
    costs: Sequence[Item]
    # Of decisions, by alias.
    decisions: Mapping[str, Item]
    metrics: str
    types: Sequence[Item] = ()


Check = Callable[[Seen], Iterator[Finding]]


def read(gateway: Gateway) -> Seen:
    """Read what is looked at. GatewayError or OSError if it cannot be read."""
    providers = _all(gateway, "/api/providers")
    mappings = _all(gateway, "/api/model-provider-mappings")
    aliases = list(dict.fromkeys(str(each["modelAlias"]) for each in mappings if each["isEnabled"]))
    return Seen(
        providers,
        {int(each["id"]): _all(gateway, f"/api/providers/{each['id']}/keys") for each in providers},
        mappings,
        _all(gateway, "/api/fallback-chains"),
        _all(gateway, "/api/virtual-keys"),
        _all(gateway, "/api/virtual-key-groups"),
        _all(gateway, "/api/provider-health"),
        list(gateway.call("GET", "/api/usage/costs?groupBy=model").get("costBreakdown") or ()),
        {alias: _decision(gateway, alias) for alias in aliases[:_MOST_EXPLAINED]},
        gateway.text("/metrics"),
        _all(gateway, "/api/provider-types"),
    )


def look(seen: Seen) -> Iterator[Finding]:
    """Yield what is wrong with a gateway."""
    for check in CHECKS:
        yield from check(seen)


def check_providers(seen: Seen) -> Iterator[Finding]:
    """Find instances without keys, with wrong addresses, and that there is none."""
    if not seen.providers:
        yield error("no-provider", "There is no provider.", "conduit providers create --help")
    for provider in seen.providers:
        if not provider["isEnabled"]:
            continue
        keys = seen.keys.get(int(provider["id"]), ())
        if not any(key["isEnabled"] for key in keys) and provider["providerType"] not in _NO_KEYS:
            yield error(
                "key-missing",
                f"{provider['name']} has no key that is enabled.",
                f"conduit keys create {provider['id']} --api-key -",
            )
        for url in (provider["baseUrl"], *(key["baseUrl"] for key in keys)):
            yield from _check_url(provider, str(url or ""))


def check_mappings(seen: Seen) -> Iterator[Finding]:
    """Find aliases that callers may use, or that are in chains, and lead nowhere."""
    mapped = {str(each["modelAlias"]) for each in seen.mappings if each["isEnabled"]}
    if seen.providers and not mapped:
        hint = "conduit models create --model-alias NAME --provider-id ID --actual-model-name MODEL"
        yield error("no-mapping", "No alias leads to a model: all calls are 404.", hint)
    for chain in seen.chains:
        if chain["modelAlias"] not in mapped:
            message = f"The chain of {chain['modelAlias']} is of an alias that is not mapped."
            yield warning("mapping-missing", message, "conduit models create --help")
    for key in seen.virtual_keys:
        for model in key.get("allowedModels") or ():
            if not set(str(model)) & set("*?") and model not in mapped:
                yield warning(
                    "mapping-missing",
                    f"The virtual key {key['name']} may use {model}, which is not mapped.",
                    "conduit models create --help",
                )


def check_health(seen: Seen) -> Iterator[Finding]:
    """Find instances that do not work, and keys that providers refuse."""
    for each in seen.health:
        name = each["providerName"]
        for key in each.get("keyCredentials") or ():
            if key["status"] in _REFUSED:
                yield error(
                    "key-refused",
                    f"{name} refuses {key['keyId']}: {key.get('detail') or key['status']}",
                    f"conduit keys rotate {each['providerId']} {key['keyId']} --help",
                )
        if each["status"] == "Unhealthy":
            yield error(
                "provider-unhealthy",
                f"{name} does not work: {each.get('lastError') or 'its checks fail'}",
                f"conduit providers test {each['providerId']}",
            )


def check_decisions(seen: Seen) -> Iterator[Finding]:
    """Find aliases for which nobody can be asked just now."""
    for alias, decision in seen.decisions.items():
        if not decision or decision.get("candidates"):
            continue
        reasons = dict.fromkeys(str(each["reason"]) for each in decision.get("rejections") or ())
        if set(reasons) == {"CapabilityMissing"}:
            # Chats are asked for; it may be there for something else.
            continue
        yield error(
            "nobody-serves",
            f"Nobody can serve {alias} just now: {', '.join(reasons) or 'it leads nowhere'}.",
            f"conduit explain {alias}",
        )


def check_prices(seen: Seen) -> Iterator[Finding]:
    """Find models whose calls have no price."""
    for each in seen.costs:
        if each.get("unpricedRequests"):
            yield warning(
                "no-price",
                f"{each['unpricedRequests']:,} calls of {each.get('modelAlias')} have no price.",
                "conduit prices create --help; then conduit prices reprice",
            )


def check_virtual_keys(seen: Seen) -> Iterator[Finding]:
    """Find virtual keys that nothing limits."""
    limited = {each["id"] for each in seen.groups if each.get("budgets") or each.get("limits")}
    limited |= {each["id"] for each in seen.groups if each.get("isPrepaid")}
    for key in seen.virtual_keys:
        has_own = key.get("budgets") or key.get("limits") or key.get("budget")
        if key["isEnabled"] and not has_own and key.get("groupId") not in limited:
            yield note(
                "unlimited-key",
                f"Nothing limits what the virtual key {key['name']} spends.",
                f"conduit virtual-keys update {key['id']} --data "
                '\'{"budgets": [{"limitUsd": 50, "period": "Month", "isHard": true}]}\'',
            )


def check_workers(seen: Seen) -> Iterator[Finding]:
    """Find workers that serve by different configurations."""
    found = _REVISION.findall(seen.metrics)
    revisions = sorted({revision for revision, count in found if float(count) > 0}, key=int)
    if len(revisions) > 1:
        yield warning(
            "workers-differ",
            f"Workers serve by different configurations: revisions {', '.join(revisions)}.",
            "It passes within seconds; if not, their logs say why they cannot take the newest.",
        )


CHECKS: tuple[Check, ...] = (
    check_providers,
    check_mappings,
    check_health,
    check_decisions,
    check_prices,
    check_virtual_keys,
    check_workers,
)


def _check_url(provider: Item, url: str) -> Iterator[Finding]:
    path = urlsplit(url).path
    if twice := _TWICE.search(path):
        message = f"The base URL of {provider['name']} has /{twice[1]} twice: {url}"
        hint = f"conduit providers update {provider['id']} --base-url ..."
        yield error("base-url-twice", message, hint)
    elif whole := _WHOLE_PATH.search(path):
        message = f"The base URL of {provider['name']} names an operation: {url}"
        yield error("base-url-whole", message, f"It ends before /{whole[1]}.")


def _decision(gateway: Gateway, alias: str) -> Item:
    try:
        return gateway.call("POST", "/api/routes/explain", {"model": alias})
    except GatewayError:
        # It is gone since.
        return {}


def _all(gateway: Gateway, path: str) -> list[Item]:
    """Return a list, as far as it is looked at."""
    found, token = list[Item](), ""
    while len(found) < MOST_LOOKED_AT:
        asked = {"pageSize": str(_PAGE_SIZE)} | ({"pageToken": token} if token else {})
        page = gateway.call("GET", f"{path}?{urlencode(asked)}")
        found += next((each for each in page.values() if isinstance(each, list)), [])
        token = str(page.get("nextPageToken") or "")
        if not token:
            break
    return found
