"""Asks instances how they are, by listing their models: free of charge.

The first key of each address is asked with retries. When the address itself fails, its other keys
are not asked: nothing can be learned of them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog

from conduit.v1.provider_health_pb2 import KeyRateLimits, RateLimit
from conduit_health.publish.messages import moment
from conduit_health.state.observation import MAX_DETAIL, Classification, Observation, classify
from conduit_health.state.provider_config import CheckPolicy, InstanceConfig
from conduit_kernel.errors import (
    ConduitError,
    Scope,
    ServiceUnavailable,
    UnsupportedCapability,
    UpstreamError,
)
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.probe import ModelList, ProbeTarget
from conduit_providers.probing import Prober
from conduit_providers.rate_limits import Limit, RateLimits

FIRST_PAUSE_SECONDS = 0.25
# Keys of one instance that are asked at the same time.
AT_ONCE = 8


class Finding(NamedTuple):
    """The result of a check: its observations in order, and the models if any key got them."""

    observations: Sequence[Observation]
    models: Sequence[str] | None


NOTHING = Finding((), None)


class Checker:
    """Checks instances with their own keys."""

    def __init__(
        self,
        *,
        prober: Prober,
        state: SnapshotState,
        clock: Callable[[], float],
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take `clock`, in seconds since 1970, and `random`, which gives numbers from 0 to 1."""
        self._prober = prober
        self._state = state
        self._clock = clock
        self._random = random
        self._sleep = sleep

    async def check(self, config: InstanceConfig) -> Finding:
        """Ask an instance with each of its enabled keys, within the time of its policy."""
        observations: list[Observation] = []
        models: dict[str, None] = {}
        has_list = False
        for group in (await self._groups(config, observations)).values():
            answers = await self._ask_group(group, observations, config.policy)
            has_list = has_list or bool(answers)
            for answer in answers:
                models |= dict.fromkeys(answer.names)
        return Finding(observations, list(models) if has_list else None)

    async def check_key(self, config: InstanceConfig, key_id: str) -> Finding:
        """Ask an instance once with one of its keys."""
        observations: list[Observation] = []
        if (opened := await self._open(config, key_id, observations)) is not None:
            await self._ask(opened, observations, config.policy, 0)
        return Finding(observations, None)

    async def _groups(
        self, config: InstanceConfig, observations: list[Observation]
    ) -> dict[str, list[ProbeTarget]]:
        """Return the enabled keys by address; those that cannot be opened are seen as refused."""
        groups: dict[str, list[ProbeTarget]] = {}
        for key_id in config.key_ids:
            if (opened := await self._open(config, key_id, observations)) is not None:
                groups.setdefault(opened.target.base_url, []).append(opened)
        return groups

    async def _open(
        self, config: InstanceConfig, key_id: str, observations: list[Observation]
    ) -> ProbeTarget | None:
        """Return a key to ask with; one that cannot be opened is seen as refused."""
        provider, began = self._state.providers[config.id], self._clock()
        try:
            return await self._prober.open(provider, self._state.keys.get(key_id))
        except ServiceUnavailable as error:
            _note_our_lack(provider.name, error)
            return None
        except ConduitError as error:
            observations.append(_failed(key_id, error, began))
            return None

    async def _ask_group(
        self, group: Sequence[ProbeTarget], observations: list[Observation], policy: CheckPolicy
    ) -> list[ModelList]:
        first, rest = group[0], group[1:]
        answers = [await self._ask(first, observations, policy, policy.retries)]
        if observations and observations[-1].classification is not Classification.FAILED:
            slots = asyncio.Semaphore(AT_ONCE)

            async def ask(opened: ProbeTarget) -> ModelList | None:
                async with slots:
                    return await self._ask(opened, observations, policy, 0)

            answers += await asyncio.gather(*(ask(opened) for opened in rest))
        return [answer for answer in answers if answer is not None]

    async def _ask(
        self,
        opened: ProbeTarget,
        observations: list[Observation],
        policy: CheckPolicy,
        retries: int,
    ) -> ModelList | None:
        ends_at = asyncio.get_running_loop().time() + policy.timeout_seconds
        for attempt in range(retries + 1):
            left, began = ends_at - asyncio.get_running_loop().time(), self._clock()
            try:
                answer = await self._prober.list_models(opened, timeout_seconds=max(left, 0.001))
            except UnsupportedCapability:
                return None
            except ServiceUnavailable as error:
                _note_our_lack(opened.target.provider_name, error)
                return None
            except ConduitError as error:
                observations.append(_failed(opened.key_id, error, began))
                if attempt == retries or not _is_worth_another_try(error):
                    return None
            else:
                observations.append(_answered(opened.key_id, answer, began))
                return answer
            # Full jitter, so that all who wait do not come back together.
            await self._sleep(self._random() * FIRST_PAUSE_SECONDS * 2**attempt)
        return None


def _answered(key_id: str, answer: ModelList, began: float) -> Observation:
    return Observation(
        at=began,
        classification=Classification.WORKS,
        key_id=key_id,
        response_time_ms=answer.response_time_ms,
        limits=_limits_message(answer.rate_limits),
        is_probe=True,
    )


def _failed(key_id: str, error: ConduitError, began: float) -> Observation:
    # What is wrong with our own configuration keeps the key from being used just as well.
    is_upstream = isinstance(error, UpstreamError)
    return Observation(
        at=began,
        classification=classify(error.reason) if is_upstream else Classification.KEY_REFUSED,
        key_id=key_id,
        detail=error.message[:MAX_DETAIL],
        is_probe=True,
    )


def _note_our_lack(provider: str, error: ServiceUnavailable) -> None:
    """Say that a check was not made: what we lack says nothing of a provider or its keys."""
    log = structlog.get_logger("checks")
    log.warning("check_not_made", provider=provider, reason=error.message)


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
