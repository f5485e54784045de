"""What a provider type is, as data: one TOML file each, whose tables are these structs."""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Any, Literal

import msgspec

from conduit_providers.member_scanner import DeepMemberScanner, MemberScanner
from conduit_providers.model_rows import (
    EVERY_MODEL,
    ByModel,
    ModelMatch,
    ModelRow,
    ModelRule,
    ValueMap,
)
from conduit_providers.passthrough.rule import PassthroughRule
from conduit_providers.patience import Patience, usual_patience

Scanner = MemberScanner | DeepMemberScanner


# `dict` keeps what is derived, which no file says.
class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A provider type's way of serving one operation."""

    # Dialect and operation, such as `openai_chat`: a module in `codecs/`.
    codec: str
    # Relative to the base URL; may have places for settings, such as `{model}`.
    path: str
    # Where it is, if not where the others are; may have places for settings.
    base_url: str = ""
    # Addresses that go before that one where a setting has a certain value: `location=global`.
    base_urls: Mapping[str, str] = {}
    # Paths that go before it where a setting has a certain value: `apiVersion=v1`.
    paths: Mapping[str, str] = {}
    # What it can do beyond the plain operation, such as `stream`, `tools`, `vision`.
    capabilities: frozenset[str] = frozenset()
    # The models that it is known to be for, where it is not for any. Tells what a model can do, and
    # refuses none.
    serves: ModelMatch = EVERY_MODEL
    # Of an endpoint that names none: the models that others name, and that it is for as well.
    also_serves: ModelMatch | None = None
    # Parameters that go by another name here.
    rename: Mapping[str, str] = {}
    # Parameters that are not taken.
    drop: frozenset[str] = frozenset()
    # Parameters that name other models: taken of callers alone whom no models and no budget bind.
    choosing: frozenset[str] = frozenset()
    # As above, for the members of messages, of their parts and of their tool calls.
    rename_in_messages: Mapping[str, str] = {}
    drop_in_messages: frozenset[str] = frozenset()
    # The same, for some models; all that fit a model hold.
    rules: tuple[ModelRule, ...] = ()
    # Parameters that are taken, but not with all values; of those about one parameter the first
    # that fits the model holds.
    value_maps: tuple[ValueMap, ...] = ()
    # Whether media that a call names by URL are fetched by us and sent within the request.
    inline_media: bool = False
    # The beginnings of URLs that the provider reads by itself all the same.
    native_urls: tuple[str, ...] = ()
    # Where `TokenCounts` sit in an answer, for those that are not where the dialect has them:
    # `cached_input_tokens = "usage.prompt_cache_hit_tokens"`.
    usage: Mapping[str, str] = {}
    # The same for the service tier that an answer was served at: `usage.service_tier`.
    service_tier: str = ""
    # Headers of every request.
    headers: Mapping[str, str] = {}
    # What only this dialect's codec understands: its struct of options.
    options: Any = None
    # What the dialect must know of models, by rows; the last one, for all that have no row of their
    # own, has the defaults of the codec's struct.
    models: tuple[ModelRow, ...] = ()

    def patience_of(self, model: str) -> Patience:
        """Return how long a model may be silent."""
        return self.known_patience[model]

    def facts_of(self, model: str) -> Any:  # noqa: ANN401 # the codec's struct
        """Return what the codec must know of a model; None if the dialect has no such facts."""
        return self.known_facts[model]

    def prefill_of(self, model: str) -> str:
        """Return the `prefill` of a model's row."""
        return next((row.prefill for row in self.models if row.match.fits(model)), "none")

    def retires_on(self, model: str) -> date | None:
        """Return the day on which a model is turned off; None where nothing is known of that."""
        return next((row.retires_on for row in self.models if row.match.fits(model)), None)

    def value_maps_of(self, model: str) -> tuple[ValueMap, ...]:
        """Return the maps that hold for a model, one for each parameter."""
        return self.known_value_maps[model]

    def rules_of(self, model: str) -> tuple[ModelRule, ...]:
        """Return the rules that hold for a model."""
        if not self.rules:
            return ()
        return tuple(rule for rule in self.rules if rule.match.fits(model))

    def passes(self, body: bytes, model: str) -> bool:
        """Return whether all members of a request for a model can pass as they are."""
        for scanner in self.known_scanners[model]:  # noqa: SIM110 # each request comes by, and any() takes longer
            if scanner.finds(body):
                return False
        return True

    def path_for(self, settings: Mapping[str, str]) -> str:
        """Return the path for instances with these settings; may have places."""
        return chosen(self.paths, settings) or self.path

    def base_url_for(self, settings: Mapping[str, str]) -> str:
        """Return the address of its own for instances with these settings; may be empty."""
        return chosen(self.base_urls, settings) or self.base_url

    @cached_property
    def known_patience(self) -> ByModel[Patience]:
        """The patience with the models that were asked for."""
        return ByModel(self._patience)

    @cached_property
    def known_facts(self) -> ByModel[Any]:
        """The facts about the models that were asked for."""
        return ByModel(self._facts)

    @cached_property
    def known_value_maps(self) -> ByModel[tuple[ValueMap, ...]]:
        """The maps for the models that were asked for."""
        return ByModel(self._value_maps)

    @cached_property
    def known_scanners(self) -> ByModel[tuple[Scanner, ...]]:
        """The scanners for the models that were asked for."""
        return ByModel(self._scanners)

    def _patience(self, model: str) -> Patience:
        rows = (row.patience for row in self.models if row.match.fits(model))
        return next((each for each in rows if each), None) or usual_patience(model)

    def _facts(self, model: str) -> Any:  # noqa: ANN401 # as above
        return next((row.facts for row in self.models if row.match.fits(model)), None)

    def _value_maps(self, model: str) -> tuple[ValueMap, ...]:
        found: dict[str, ValueMap] = {}
        for each in self.value_maps:
            if each.match.fits(model):
                found.setdefault(each.parameter, each)
        return tuple(found.values())

    def _scanners(self, model: str) -> tuple[Scanner, ...]:
        """Return scanners for members that do not pass as they are; each request is scanned."""
        top = {
            *self.rename,
            *self.drop,
            *self.choosing,
            *(each.parameter for each in self.value_maps),
        }
        for rule in self.rules_of(model):
            top |= {*rule.rename, *rule.drop}
        deep = {*self.rename_in_messages, *self.drop_in_messages}
        scanners: tuple[Scanner, ...] = ()
        if top := top - {"stream_options"}:
            scanners += (MemberScanner(top),)
        if deep:
            scanners += (DeepMemberScanner(deep),)
        return scanners


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider type's way of knowing its callers."""

    # The strategy in `auth/`, such as `bearer`.
    kind: str
    description: str
    is_optional: bool = False
    # What only this strategy understands: its struct of options.
    options: Any = None


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something an instance of the type may or must say beyond URL and key."""

    name: str
    description: str
    is_required: bool = False
    default: str = ""


class Batches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider type's own batches, which it makes in its own time and for less."""

    # A module in `batch_apis/`, such as `openai`.
    api: str
    # Where they are, relative to the base URL, and where they are begun if not there; may have
    # places for settings, and `{model}`.
    path: str
    begin_path: str = ""
    # Where the files are that their requests and results are in.
    files_path: str = ""
    # The endpoints that their requests may be for as batches name them, by the paths of calls.
    paths: Mapping[str, str] = {}
    # Headers of every request about them.
    headers: Mapping[str, str] = {}
    # The most requests of one.
    most_requests: int = 10_000


