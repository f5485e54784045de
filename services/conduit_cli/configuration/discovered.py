"""What discovery found, held against the mappings: a difference to look at, and to approve."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from conduit_cli.configuration.listed import Members, every
from conduit_cli.gateway import Gateway, Json


@dataclass(slots=True)
class Discovered:
    """The models by which instances and mappings differ."""

    # Offered, and mapped to no alias; as mappings that could be made, each with when it was found.
    new: list[Members] = field(default_factory=list[Members])
    found_at: list[str] = field(default_factory=list[str])
    # Mappings whose models are not offered any more.
    gone: list[Members] = field(default_factory=list[Members])
    # Mappings whose models will be turned off, with the day.
    retiring: list[tuple[Members, str]] = field(default_factory=list[tuple[Members, str]])

    def lines(self) -> Iterator[str]:
        """Yield a line for each."""
        for mapping in self.gone:
            yield f"gone: {_arrow(mapping)} is not offered any more"
        for mapping, day in self.retiring:
            yield f"retires: {_arrow(mapping)} is turned off on {day}"
        for mapping, moment in zip(self.new, self.found_at, strict=True):
            model, provider = mapping["actualModelName"], mapping["provider"]
            yield f"new: {provider!r} offers {model!r}, found {moment}"


def discovered(gateway: Gateway, since: str) -> Discovered:
    """Return the differences. Models that were found before a time, `2026-11-30`, are not new.

    Instances that were never asked for their models say nothing.
    """
    found = Discovered()
    mapped = defaultdict[int, list[Json]](list)
    for mapping in every(gateway, "/api/model-provider-mappings", "mappings"):
        mapped[int(mapping["providerId"])].append(mapping)
    for provider in every(gateway, "/api/providers", "providers"):
        number, name = int(provider["id"]), str(provider["name"])
        models = {
            str(each["name"]): each
            for each in every(gateway, f"/api/providers/{number}/models", "models")
        }
        if models:
            _hold(found, name, models, mapped[number], since)
    return found


def _hold(
    found: Discovered, provider: str, models: dict[str, Json], mappings: list[Json], since: str
) -> None:
    used = set()
    for each in mappings:
        model = str(each["actualModelName"])
        used.add(model)
        mapping = {"modelAlias": each["modelAlias"], "provider": provider, "actualModelName": model}
        if model not in models:
            found.gone.append(mapping)
        elif day := models[model].get("retiresOn"):
            found.retiring.append((mapping, str(day)))
    for name, offered in models.items():
        moment = str(offered.get("discoveredAt") or "")
        if name not in used and moment >= since:
            # One that asks for it by its own name is what most would make of it.
            found.new.append({"modelAlias": name, "provider": provider, "actualModelName": name})
            found.found_at.append(moment)


def _arrow(mapping: Members) -> str:
    alias, provider, model = (mapping[k] for k in ("modelAlias", "provider", "actualModelName"))
    return f"{alias!r} by {model!r} of {provider!r}"
