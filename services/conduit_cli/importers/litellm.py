"""Reads LiteLLM's `config.yaml`.

Its form is that of LiteLLM 1.110.2: `types/router.py`, and the examples beside its proxy.
"""

import hashlib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from conduit_cli.importers.draft import Draft, Instance, Members, as_list, as_members, seconds
from conduit_cli.importers.litellm_budgets import budgets_of
from conduit_cli.importers.providers import BY_MODEL, LITELLM, Known

_REFERENCE = "os.environ/"
_OPENAI_HOST = "api.openai.com"
_READ = frozenset(
    {
        *("model", "custom_llm_provider", "api_key", "api_base", "base_url", "api_version"),
        *("organization", "timeout", "stream_timeout", "weight", "order"),
        *("aws_region_name", "vertex_project", "vertex_location", "vertex_credentials"),
        *("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost"),
    }
)
_AWS_PAIR = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
}
_STRATEGIES = {
    "least-busy": "LeastBusy",
    "latency-based-routing": "LowestLatency",
    "cost-based-routing": "LowestCost",
    "usage-based-routing": "MostQuota",
    "usage-based-routing-v2": "MostQuota",
}
_FALLBACKS = {
    "fallbacks": "",
    "context_window_fallbacks": "ContextTooLong",
    "content_policy_fallbacks": "ContentPolicy",
}
# What is so in Conduit without being said, or says nothing of what callers see.
_IDLE = frozenset({"set_verbose", "telemetry", "drop_params", "database_url", "store_model_in_db"})
_MASTER = "LiteLLM master key"


