"""Checks of instances, one at a time for each: on demand, and as often as policies say.

Keys that calls were refused for are checked besides, to tell whether they are to blame.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from conduit.v1.provider_health_pb2 import HEALTH_STATUS_HEALTHY
from conduit_health.checks.checker import NOTHING, Checker, Finding
from conduit_health.state.instance_state import InstanceState
from conduit_health.state.monitor import Monitor
from conduit_health.state.provider_config import InstanceConfig

# After the last sign of an instance that does not work, which may have been mended.
UNHEALTHY_INTERVAL_SECONDS = 60.0
# Of an interval, with its jitter.
LATEST = 1.1
# Instances that are checked at the same time, and keys.
AT_ONCE = 16
# However often calls are refused because of a key, it is checked no more often for that.
CONFIRM_SECONDS = 30.0


class CheckScheduler:
    """Runs checks and hands what they find to the monitor."""

    def __init__(
        self,
        checker: Checker,
        monitor: Monitor,
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        """Take a clock of seconds since 1970, and what gives numbers from 0 to 1."""
        self._checker = checker
        self._monitor = monitor
        self._clock = clock
        self._random = random
        self._running: dict[int, asyncio.Task[None]] = {}
        self._due: dict[int, float] = {}
        self._slots, self._key_slots = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AT_ONCE)
        # By instance: keys that are to be confirmed, when they last were, those that are now.
        self._suspects = set[tuple[int, str]]()
        self._confirmed_at: dict[tuple[int, str], float] = {}
        self._confirming: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._log = structlog.get_logger("health")

    async def check(self, provider_id: int) -> None:
        """Check an instance and wait for it, as long as its policy says at most.

        Whoever asks while a check runs waits for that one. ProviderNotFound if there is none.
        """
        config = self._monitor.config(provider_id)
        if config.is_enabled:
            await asyncio.wait({self._start(config)}, timeout=config.policy.timeout_seconds)

    async def check_if_old(self, provider_id: int) -> None:
        """Check an instance of which nothing was seen for as long as lies between checks.

        ProviderNotFound if there is none.
        """
        config = self._monitor.config(provider_id)
        if not _is_recent(config, self._monitor.instance_state(provider_id), self._clock()):
            await self.check(provider_id)

    def confirm(self, provider_id: int, key_id: str) -> None:
        """Have a key checked that calls were refused for, if it was not just checked."""
        if self._monitor.is_suspect(provider_id, key_id):
            self._suspects.add((provider_id, key_id))
            self._confirm_due()

    def start_due(self) -> None:
        """Start the checks whose time has come; call it again and again."""
        now = self._clock()
        self._confirm_due()
        enabled = [config for config in self._monitor.instances if config.is_enabled]
        self._due = {config.id: self._due_of(config, now) for config in enabled}
        for config in enabled:
            is_due = now >= self._due[config.id]
            if is_due:
                jitter = 0.9 + 0.2 * self._random()
                self._due[config.id] = now + config.policy.interval_seconds * jitter
            instance_state = self._monitor.instance_state(config.id)
            if _is_overdue(config, instance_state, now) or (
                is_due and not _is_fresh(config, instance_state, now)
            ):
                self._start(config)

    async def stop(self) -> None:
        """Break off the checks that run."""
        running = [*self._running.values(), *self._confirming.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _due_of(self, config: InstanceConfig, now: float) -> float:
        due, interval = self._due.get(config.id), config.policy.interval_seconds
        # Later than any check is due where the clock was set back, or the interval is shorter now.
        if due is None or due - now > interval * LATEST:
            # Those that are new together are not checked together for ever.
            return now + interval * self._random()
        return due

    def _start(self, config: InstanceConfig) -> asyncio.Task[None]:
        task = self._running.get(config.id)
        if task is None:
            task = asyncio.create_task(self._run(config.id))
            self._running[config.id] = task
            task.add_done_callback(lambda _: self._running.pop(config.id, None))
        return task

    async def _run(self, provider_id: int) -> None:
        await self._take(provider_id, self._slots, self._checker.check)

    def _confirm_due(self) -> None:
        """Check the suspected keys that were not just checked, one request at a time for each."""
        now = self._clock()
        self._confirmed_at = {
            key: at for key, at in self._confirmed_at.items() if 0 <= now - at < CONFIRM_SECONDS
        }
        for key in self._suspects - self._confirmed_at.keys() - self._confirming.keys():
            self._suspects.discard(key)
            if self._monitor.is_suspect(*key):
                self._confirmed_at[key] = now
                self._confirming[key] = task = asyncio.create_task(self._confirm(*key))
                task.add_done_callback(partial(self._confirmed, key))

    def _confirmed(self, key: tuple[int, str], _: asyncio.Task[None]) -> None:
        self._confirming.pop(key, None)

    async def _confirm(self, provider_id: int, key_id: str) -> None:
        async def check(config: InstanceConfig) -> Finding:
            if key_id in config.key_ids:
                return await self._checker.check_key(config, key_id)
            return NOTHING

        await self._take(provider_id, self._key_slots, check)

    async def _take(
        self,
        provider_id: int,
        slots: asyncio.Semaphore,
        check: Callable[[InstanceConfig], Awaitable[Finding]],
    ) -> None:
        """Hand on what a check finds of an address and keys that are what they were as it began."""
        try:
            async with slots:
                before = self._monitor.known(provider_id)
                if before is None or not before.is_enabled:
                    return
                finding = await check(before)
        except Exception:  # noqa: BLE001 # nobody else would hear of it, and the next check shall come
            self._log.exception("check_failed", provider_id=provider_id)
            return
        now = self._monitor.known(provider_id)
        if now is None or now.version != before.version:
            return
        old, new = before.key_versions, now.key_versions
        observations = [
            each for each in finding.observations if new.get(each.key_id) == old.get(each.key_id)
        ]
        self._monitor.observe(provider_id, observations, finding.models)


def _is_overdue(config: InstanceConfig, instance_state: InstanceState, now: float) -> bool:
    """Tell whether an unhealthy instance should be checked again, though nobody asks."""
    failures, last_check = instance_state.consecutive_failures, instance_state.last_check
    if failures < config.policy.failure_threshold or last_check is None:
        return False
    return not 0 <= now - last_check < UNHEALTHY_INTERVAL_SECONDS


def _is_fresh(config: InstanceConfig, instance_state: InstanceState, now: float) -> bool:
    """Tell whether calls alone have shown lately that all is well."""
    is_healthy = instance_state.status(config, now) == HEALTH_STATUS_HEALTHY
    return is_healthy and _is_recent(config, instance_state, now)


def _is_recent(config: InstanceConfig, instance_state: InstanceState, now: float) -> bool:
    """Tell whether anything was seen within an interval, by a clock that may be set back."""
    last = instance_state.last_check
    return last is not None and 0 <= now - last <= config.policy.interval_seconds
