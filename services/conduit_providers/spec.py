"""What a provider type is, as data: one TOML file each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from conduit_providers.member_scanner import DeepMemberScanner, MemberScanner


@dataclass(frozen=True, slots=True)
class ValueMap:
    """The words of a parameter that some models of a provider do not know, or say otherwise."""

    parameter: str
    # Parts of the models' names; empty for all that are named nowhere before.
    models: tuple[str, ...] = ()
    # Another word for the same.
    same: Mapping[str, str] = field(default_factory=dict[str, str])
    # The nearest word, where something is lost, which callers are told; empty where there is none.
    # `*` is for all other words.
    nearest: Mapping[str, str] = field(default_factory=dict[str, str])
    # The members that say it in the parameter's place.
    instead: Mapping[str, Mapping[str, object]] = field(
        default_factory=dict[str, Mapping[str, object]]
    )

    def fits(self, model: str) -> bool:
        """Whether this is about a model."""
        return not self.models or any(part in model for part in self.models)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a provider type serves one operation."""

    # Dialect and operation, such as `openai_chat`: a module in `codecs/`.
    codec: str
    # Relative to the base URL; may have places for settings, such as `{model}`.
    path: str
    # Where it is, if not where the others are; may have places for settings.
    base_url: str = ""
    # Paths that go before it where a setting has a certain value: `apiVersion=v1`.
    paths: Mapping[str, str] = field(default_factory=dict[str, str])
    # What it can do beyond the plain operation, such as `stream`, `tools`, `vision`.
    capabilities: frozenset[str] = frozenset()
    # Parameters that go by another name here.
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    # Parameters that are not taken.
    drop: frozenset[str] = frozenset()
    # The same, for the members of messages and of their parts.
    rename_in_messages: Mapping[str, str] = field(default_factory=dict[str, str])
    drop_in_messages: frozenset[str] = frozenset()
    # Parameters that are taken, but not with all of their words; of those about one parameter the
    # first that fits the model holds.
    words: tuple[ValueMap, ...] = ()
    # The most inputs in one request, by a word of the model's name; `*` is for all others.
    max_inputs: Mapping[str, int] = field(default_factory=dict[str, int])
    # Where `TokenCounts` sit in an answer, for those that are not where the dialect has them:
    # `cached_input_tokens = "usage.prompt_cache_hit_tokens"`.
    usage: Mapping[str, str] = field(default_factory=dict[str, str])
    # Headers of every request.
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    # What only this dialect's codec understands.
    options: Mapping[str, str | int | bool] = field(default_factory=dict[str, str | int | bool])
    # What finds members that do not pass as they are. Derived.
    watches: tuple[MemberScanner | DeepMemberScanner, ...] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Learn the watched names once, because every request is looked through for them."""
        top = {*self.rename, *self.drop, *(words.parameter for words in self.words)}
        deep = {*self.rename_in_messages, *self.drop_in_messages}
        watches: tuple[MemberScanner | DeepMemberScanner, ...] = ()
        if top := top - {"stream_options"}:
            watches += (MemberScanner(top),)
        if deep:
            watches += (DeepMemberScanner(deep),)
        object.__setattr__(self, "watches", watches)

    def passes(self, body: bytes) -> bool:
        """Return whether all members of a request can pass as they are."""
        return not any(watch.finds(body) for watch in self.watches) if self.watches else True

    def path_for(self, settings: Mapping[str, str]) -> str:
        """Return the path for instances with these settings; may have places."""
        if not self.paths:
            return self.path
        chosen = (self.paths.get(f"{name}={value}") for name, value in settings.items())
        return next((path for path in chosen if path), self.path)

    def max_inputs_of(self, model: str) -> int | None:
        """Return the most inputs that a request to a model may have; None if nobody says."""
        fitting = (most for word, most in self.max_inputs.items() if word == "*" or word in model)
        return next(fitting, None)


@dataclass(frozen=True, slots=True)
class Auth:
    """How a provider type knows its callers."""

    # The strategy in `auth/`, such as `bearer`.
    kind: str
    description: str
    is_optional: bool = False
    # What only this strategy understands, such as the header's name.
    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Setting:
    """Something an instance of the type may or must say beyond URL and key."""

    name: str
    description: str
    is_required: bool = False
    default: str = ""


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """The response headers that tell the limits; empty names where the provider has none."""

    requests_limit: str = ""
    requests_remaining: str = ""
    requests_reset: str = ""
    tokens_limit: str = ""
    tokens_remaining: str = ""
    tokens_reset: str = ""


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """One provider type: where it is, how it knows us, what it can do."""

    # The short name on the API, such as `AzureOpenAI`.
    name: str
    display_name: str
    auth: Auth
    # By operation: `chat`, `embed`, `models`.
    endpoints: Mapping[str, Endpoint]
    sources: tuple[str, ...]
    checked_on: str
    # Other spellings, matched like the name without regard to case.
    other_names: tuple[str, ...] = ()
    # May have places for settings; empty when every instance must say its own.
    base_url: str = ""
    # Addresses that go before it where a setting has a certain value: `location=global`.
    base_urls: Mapping[str, str] = field(default_factory=dict[str, str])
    # What instances' addresses may end in, because the provider shows them so, though the paths
    # here have it already; it is taken off.
    base_url_endings: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    rate_limits: RateLimitHeaders = RateLimitHeaders()
    # The provider's error codes or types that mean another reason than everybody else's.
    error_codes: Mapping[str, str] = field(default_factory=dict[str, str])
    # By which `genai-prices` knows the provider; empty if it does not.
    price_provider: str = ""
    # The response header with the provider's own id of the request.
    request_id_header: str = "x-request-id"
    # The response header with the error's code, for providers that do not have it in the body.
    error_code_header: str = ""

    def base_url_for(self, settings: Mapping[str, str]) -> str:
        """Return the address of instances with these settings; may have places, may be empty."""
        chosen = (self.base_urls.get(f"{name}={value}") for name, value in settings.items())
        return next((url for url in chosen if url), self.base_url)
