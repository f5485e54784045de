"""Asks a provider for its models: how keys and instances are tested, for free."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from conduit.v1.connectivity_pb2 import (
    CONNECTIVITY_OUTCOME_INVALID_KEY,
    CONNECTIVITY_OUTCOME_NO_FUNDS,
    CONNECTIVITY_OUTCOME_RATE_LIMITED,
    CONNECTIVITY_OUTCOME_UNKNOWN,
    CONNECTIVITY_OUTCOME_UNREACHABLE,
    ConnectivityOutcome,
)
from conduit_kernel.errors import (
    ConduitError,
    InsufficientFunds,
    InvalidApiKey,
    UnsupportedCapability,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_providers.auth import Signer, signer_for
from conduit_providers.catalog import Catalog
from conduit_providers.codecs import codec_named
from conduit_providers.failures import error_from
from conduit_providers.rate_limits import RateLimits, read_rate_limits
from conduit_providers.redaction import Redactor
from conduit_providers.sending import Send
from conduit_providers.spec import Endpoint, ProviderSpec
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

MAX_PAGES = 20
DEFAULT_TIMEOUT_SECONDS = 30.0


class ModelList(NamedTuple):
    """A provider's models, in its order; `response_time_ms` is of the first page."""

    names: list[str]
    response_time_ms: int
    rate_limits: RateLimits


class ProbeTarget(NamedTuple):
    """An instance with one of its keys, opened.

    `secret` is resolved, see `resolve_secret`; it and `key_id` are empty if there is no key.
    `is_guarded`: the operator named the address, see `Send`.
    """

    target: Target
    secret: str = ""
    is_guarded: bool = True
    key_id: str = ""

    def __repr__(self) -> str:
        """Name the instance and the key, and nothing secret."""
        return f"ProbeTarget({self.target.provider_name!r}, {self.key_id!r})"


class Probe:
    """Tests instances by their model lists."""

    def __init__(
        self,
        catalog: Catalog,
        send: Send,
        *,
        clock: Callable[[], float],
        timer: Callable[[], float],
    ) -> None:
        """Take `clock`, seconds since 1970, and `timer`, seconds since whenever."""
        self._catalog = catalog
        self._send = send
        self._clock = clock
        self._timer = timer

    async def list_models(
        self, opened: ProbeTarget, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    ) -> ModelList:
        """Return the models an instance offers to a key.

        UpstreamError, by class, if the provider does not answer with a list; UnsupportedCapability
        if the type publishes none, so that nothing is known of the key.
        """
        target = opened.target
        spec = self._catalog.find(target.provider_type)
        endpoint = spec.endpoints.get("models")
        if endpoint is None:
            raise UnsupportedCapability(
                f"{spec.display_name} publishes no list of models, so keys are tested by use only",
                capability="models",
                provider=target.provider_name,
            )
        opened = opened._replace(target=self._catalog.target_of(target, endpoint))
        redactor = Redactor(opened.secret)
        try:
            return await self._walk(spec, endpoint, opened, redactor, timeout_seconds)
        except UpstreamError as error:
            error.metadata.setdefault("provider", target.provider_name)
            # Some providers repeat the key that they were given.
            redactor.clean(error)
            raise

    async def _walk(
        self,
        spec: ProviderSpec,
        endpoint: Endpoint,
        opened: ProbeTarget,
        redactor: Redactor,
        timeout_seconds: float,
    ) -> ModelList:
        target = opened.target
        ends_at = self._timer() + timeout_seconds
        signer = signer_for(spec.auth, opened.secret, target)
        if not signer.is_static:
            await self._refresh(signer, target, timeout_seconds)
        codec = codec_named(endpoint.codec)
        request = codec.to_upstream(endpoint, target)
        began = self._timer()
        elapsed_ms = 0
        limits = RateLimits()
        names: dict[str, None] = {}
        for number in range(MAX_PAGES):
            left = ends_at - self._timer()
            response = await self._get(spec, opened, signer.sign(request), left)
            if number == 0:
                elapsed_ms = round((self._timer() - began) * 1000)
                limits = read_rate_limits(response.headers, spec.rate_limits, self._clock())
            covered = replace(response, body=redactor.covered(response.body))
            page = codec.from_upstream(covered, endpoint)
            names |= dict.fromkeys(page.names)
            if not page.next_path:
                break
            request = replace(request, path=page.next_path)
        return ModelList(list(names), elapsed_ms, limits)

    async def _refresh(self, signer: Signer, target: Target, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await signer.refresh(self._clock(), self._send)
        except TimeoutError as error:
            name = target.provider_name
            raise UpstreamTimeout(
                f"No access token for {name} came in time", provider=name, kind="timeout"
            ) from error

    async def _get(
        self, spec: ProviderSpec, opened: ProbeTarget, request: HttpRequest, seconds: float
    ) -> HttpResponse:
        target = opened.target
        if seconds <= 0:
            raise UpstreamTimeout(
                f"{target.provider_name} did not list its models in time",
                provider=target.provider_name,
                kind="timeout",
            )
        response = await self._send(target.base_url, request, seconds, is_guarded=opened.is_guarded)
        if not _OK <= response.status < _REDIRECT:
            raise error_from(response, spec, target)
        return response


_OK = 200
_REDIRECT = 300
_OUTCOMES: "tuple[tuple[type[ConduitError], ConnectivityOutcome.ValueType], ...]" = (
    (InvalidApiKey, CONNECTIVITY_OUTCOME_INVALID_KEY),
    (InsufficientFunds, CONNECTIVITY_OUTCOME_NO_FUNDS),
    (UpstreamRateLimited, CONNECTIVITY_OUTCOME_RATE_LIMITED),
    (UpstreamUnreachable, CONNECTIVITY_OUTCOME_UNREACHABLE),
    (UpstreamTimeout, CONNECTIVITY_OUTCOME_UNREACHABLE),
)


def outcome_of(error: ConduitError) -> "ConnectivityOutcome.ValueType":
    """Return what a connectivity test that failed like this has found out."""
    return next(
        (outcome for cls, outcome in _OUTCOMES if isinstance(error, cls)),
        CONNECTIVITY_OUTCOME_UNKNOWN,
    )
