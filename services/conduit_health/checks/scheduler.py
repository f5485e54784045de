"""Checks of instances, one at a time for each: on demand, and every five minutes."""

import asyncio
from collections.abc import Callable

import structlog

from conduit.v1.provider_health_pb2 import HEALTH_STATUS_HEALTHY
from conduit_health.checks.checker import TIMEOUT_SECONDS, Checker
from conduit_health.state.instance_state import UNHEALTHY_AFTER, InstanceState
from conduit_health.state.monitor import Monitor
from conduit_health.state.provider_config import InstanceConfig

INTERVAL_SECONDS = 300.0
# With what chance adds to it.
LONGEST_INTERVAL_SECONDS = 1.1 * INTERVAL_SECONDS
# After the last sign of an instance that does not work, which may have been mended.
UNHEALTHY_INTERVAL_SECONDS = 60.0
# Instances that are checked at the same time.
AT_ONCE = 16


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
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._log = structlog.get_logger("health")

    async def check(self, provider_id: int) -> None:
        """Check an instance and wait for it, for 30 seconds at most.

        Whoever asks while a check runs waits for that one. ProviderNotFound if there is none.
        """
        config = self._monitor.config(provider_id)
        if config.is_enabled:
            await asyncio.wait({self._start(config)}, timeout=TIMEOUT_SECONDS)

    async def check_if_old(self, provider_id: int) -> None:
        """Check an instance of which nothing was seen for five minutes.

        ProviderNotFound if there is none.
        """
        if not _is_recent(self._monitor.instance_state(provider_id), self._clock()):
            await self.check(provider_id)

    def start_due(self) -> None:
        """Start the checks whose time has come; call it again and again."""
        now = self._clock()
        enabled = [config for config in self._monitor.instances if config.is_enabled]
        self._due = {config.id: self._due_of(config.id, now) for config in enabled}
        for config in enabled:
            is_due = now >= self._due[config.id]
            if is_due:
                self._due[config.id] = now + INTERVAL_SECONDS * (0.9 + 0.2 * self._random())
            instance_state = self._monitor.instance_state(config.id)
            if _is_overdue(instance_state, now) or (
                is_due and not _is_fresh(config, instance_state, now)
            ):
                self._start(config)

    async def stop(self) -> None:
        """Break off the checks that run."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _due_of(self, provider_id: int, now: float) -> float:
        due = self._due.get(provider_id)
        # Later than any check is due where the clock was set back.
        if due is None or due - now > LONGEST_INTERVAL_SECONDS:
            # Those that are new together are not checked together for ever.
            return now + INTERVAL_SECONDS * self._random()
        return due

    def _start(self, config: InstanceConfig) -> asyncio.Task[None]:
        task = self._running.get(config.id)
        if task is None:
            task = asyncio.create_task(self._run(config))
            self._running[config.id] = task
            task.add_done_callback(lambda _: self._running.pop(config.id, None))
        return task

    async def _run(self, config: InstanceConfig) -> None:
        try:
            async with self._slots:
                finding = await self._checker.check(config)
        except Exception:  # noqa: BLE001 # nobody else would hear of it, and the next check shall come
            self._log.exception("check_failed", provider_id=config.id)
            return
        self._monitor.observe(config.id, finding.observations, finding.models)


def _is_overdue(instance_state: InstanceState, now: float) -> bool:
    """Tell whether an unhealthy instance should be checked again, though nobody asks."""
    if instance_state.consecutive_failures < UNHEALTHY_AFTER or instance_state.last_check is None:
        return False
    return not 0 <= now - instance_state.last_check < UNHEALTHY_INTERVAL_SECONDS


def _is_fresh(config: InstanceConfig, instance_state: InstanceState, now: float) -> bool:
    """Tell whether calls alone have shown lately that all is well."""
    is_healthy = instance_state.status(config, now) == HEALTH_STATUS_HEALTHY
    return is_healthy and _is_recent(instance_state, now)


def _is_recent(instance_state: InstanceState, now: float) -> bool:
    """Tell whether anything was seen within an interval, by a clock that may be set back."""
    last = instance_state.last_check
    return last is not None and 0 <= now - last <= INTERVAL_SECONDS
