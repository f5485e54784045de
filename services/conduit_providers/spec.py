"""What a provider type is, as data: one TOML file each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a provider type serves one operation."""

    # The module in `codecs/`, such as `openai_chat`.
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
    # Where `Usage` counts sit in an answer, for those that are not where the dialect has them:
    # `cached_input_tokens = "usage.prompt_cache_hit_tokens"`.
    usage: Mapping[str, str] = field(default_factory=dict[str, str])
    # Headers of every request.
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    # What only this dialect's codec understands.
    options: Mapping[str, str | int | bool] = field(default_factory=dict[str, str | int | bool])
    # Finds the JSON members whose presence in a request means that it cannot pass as it is; None if
    # there are none. Derived.
    watched: re.Pattern[bytes] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Spell the watched names once, because every request is searched for them."""
        named = {
            *self.rename,
            *self.drop,
            *self.rename_in_messages,
            *self.drop_in_messages,
        } - {"stream_options"}
        # One pattern: many searches cost ten times as much. With the colon, because names such as
        # `user` are more often values.
        names = "|".join(re.escape(name) for name in sorted(named))
        watched = re.compile(rb'"(?:%b)"\s*:' % names.encode()) if named else None
        object.__setattr__(self, "watched", watched)

    def path_for(self, settings: Mapping[str, str]) -> str:
        """Return the path for instances with these settings; may have places."""
        if not self.paths:
            return self.path
        chosen = (self.paths.get(f"{name}={value}") for name, value in settings.items())
        return next((path for path in chosen if path), self.path)


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