class LiteLLMImport:
    """One config.yaml."""

    def __init__(self, config: Members, env: Mapping[str, str]) -> None:
        """Take what the file says, and the environment, for addresses that are variables."""
        self._config = config
        self._env = env
        self.draft = Draft()

    def run(self) -> Draft:
        """Return what could be taken over."""
        for i, entry in enumerate(as_list(self._config.get("model_list"))):
            self._deployment(entry, f"model_list[{i}]")
        settings = as_members(self._config.get("litellm_settings"))
        router = as_members(self._config.get("router_settings"))
        self._aliases(as_members(router.pop("model_group_alias", None)))
        for name, condition in _FALLBACKS.items():
            for section, where in (("litellm_settings", settings), ("router_settings", router)):
                self._fallbacks(as_list(where.pop(name, None)), f"{section}.{name}", condition)
        for where in (settings, router):
            self._default_fallbacks(where.pop("default_fallbacks", None))
        self._strategy(router.pop("routing_strategy", None))
        self._whole_budget(settings)
        self._general(as_members(self._config.get("general_settings")))
        self._rest("litellm_settings", settings)
        self._rest("router_settings", router)
        for name in self._config.keys() - {
            *("model_list", "litellm_settings", "router_settings", "general_settings"),
        }:
            self.draft.note(name, "is not taken over")
        return self.draft

    def _deployment(self, entry: object, place: str) -> None:
        deployment = as_members(entry)
        params = as_members(deployment.get("litellm_params"))
        alias, named = str(deployment.get("model_name") or ""), str(params.get("model") or "")
        if not alias or not named:
            self.draft.note(place, "has no model_name or no model")
            return
        if "*" in alias + named:
            self.draft.note(place, f"{alias!r} stands for many models; map those that are called")
            return
        known, model = _provider_of(params, named)
        if known is None:
            self.draft.note(place, f"no provider type of Conduit is known for {named!r}")
            return
        if not model:
            self.draft.note(place, f"{named!r} names no model")
            return
        instance = self._instance(known, params, place)
        more = self._mapping(params)
        mapping = self.draft.serve(alias, instance, model, **more)
        self._costs(params | as_members(deployment.get("model_info")), mapping, place)
        for name in params.keys() - _READ - _AWS_PAIR.keys():
            self.draft.note(f"{place}.litellm_params.{name}", "is not taken over")

    def _instance(self, known: Known, params: Members, place: str) -> Instance:
        kind, params = known.kind, _looked_for(known.kind, params)
        base_url = self._address(params, place)
        if kind == "OpenAI" and base_url and urlsplit(base_url).hostname != _OPENAI_HOST:
            kind = "OpenAICompatible"
        if kind == "Anthropic":
            base_url = base_url.removesuffix("/messages").removesuffix("/v1")
        settings: Members = {}
        if kind == "AzureOpenAI" and params.get("api_version"):
            settings["apiVersion"] = self._plain(params["api_version"], f"{place}.api_version")
        if kind == "Bedrock":
            region = params.get("aws_region_name") or f"{_REFERENCE}AWS_REGION_NAME"
            settings["region"] = self._plain(region, f"{place}.aws_region_name") or "us-east-1"
        if kind == "VertexAI":
            for name, setting in (("vertex_project", "project"), ("vertex_location", "location")):
                if params.get(name):
                    settings[setting] = self._plain(params[name], f"{place}.{name}")
        organization = str(params.get("organization") or "")
        if organization.startswith(_REFERENCE):
            organization = self._plain(organization, f"{place}.organization")
        key = self._key(kind, known.variable, params, place)
        return Instance(kind, base_url, settings, key, organization)

    def _key(self, kind: str, variable: str, params: Members, place: str) -> str:
        if kind == "Bedrock":
            return self._aws_key(params, place)
        if kind == "VertexAI":
            given = str(params.get("vertex_credentials") or "")
            if given.startswith("{"):
                return given
            path = given and self._plain(given, f"{place}.vertex_credentials")
            return f"file:{path}" if path else "identity"
        given = str(params.get("api_key") or "")
        if given.startswith(_REFERENCE):
            return f"env:{given.removeprefix(_REFERENCE)}"
        if given:
            self.draft.note(
                f"{place}.litellm_params.api_key", "is a key itself, which the file has"
            )
            return given
        return f"env:{variable}" if variable else ""

    def _aws_key(self, params: Members, place: str) -> str:
        named = {name: str(params[name]) for name in _AWS_PAIR if params.get(name)}
        if not named:
            return "identity"
        if named == {name: f"{_REFERENCE}{each}" for name, each in _AWS_PAIR.items()}:
            # The variables that the machine's own identity is looked for in.
            return "identity"
        self.draft.note(
            f"{place}.litellm_params",
            "give the AWS pair as one value, or use the machine's identity",
        )
        return "identity"

    def _address(self, params: Members, place: str) -> str:
        given = params.get("api_base") or params.get("base_url") or ""
        return self._plain(given, f"{place}.litellm_params.api_base").rstrip("/")

    def _plain(self, value: object, place: str) -> str:
        """Return a text that may be a variable of the environment."""
        text = str(value)
        if not text.startswith(_REFERENCE):
            return text
        name = text.removeprefix(_REFERENCE)
        if name not in self._env:
            self.draft.note(
                place, f"{name} is not set here, and nothing but keys may be a reference"
            )
        return self._env.get(name, "")

    def _mapping(self, params: Members) -> Members:
        more: Members = {}
        weight, order = params.get("weight"), params.get("order")
        if isinstance(weight, int | float) and weight >= 0:
            # Shares may be fractions there.
            more["weight"] = round(weight) if float(weight).is_integer() else round(weight * 1000)
        if isinstance(order, int) and order > 0:
            more["priority"] = order
        timeouts = {
            "total": seconds(params.get("timeout")),
            "firstToken": seconds(params.get("stream_timeout")),
        }
        if any(timeouts.values()):
            more["timeouts"] = {name: each for name, each in timeouts.items() if each}
        return more

    def _costs(self, told: Members, mapping: Members, place: str) -> None:
        read, written = told.get("input_cost_per_token"), told.get("output_cost_per_token")
        if read is None and written is None:
            return
        cost: Members = {
            "modelPattern": mapping["actualModelName"],
            "provider": mapping["provider"],
            "inputCostPer1kTokens": _per_thousand(read or 0),
            "outputCostPer1kTokens": _per_thousand(written or 0),
        }
        if (cached := told.get("cache_read_input_token_cost")) is not None:
            cost["cachedInputCostPer1kTokens"] = _per_thousand(cached)
        if None in cost.values():
            self.draft.note(place, "has a price that is no number")
        elif cost not in self.draft.costs:
            self.draft.costs.append(cost)

    def _aliases(self, aliases: Members) -> None:
        for alias, target in aliases.items():
            group = str(as_members(target).get("model") if isinstance(target, dict) else target)
            found = self.draft.of(group)
            if not found:
                self.draft.note("router_settings.model_group_alias", f"nobody serves {group!r}")
            self.draft.mappings += [{**each, "modelAlias": alias} for each in found]

    def _fallbacks(self, entries: list[object], place: str, condition: str) -> None:
        for entry in entries:
            for alias, targets in as_members(entry).items():
                if alias == "*":
                    self._default_fallbacks(targets)
                    continue
                self._fall_back(alias, targets, place, condition)

    def _fall_back(self, alias: str, targets: object, place: str, condition: str = "") -> None:
        if not self.draft.of(alias):
            self.draft.note(place, f"nobody serves {alias!r}")
            return
        for target in as_list(targets):
            if isinstance(target, str) and self.draft.of(target):
                self.draft.fall_back(alias, target, condition=condition)
            else:
                self.draft.note(place, f"nobody serves {str(target)[:100]!r}")

    def _default_fallbacks(self, targets: object) -> None:
        aliases = dict.fromkeys(each["modelAlias"] for each in self.draft.mappings)
        own = {each["modelAlias"] for each in self.draft.chains if "providers" in each}
        for alias in aliases if targets else ():
            others = [each for each in as_list(targets) if each != alias]
            if alias not in own and others:
                self._fall_back(alias, others, "default_fallbacks")

    def _strategy(self, strategy: object) -> None:
        name = _STRATEGIES.get(str(strategy))
        if name is None:
            if strategy not in {None, "simple-shuffle"}:
                self.draft.note("router_settings.routing_strategy", f"{strategy!r} is not known")
            return
        for alias in dict.fromkeys(each["modelAlias"] for each in self.draft.mappings):
            if len(self.draft.of(alias)) > 1:
                self.draft.chain(alias)["strategy"] = name

    def _whole_budget(self, settings: Members) -> None:
        limit, duration = settings.pop("max_budget", None), settings.pop("budget_duration", None)
        if budgets := budgets_of(limit, duration, self.draft, "litellm_settings"):
            self.draft.groups.append({"name": "All", "coversAll": True, "budgets": budgets})

    def _general(self, settings: Members) -> None:
        master = settings.pop("master_key", None)
        if isinstance(master, str) and master and not master.startswith(_REFERENCE):
            known_by = hashlib.sha256(master.encode()).hexdigest()
            self.draft.virtual_keys.append({"name": _MASTER, "keySha256": known_by})
            note = (
                f"callers may go on with it, as the virtual key {_MASTER!r}; it administers nothing"
            )
            self.draft.note("general_settings.master_key", note)
        elif master:
            note = "callers that hold it need a virtual key"
            self.draft.note("general_settings.master_key", note)
        self._rest("general_settings", settings)

    def _rest(self, section: str, settings: Members) -> None:
        for name in settings.keys() - _IDLE:
            self.draft.note(f"{section}.{name}", "is not taken over")


def _provider_of(params: Members, named: str) -> tuple[Known | None, str]:
    prefix, _, rest = named.partition("/")
    custom = str(params.get("custom_llm_provider") or "")
    if custom:
        return LITELLM.get(custom), rest if prefix == custom else named
    if rest or named.endswith("/"):
        return LITELLM.get(prefix), rest
    for starts, provider in BY_MODEL:
        if named.startswith(starts):
            return LITELLM[provider], named
    return None, named


def _looked_for(kind: str, params: Members) -> Members:
    """Return what a deployment says, with the variables that LiteLLM looks for in its place."""
    if kind == "AzureOpenAI" and not (params.get("api_base") or params.get("base_url")):
        return {**params, "api_base": f"{_REFERENCE}AZURE_API_BASE"}
    if kind == "VertexAI":
        return {"vertex_project": f"{_REFERENCE}VERTEXAI_PROJECT", **params}
    return params


def _per_thousand(per_token: object) -> str | None:
    """Return a price of 1,000 tokens in dollars, to the nano-dollar."""
    try:
        price = Decimal(str(per_token)) * 1000
        return f"{price.quantize(Decimal('1e-9')).normalize():f}" if price >= 0 else None
    except InvalidOperation:
        return None
