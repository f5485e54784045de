"""Reads a config of Portkey's gateway: https://portkey.ai/docs/product/ai-gateway/configs."""

from conduit_cli.importers.draft import Draft, Instance, Members, as_list, as_members, seconds
from conduit_cli.importers.providers import LITELLM

# Its names where they are others than LiteLLM's.
_KINDS = {
    "azure-openai": "AzureOpenAI",
    "google": "Gemini",
    "vertex-ai": "VertexAI",
    "mistral-ai": "Mistral",
    "together-ai": "Together",
    "fireworks-ai": "Fireworks",
    "perplexity-ai": "Perplexity",
    "x-ai": "xAI",
    "stability-ai": "StabilityAI",
}
_READ = {
    *("provider", "api_key", "virtual_key", "weight", "override_params", "custom_host"),
    *("request_timeout", "name", "targets", "strategy", "cache"),
}
_SETTINGS = {
    "AzureOpenAI": {"resource_name": "resource", "api_version": "apiVersion"},
    "Bedrock": {"aws_region": "region"},
    "VertexAI": {"vertex_project_id": "project", "vertex_region": "location"},
}
_SHARE = 1000


class PortkeyImport:
    """One config, which becomes one alias: whoever sent the config asks for the alias."""

    def __init__(self, config: Members, alias: str) -> None:
        self._config = config
        self._alias = alias
        self.draft = Draft()

    def run(self) -> Draft:
        """Return what could be taken over."""
        self._node(self._config, "config", {}, 1, 1.0)
        chain = None
        if (cache := as_members(self._config.get("cache"))) and self.draft.mappings:
            chain = self.draft.chain(self._alias)
            if cache.get("mode") == "semantic":
                self.draft.note(
                    "config.cache", "is by the same words here, not by the same meaning"
                )
            chain["cache"] = {"ttl": f"{int(cache['max_age'])}s"} if cache.get("max_age") else {}
        return self.draft

    def _node(self, node: Members, place: str, given: Members, priority: int, share: float) -> int:
        """Take a target, or a group of them; return the priority of the next one behind it."""
        inherited = {
            **given,
            **{
                name: each
                for name, each in node.items()
                if name in {"override_params", "request_timeout"}
            },
        }
        targets = as_list(node.get("targets"))
        for name in node.keys() - _READ - _SETTINGS.keys() - _setting_names():
            self.draft.note(f"{place}.{name}", "is not taken over")
        if not targets:
            self._target({**inherited, **node}, place, priority, share)
            return priority + 1
        strategy = as_members(node.get("strategy"))
        mode = strategy.get("mode", "single")
        for name in strategy.keys() - {"mode"}:
            self.draft.note(f"{place}.strategy.{name}", "is not taken over")
        if mode not in {"single", "fallback", "loadbalance"}:
            self.draft.note(f"{place}.strategy", f"{mode!r} is taken for a fallback")
        if mode == "single":
            targets = targets[:1]
        last = priority
        total = sum(_weight(as_members(each)) for each in targets) or 1.0
        for i, target in enumerate(map(as_members, targets)):
            own = share * _weight(target) / total if mode == "loadbalance" else share
            start = priority if mode == "loadbalance" else last
            last = max(last, self._node(target, f"{place}.targets[{i}]", inherited, start, own))
        return last

    def _target(self, target: Members, place: str, priority: int, share: float) -> None:
        name = str(target.get("provider") or "").removeprefix("@")
        known = LITELLM.get(name.replace("-", "_"))
        kind = _KINDS.get(name) or (known.kind if known else None)
        if kind is None:
            what = f"no provider type of Conduit is known for {name!r}"
            if target.get("virtual_key"):
                what = f"what {target['virtual_key']!r} stands for is known to Portkey alone"
            self.draft.note(place, what)
            return
        model = str(as_members(target.get("override_params")).get("model") or "")
        if not model:
            self.draft.note(place, f"names no model: {self._alias!r} is asked for")
        for other in as_members(target.get("override_params")).keys() - {"model"}:
            self.draft.note(f"{place}.override_params.{other}", "is not taken over")
        base_url = str(target.get("custom_host") or "")
        if kind == "OpenAI" and base_url:
            kind = "OpenAICompatible"
        settings = {
            setting: str(target[theirs])
            for theirs, setting in _SETTINGS.get(kind, {}).items()
            if target.get(theirs)
        }
        key = self._key(target, kind, known.variable if known else "", place)
        more: Members = {"priority": priority, "weight": round(share * _SHARE)}
        if isinstance(limit := target.get("request_timeout"), int | float) and limit > 0:
            # In milliseconds there.
            more["timeouts"] = {"total": seconds(limit / 1000)}
        instance = Instance(kind, base_url, settings, key)
        self.draft.serve(self._alias, instance, model or self._alias, **more)

    def _key(self, target: Members, kind: str, variable: str, place: str) -> str:
        if key := str(target.get("api_key") or ""):
            self.draft.note(f"{place}.api_key", "is a key itself, which the file has")
            return key
        if kind in {"Bedrock", "VertexAI"}:
            return "identity"
        if virtual := target.get("virtual_key"):
            self.draft.note(f"{place}.virtual_key", f"give the key that {virtual!r} stands for")
        return f"env:{variable}" if variable else ""


def _setting_names() -> set[str]:
    return {theirs for settings in _SETTINGS.values() for theirs in settings}


def _weight(target: Members) -> float:
    weight = target.get("weight", 1)
    return float(weight) if isinstance(weight, int | float) and weight >= 0 else 1.0
