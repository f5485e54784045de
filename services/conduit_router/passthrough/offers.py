"""Which instances a caller may mean, and by which alias a model of theirs is offered.

A model passes through where a mapping names it: what the operator does not offer under any alias,
nobody reaches by its own name either. The alias decides who may use it, and how it is routed.
"""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_kernel.not_found_errors import ModelNotFound, ProviderNotFound, RouteNotFound
from conduit_kernel.quoting import quoted
from conduit_providers.passthrough.rule import PassthroughRule
from conduit_providers.spec import ProviderSpec
from conduit_router.routing.table import EMPTY_TABLE, Caller, Instance, RoutingTable
from conduit_router.virtual_keys import check_model, may_use

# Where servers have OpenAI's paths whose catalog file knows no address.
_USUAL_ROOT = "/v1"
# As many as the options of a call may name.
MOST_INSTANCES = 16


class Offer(NamedTuple):
    """An alias under which a model is offered, and the instances there that have it."""

    alias: str
    provider_ids: tuple[int, ...]


def instances_named(table: RoutingTable, name: str) -> list[Instance]:
    """Return the instances of a name or an id, or else of a type. ProviderNotFound if none is."""
    wanted, known = name.strip().casefold(), table.instances.values()
    found = [
        each for each in known if wanted in {each.provider.name.casefold(), str(each.provider.id)}
    ]
    found = found or [each for each in known if wanted in _names(each.spec)]
    if not found:
        shown = quoted(name)
        raise ProviderNotFound(f"There is no provider {shown}", provider_id=shown)
    return found


def _names(spec: ProviderSpec) -> set[str]:
    return {each.casefold() for each in (spec.name, *spec.other_names)}


def rule_of(spec: ProviderSpec, path: str) -> tuple[PassthroughRule, str]:
    """Return what a caller's path is, and the path behind the instance's address.

    Callers may begin with what the provider's own address ends in, such as `/v1`, or leave it out.
    RouteNotFound if it does not pass through.
    """
    path = f"/{path.removeprefix('/')}"
    root = urlsplit(spec.base_url).path if spec.base_url else _USUAL_ROOT
    tried = [path]
    if root and path.startswith(f"{root}/"):
        tried.append(path.removeprefix(root))
    for each in tried:
        for rule in spec.passthrough:
            if rule.pattern.fullmatch(each):
                return rule, each
    shown = quoted(path)
    raise RouteNotFound(f"{spec.name} has no path {shown} that passes through", path=shown)


class Offers:
    """Finds the aliases of providers' models, by an index that is made once for each table."""

    def __init__(self) -> None:
        self._table = EMPTY_TABLE
        # Aliases in order, by instance and model.
        self._aliases: dict[tuple[int, str], list[str]] = {}

    def find(
        self, table: RoutingTable, caller: Caller, instances: Sequence[Instance], model: str
    ) -> Offer:
        """Return the first alias that offers a model to a caller.

        ModelNotFound if none does at these instances, ModelNotAllowed if none that the virtual key
        may use.
        """
        index = self._index(table)
        offered: dict[str, list[int]] = {}
        for instance in instances:
            for alias in index.get((instance.provider.id, model), ()):
                offered.setdefault(alias, []).append(instance.provider.id)
        shown = quoted(model)
        if not offered:
            message = f"No mapping offers the model {shown} of this provider"
            raise ModelNotFound(message, model=shown)
        allowed = [alias for alias in sorted(offered) if may_use(caller, alias)]
        if not allowed:
            check_model(caller, model)
            check_model(caller, min(offered))
        alias = allowed[0]
        return Offer(alias, tuple(offered[alias][:MOST_INSTANCES]))

    def _index(self, table: RoutingTable) -> dict[tuple[int, str], list[str]]:
        if self._table is not table:
            found: dict[tuple[int, str], list[str]] = {}
            for alias, route in table.routes.items():
                for place in {(each.provider_id, each.model) for each in route.candidates}:
                    found.setdefault(place, []).append(alias)
            self._table, self._aliases = table, found
        return self._aliases


def narrowed(offer: Offer, instances: Sequence[Instance], wanted: Sequence[str]) -> list[str]:
    """Return the ids of an offer's instances, those alone that a caller asks for.

    InvalidRequest if that leaves none.
    """
    names = {each.strip().casefold() for each in wanted}
    found = [
        str(each.provider.id)
        for each in instances
        if each.provider.id in offer.provider_ids
        and (not names or names & {each.provider.name.casefold(), str(each.provider.id)})
    ]
    if not found:
        message = f"None of the providers asked for has the model of {quoted(offer.alias)}"
        raise InvalidRequest(message, field="providers")
    return found


def refuse_guarded(alias: str) -> UnsupportedCapability:
    """Return the error of a call that guardrails hold for."""
    message = (
        f"Guardrails hold for {quoted(alias)} or this virtual key, and know no provider's own words"
    )
    return UnsupportedCapability(message, capability="guardrails")
