"""Reads Bifrost's `config.json`, whose form its `transports/config.schema.json` says."""

import hashlib
import re

from conduit_cli.importers.draft import Draft, Instance, Members, as_list, as_members, unique
from conduit_cli.importers.litellm_budgets import budgets_of
from conduit_cli.importers.providers import LITELLM

_REFERENCE = "env."
# Its names where they are others than LiteLLM's.
_KINDS = {"vertex": "VertexAI", "fireworks": "Fireworks"}
_DURATION = re.compile(r"(\d+)([smhdwMY])")
_READ_PROVIDER = {"keys", "network_config", "custom_provider_config"}
_READ_KEY = {"name", "id", "value", "models", "weight", "aliases", "enabled"}


class BifrostImport:
    """One config.json."""

    def __init__(self, config: Members) -> None:
        self._config = config
        self.draft = Draft()
        self._budgets: list[Members] = []
        self._limits: dict[str, Members] = {}

    def run(self) -> Draft:
        """Return what could be taken over."""
        for name, each in as_members(self._config.get("providers")).items():
            self._provider(name, as_members(each), f"providers.{name}")
        governance = as_members(self._config.get("governance"))
        self._budgets = [as_members(each) for each in as_list(governance.pop("budgets", None))]
        limits = map(as_members, as_list(governance.pop("rate_limits", None)))
        self._limits = {str(each.get("id")): each for each in limits}
        teams = self._teams(as_list(governance.pop("teams", None)))
        self._virtual_keys(as_list(governance.pop("virtual_keys", None)), teams)
        for section, rest in (
            ("governance", governance),
            ("", self._config.keys() - {"providers", "governance", "$schema", "version"}),
        ):
            for name in rest:
                place = f"{section}.{name}".lstrip(".")
                self.draft.note(place, "is not taken over")
        return self.draft

    def _provider(self, name: str, provider: Members, place: str) -> None:
        custom = as_members(provider.get("custom_provider_config"))
        kind = self._kind(str(custom.get("base_provider_type") or name))
        if kind is None:
            self.draft.note(place, "no provider type of Conduit is known for it")
            return
        base_url = str(as_members(provider.get("network_config")).get("base_url") or "")
        if kind == "OpenAI" and base_url:
            kind = "OpenAICompatible"
            base_url = f"{base_url.rstrip('/').removesuffix('/v1')}/v1"
        for i, key in enumerate(map(as_members, as_list(provider.get("keys")))):
            self._key(name, kind, base_url, key, f"{place}.keys[{i}]")
        for other in provider.keys() - _READ_PROVIDER:
            self.draft.note(f"{place}.{other}", "is not taken over")

    def _key(self, name: str, kind: str, base_url: str, key: Members, place: str) -> None:
        own = {
            each: as_members(value) for each, value in key.items() if each.endswith("_key_config")
        }
        config = next(iter(own.values()), {})
        settings: Members = {}
        if kind == "AzureOpenAI":
            base_url = self._plain(config.get("endpoint") or base_url, place)
            settings = self._settings(config, {"api_version": "apiVersion"}, place)
        elif kind == "VertexAI":
            settings = self._settings(
                config, {"project_id": "project", "region": "location"}, place
            )
        elif kind == "Bedrock":
            settings = self._settings(config, {"region": "region"}, place)
        elif config.get("url"):
            base_url = self._plain(config["url"], place)
        instance = Instance(
            kind, base_url.rstrip("/"), settings, self._value(kind, key, config, place)
        )
        aliases = {**as_members(config.get("deployments")), **as_members(key.get("aliases"))}
        models = [str(each) for each in as_list(key.get("models")) if each != "*"] or list(aliases)
        if not models:
            self.draft.note(f"{place}.models", "stands for all models; map those that are called")
        for model in models:
            actual = aliases.get(model, model)
            if not isinstance(actual, str):
                actual = str(as_members(actual).get("model_id") or model)
            weight = key.get("weight")
            more = {"weight": round(weight * 1000)} if isinstance(weight, int | float) else {}
            # Callers name the provider before the model.
            self.draft.serve(f"{name}/{model}", instance, actual, **more)
        for other in key.keys() - _READ_KEY - own.keys():
            self.draft.note(f"{place}.{other}", "is not taken over")

    def _value(self, kind: str, key: Members, config: Members, place: str) -> str:
        if kind == "Bedrock":
            if config.get("access_key"):
                self.draft.note(
                    place, "give the AWS pair as one value, or use the machine's identity"
                )
            return "identity"
        if kind == "VertexAI":
            given = str(config.get("auth_credentials") or "")
            return self._reference(given, place) if given else "identity"
        return self._reference(str(key.get("value") or ""), f"{place}.value")

    def _reference(self, given: str, place: str) -> str:
        if given.startswith(_REFERENCE):
            return f"env:{given.removeprefix(_REFERENCE)}"
        if given:
            self.draft.note(place, "is a key itself, which the file has")
        return given

    def _settings(self, config: Members, names: dict[str, str], place: str) -> Members:
        found = {
            setting: self._plain(config[name], f"{place}.{name}")
            for name, setting in names.items()
            if config.get(name)
        }
        return {name: each for name, each in found.items() if each}

    def _plain(self, value: object, place: str) -> str:
        text = str(value)
        if text.startswith(_REFERENCE):
            self.draft.note(place, f"{text!r} is no key: nothing but keys may be a reference")
            return ""
        return text

    def _kind(self, name: str) -> str | None:
        known = LITELLM.get(name)
        return _KINDS.get(name) or (known.kind if known else None)

    def _teams(self, teams: list[object]) -> dict[str, str]:
        names: dict[str, str] = {}
        taken: set[str] = set()
        for team in map(as_members, teams):
            number = str(team.get("id"))
            names[number] = unique(str(team.get("name") or number), taken)
            group = {"name": names[number], **self._rules(team, "team_id", f"team {number}")}
            self.draft.groups.append(group)
        return names

    def _virtual_keys(self, keys: list[object], teams: dict[str, str]) -> None:
        taken: set[str] = set()
        for key in map(as_members, keys):
            number, value = str(key.get("id")), str(key.get("value") or "")
            name = unique(str(key.get("name") or number), taken)
            made: Members = {
                "name": name,
                **self._rules(key, "virtual_key_id", f"virtual key {name}"),
            }
            if value and not value.startswith((_REFERENCE, "vault.")):
                made["keySha256"] = hashlib.sha256(value.encode()).hexdigest()
            else:
                self.draft.note(
                    f"virtual key {name}", "its value is not in the file: it gets a new one"
                )
            if key.get("is_active") is False:
                made["isEnabled"] = False
            if (team := teams.get(str(key.get("team_id")))) is not None:
                made["group"] = team
            if key.get("provider_configs"):
                self.draft.note(f"virtual key {name}", "provider_configs are not taken over")
            self.draft.virtual_keys.append(made)

    def _rules(self, owner: Members, owned_by: str, place: str) -> Members:
        found: Members = {}
        budgets = [
            *map(as_members, as_list(owner.get("budgets"))),
            *(
                each
                for each in self._budgets
                if each.get(owned_by) == owner.get("id") or each.get("id") == owner.get("budget_id")
            ),
        ]
        made = [
            budget
            for each in budgets
            for budget in budgets_of(
                each.get("max_limit"), _duration(each.get("reset_duration")), self.draft, place
            )
        ]
        if made:
            found["budgets"] = made
        limit = self._limits.get(str(owner.get("rate_limit_id")), {})
        for mine, theirs in (("requestsPerMinute", "request"), ("tokensPerMinute", "token")):
            most, duration = limit.get(f"{theirs}_max_limit"), limit.get(f"{theirs}_reset_duration")
            if most is None:
                continue
            if duration in {"1m", "60s"}:
                found.setdefault("limits", {})[mine] = int(most)
            else:
                self.draft.note(
                    place, f"limits of {theirs}s are by the minute, not by {duration!r}"
                )
        return found


def _duration(given: object) -> str | None:
    """Return a duration as LiteLLM writes it, whose months are `mo`."""
    found = _DURATION.fullmatch(str(given))
    if found is None:
        return None if given is None else str(given)
    number, unit = int(found[1]), found[2]
    return {"M": f"{number}mo", "Y": f"{number * 365}d"}.get(unit, f"{number}{unit}")
