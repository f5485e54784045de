"""Asks instances how they are, by listing their models: free of charge.

The first key of each address is asked with retries. When the address itself fails, its other keys
are not asked: nothing can be learned of them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from conduit.v1.provider_health_pb2 import KeyRateLimits, RateLimit
from conduit_health.publish.messages import moment
from conduit_health.state.observation import MAX_DETAIL, Classification, Observation, classify
from conduit_health.state.provider_config import InstanceConfig
from conduit_kernel.errors import (
    ConduitError,
    Scope,
    UnsupportedCapability,
    UpstreamError,
)
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.catalog import Catalog
from conduit_providers.probe import ModelList, Probe
from conduit_providers.rate_limits import Limit, RateLimits
from conduit_providers.target import Target

TIMEOUT_SECONDS = 30.0
RETRIES = 3
FIRST_PAUSE_SECONDS = 0.25
# Keys of one instance that are asked at the same time.
AT_ONCE = 8


class Finding(NamedTuple):
    """What a check found: what was seen, in order, and the models if any key got them."""

    observations: Sequence[Observation]
    models: Sequence[str] | None


class _Asked(NamedTuple):
    key_id: str
    target: Target
    secret: str


class Checker:
    """CheckScheduler instances with their own keys."""

    def __init__(
        self,
        *,
        probe: Probe,
        catalog: Catalog,
        state: SnapshotState,
        vault: Vault,
        read_secret: Callable[[str], str],
        clock: Callable[[], float],
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take `read_secret`, which follows references to variables and files.

        `clock` is in seconds since 1970; `random` gives numbers from 0 to 1.
        """
        self._probe = probe
        self._catalog = catalog
        self._state = state
        self._vault = vault
        self._read_secret = read_secret
        self._clock = clock
        self._random = random
        self._sleep = sleep

    async def check(self, facts: InstanceConfig) -> Finding:
        """Ask an instance with each of its enabled keys, within 30 seconds in all."""
        observations: list[Observation] = []
        models: dict[str, None] = {}
        has_list = False
        for group in self._groups(facts, observations):
            answers = await self._ask_group(group, observations)
            has_list = has_list or bool(answers)
            for answer in answers:
                models |= dict.fromkeys(answer.names)
        return Finding(observations, list(models) if has_list else None)

    def _groups(self, facts: InstanceConfig, observations: list[Observation]) -> list[list[_Asked]]:
        """Return the enabled keys by address; those that cannot be opened are seen as refused."""
        groups: dict[str, list[_Asked]] = {}
        for key_id in facts.key_ids:
            try:
                asked = self._opened(facts.id, key_id)
            except ConduitError as error:
                observations.append(self._failed(key_id, error))
            else:
                groups.setdefault(asked.target.base_url, []).append(asked)
        return list(groups.values())

    def _opened(self, provider_id: int, key_id: str) -> _Asked:
        provider = self._state.providers[provider_id]
        if not key_id:
            return _Asked("", self._catalog.target(provider), "")
        key = self._state.keys[key_id]
        secret = self._read_secret(self._vault.open(key.secret, key_id))
        return _Asked(key_id, self._catalog.target(provider, key.credential), secret)

    async def _ask_group(
        self, group: Sequence[_Asked], observations: list[Observation]
    ) -> list[ModelList]:
        first, rest = group[0], group[1:]
        answers = [await self._ask(first, observations, RETRIES)]
        if observations and observations[-1].verdict is not Classification.FAILED:
            gate = asyncio.Semaphore(AT_ONCE)

            async def ask(asked: _Asked) -> ModelList | None:
                async with gate:
                    return await self._ask(asked, observations, 0)

            answers += await asyncio.gather(*(ask(asked) for asked in rest))
        return [answer for answer in answers if answer is not None]

    async def _ask(
        self, asked: _Asked, observations: list[Observation], retries: int
    ) -> ModelList | None:
        ends_at = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
        for attempt in range(retries + 1):
            left = ends_at - asyncio.get_running_loop().time()
            try:
                answer = await self._probe.list_models(
                    asked.target, asked.secret, timeout_seconds=max(left, 0.001)
                )
            except UnsupportedCapability:
                return None
            except ConduitError as error:
                observations.append(self._failed(asked.key_id, error))
                if attempt == retries or not _is_worth_another_try(error):
                    return None
            else:
                observations.append(self._answered(asked.key_id, answer))
                return answer
            # Full jitter, so that all who wait do not come back together.
            await self._sleep(self._random() * FIRST_PAUSE_SECONDS * 2**attempt)
        return None

    def _answered(self, key_id: str, answer: ModelList) -> Observation:
        return Observation(
            at=self._clock(),
            verdict=Classification.WORKS,
            key_id=key_id,
            response_time_ms=answer.response_time_ms,
            limits=_limits_message(answer.rate_limits),
            is_probe=True,
        )

    def _failed(self, key_id: str, error: ConduitError) -> Observation:
        # What is wrong with our own configuration keeps the key from being used just as well.
        is_upstream = isinstance(error, UpstreamError)
        verdict = classify(error.reason) if is_upstream else Classification.KEY_REFUSED
        return Observation(
            at=self._clock(),
            verdict=verdict,
            key_id=key_id,
            detail=error.message[:MAX_DETAIL],
            is_probe=True,
        )


def _is_worth_another_try(error: ConduitError) -> bool:
    return isinstance(error, UpstreamError) and error.is_transient and error.scope is Scope.INSTANCE


def _limits_message(limits: RateLimits) -> KeyRateLimits | None:
    if limits.requests is None and limits.tokens is None:
        return None
    return KeyRateLimits(
        requests_per_minute=_limit_message(limits.requests),
        tokens_per_minute=_limit_message(limits.tokens),
    )


def _limit_message(limit: Limit | None) -> RateLimit | None:
    if limit is None:
        return None
    return RateLimit(
        limit=limit.limit, remaining=limit.remaining, resets_at=moment(limit.resets_at)
    )
