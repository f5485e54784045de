"""Discovery: which models instances have, asked on request and from time to time."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_DISCOVERED
from conduit.v1.provider_pb2 import AUDIT_LEVEL_FULL, AUDIT_LEVEL_NONE
from conduit_kernel.audit.author import Author
from conduit_kernel.errors import ConduitError, UpstreamTimeout
from conduit_providers.probing import Prober
from conduit_registry.probing import list_models
from conduit_registry.retirements import Retirements
from conduit_registry.store import KEY, MAPPING, PROVIDER, Store
from conduit_registry.values import DiscoveredModel, Key, Provider

OWN_AUTHOR = Author("registry-discovery")
MICRO = 1_000_000
HOUR_MICROSECONDS = 3600 * MICRO
# A failed discovery is tried again after this, or after the interval if that is shorter.
RETRY_MICROSECONDS = HOUR_MICROSECONDS // 4
DISCOVER_SECONDS = 60.0
# How often to look whether one is due, when nothing changes.
TICK_SECONDS = 30.0
MAX_MODELS = 10_000
MAX_MODEL_NAME = 500
# Names that one line of the audit log keeps.
MAX_LISTED = 1000


class Found(NamedTuple):
    """The result of a discovery, and its differences from the one before."""

    provider: Provider
    models: Sequence[DiscoveredModel]
    added: Sequence[str]
    removed: Sequence[str]


class Discovery:
    """Asks instances for their models and stores them; warns of those that are turned off."""

    def __init__(self, store: Store, prober: Prober, retirements: Retirements) -> None:
        self._store = store
        self._prober = prober
        self.retirements = retirements
        self._changed = asyncio.Event()
        self._log = structlog.get_logger("discovery")

    def wake(self, _revision: int) -> None:
        """Look at once whether a discovery is due; the configuration changed."""
        self._changed.set()

    async def run_once(self) -> None:
        """Do what is due, then wait for a change or the next tick."""
        self._changed.clear()
        await self.run_due()
        try:
            async with asyncio.timeout(TICK_SECONDS):
                await self._changed.wait()
        except TimeoutError:
            return

    async def run_due(self) -> None:
        """Ask the instances whose time has come. Failures are logged and tried again later."""
        async with self._store.read() as reading:
            providers = await reading.every(PROVIDER, enable_model_discovery=True, is_enabled=True)
            attempts = await reading.attempts()
        now = self._store.now()
        for provider in providers:
            if _is_due(provider, attempts.get(provider.id), now):
                await self._discover_if_due(provider)

    async def discover(self, provider_id: int, author: Author) -> Found:
        """Ask an instance now. UpstreamError, by class, if none of its keys gets an answer."""
        async with self._store.read() as reading:
            provider = await reading.get(PROVIDER, provider_id)
            keys = await reading.every(KEY, provider_id=provider_id, is_enabled=True)
        try:
            async with asyncio.timeout(DISCOVER_SECONDS):
                names = await self._names(provider, keys)
        except TimeoutError as error:
            message = f"{provider.name} did not list its models in time"
            raise UpstreamTimeout(message, provider=provider.name) from error
        await self._warn(provider)
        return await self._keep(provider, names, author)

    async def _discover_if_due(self, provider: Provider) -> None:
        if not await self._claim(provider):
            return
        try:
            found = await self.discover(provider.id, OWN_AUTHOR)
        except ConduitError as error:
            self._log.warning("discovery_failed", provider_id=provider.id, reason=error.reason)
        else:
            self._log.info("discovered", provider_id=provider.id, models=len(found.models))

    async def _claim(self, provider: Provider) -> bool:
        # Another process may have been faster.
        async with self._store.change(OWN_AUTHOR) as changing:
            current = await changing.find(PROVIDER, provider.id)
            attempt = (await changing.attempts()).get(provider.id)
            if current is None or not _is_due(current, attempt, changing.now):
                return False
            await changing.note_attempt(provider.id, succeeded=False)
        return True

    async def _names(self, provider: Provider, keys: Sequence[Key]) -> list[str]:
        failures: list[ConduitError] = []
        # An instance without keys may need none.
        for key in keys or (None,):
            try:
                found = await list_models(self._prober, provider, key)
            except ConduitError as error:
                failures.append(error)
            else:
                return [name for name in found.names if _is_storable(name)][:MAX_MODELS]
        raise failures[-1]

    async def _warn(self, provider: Provider) -> None:
        """Write a line for each mapping whose model its provider turns off soon."""
        async with self._store.read() as reading:
            mappings = await reading.every(MAPPING, provider_id=provider.id, is_enabled=True)
        today = datetime.fromtimestamp(self._store.now() / MICRO, UTC).date()
        for mapping, day in self.retirements.near(provider.provider_type, mappings, today):
            self._log.warning(
                "model_retires",
                provider_id=provider.id,
                alias=mapping.model_alias,
                model=mapping.actual_model_name,
                retires_on=day.isoformat(),
            )

    async def _keep(self, provider: Provider, names: Sequence[str], author: Author) -> Found:
        async with self._store.change(author) as changing:
            # It may have been deleted since.
            await changing.get(PROVIDER, provider.id)
            before = {model.name for model in await changing.discovered(provider.id)}
            await changing.note_attempt(provider.id, succeeded=True)
            await changing.replace_discovered(provider.id, names)
            models = await changing.discovered(provider.id)
            after = {model.name for model in models}
            found = Found(provider, models, sorted(after - before), sorted(before - after))
            has_changed = (
                found.added or found.removed
            ) and provider.audit_level != AUDIT_LEVEL_NONE
            if has_changed or provider.audit_level == AUDIT_LEVEL_FULL:
                models_found = {
                    "added": list(found.added[:MAX_LISTED]),
                    "removed": list(found.removed[:MAX_LISTED]),
                    "total": len(models),
                }
                changing.note_use(AUDIT_ACTION_DISCOVERED, provider.id, {"models": models_found})
        return found


def _is_due(provider: Provider, attempt: tuple[int, bool] | None, now: int) -> bool:
    if attempt is None:
        return True
    attempted_at, succeeded = attempt
    if attempted_at > now:
        # The clock was set back since.
        return True
    interval = provider.discovery_interval_hours * HOUR_MICROSECONDS
    return now >= attempted_at + (interval if succeeded else min(interval, RETRY_MICROSECONDS))


def _is_storable(name: str) -> bool:
    return 0 < len(name) <= MAX_MODEL_NAME and name.isprintable()