class RateLimitHeaders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The response headers that tell the limits; empty names where the provider has none."""

    requests_limit: str = ""
    requests_remaining: str = ""
    requests_reset: str = ""
    tokens_limit: str = ""
    tokens_remaining: str = ""
    tokens_reset: str = ""


# `dict` as above.
class ProviderSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One provider type: where it is, how it knows us, what it can do."""

    # The short name on the API, such as `AzureOpenAI`.
    name: str
    display_name: str
    auth: Auth
    # By operation: `chat`, `embed`, `models`.
    endpoints: Mapping[str, Endpoint]
    sources: tuple[str, ...]
    checked_on: date
    # Other spellings, matched like the name without regard to case.
    other_names: tuple[str, ...] = ()
    # May have places for settings; empty when every instance must say its own.
    base_url: str = ""
    # Addresses that go before it where a setting has a certain value: `location=global`.
    base_urls: Mapping[str, str] = {}
    # What instances' addresses may end in, because the provider shows them so, though the paths
    # here have it already; it is taken off.
    base_url_endings: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    rate_limits: RateLimitHeaders = RateLimitHeaders()
    # The provider's error codes or types that mean another reason than everybody else's.
    error_codes: Mapping[str, str] = {}
    # By which `genai-prices` knows the provider; empty if it does not.
    price_provider: str = ""
    # The response header with the provider's own id of the request.
    request_id_header: str = "x-request-id"
    # None where it has none of its own.
    batches: Batches | None = None
    # The response header with the error's code, for providers that do not have it in the body.
    error_code_header: str = ""
    # The paths that callers may use as they are; none others pass through.
    passthrough: tuple[PassthroughRule, ...] = ()
    # What is charged for a stream whose caller left, where its instance does not say:
    # `read_to_end` for who goes on, and bills, all the same.
    aborted_streams: Literal["estimate", "read_to_end"] = "estimate"
    # Whether its servers go on with a caller's trace, told by W3C Trace Context's `traceparent`.
    takes_trace_context: bool = False

    @cached_property
    def chooses_models(self) -> bool:
        """Return whether callers may have it choose among models, by any parameter."""
        return any(endpoint.choosing for endpoint in self.endpoints.values())

    def retires_on(self, model: str) -> date | None:
        """Return the first day on which a model is turned off for any operation, if it is known."""
        days = (endpoint.retires_on(model) for endpoint in self.endpoints.values())
        return min((day for day in days if day is not None), default=None)

    def operations_of(self, model: str) -> frozenset[str]:
        """Return what a model is for: the endpoints that name it, or else those that name none."""
        return self.known_operations[model]

    @cached_property
    def known_operations(self) -> ByModel[frozenset[str]]:
        """The operations of the models that were asked for."""
        return ByModel(self._operations)

    def _operations(self, model: str) -> frozenset[str]:
        named = {
            operation
            for operation, endpoint in self.endpoints.items()
            if endpoint.serves != EVERY_MODEL and endpoint.serves.fits(model)
        }
        named |= {
            operation
            for operation, endpoint in self.endpoints.items()
            if named and endpoint.also_serves is not None and endpoint.also_serves.fits(model)
        }
        any_models = (
            operation
            for operation, endpoint in self.endpoints.items()
            if endpoint.serves == EVERY_MODEL
        )
        return frozenset(named or any_models)

    def base_url_for(self, settings: Mapping[str, str]) -> str:
        """Return the address of instances with these settings; may have places, may be empty."""
        return chosen(self.base_urls, settings) or self.base_url


def chosen(by_setting: Mapping[str, str], settings: Mapping[str, str]) -> str:
    """Return what holds for the value of a setting; empty if nothing does."""
    if not by_setting:
        return ""
    chosen = (by_setting.get(f"{name}={value}") for name, value in settings.items())
    return next((each for each in chosen if each), "")
