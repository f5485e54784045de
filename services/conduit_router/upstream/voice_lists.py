"""The voices that providers list, fetched once for all who ask."""

import asyncio
from collections.abc import Callable
from copy import copy
from itertools import islice

import structlog
from msgspec.structs import replace

from conduit_kernel.errors import ConduitError, InvalidApiKey, UpstreamError, UpstreamTimeout
from conduit_kernel.http import Timeouts
from conduit_providers.catalog.codec_types import VOICES
from conduit_providers.codec import ListedVoice
from conduit_router.routing.table import Instance, UpstreamTarget
from conduit_router.upstream.transport import Transport

# How long a list is good for; how long an instance is not asked again after a failure.
KEPT_SECONDS = 60.0
FAILURE_SECONDS = 5.0
# The same where it was silent, which costs a whole wait to find out.
SILENCE_SECONDS = 60.0
# How long an instance has for its list: all pages of it, with all of the keys that are tried.
LIST_SECONDS = 10.0
MAX_PAGES = 20
# Those that are tried until one is good.
MAX_KEYS = 3


class _KeptList:
    """An instance's list of voices as one fetch brought it, or why there is none."""

    __slots__ = ("failure", "fetch", "until", "voices")

    def __init__(self) -> None:
        self.voices: list[ListedVoice] = []
        self.failure: ConduitError | None = None
        # Not known before the fetch has ended.
        self.until = float("inf")
        self.fetch: asyncio.Task[None] | None = None


class VoiceLists:
    """Keeps the voices that instances list, fetched by one task of each at a time."""

    def __init__(
        self,
        transport: Transport,
        clock: Callable[[], float],
        *,
        list_seconds: float = LIST_SECONDS,
    ) -> None:
        """Take a clock that tells seconds since whenever, and how long a provider is waited for."""
        self._transport = transport
        self._clock = clock
        self._list_seconds = list_seconds
        self._kept: dict[Instance, _KeptList] = {}
        self._log = structlog.get_logger("voice_lists")

    async def of(self, instance: Instance) -> list[ListedVoice]:
        """Return the voices that the first good key of an instance sees.

        UpstreamError, by class, if none does, which is known within `list_seconds`.
        """
        self._forget()
        kept = self._kept.get(instance)
        if kept is None:
            kept = self._kept[instance] = _KeptList()
            kept.fetch = asyncio.create_task(self._fetch(instance, kept))
        if kept.fetch is not None:
            # Others wait for the same list, so it does not end with this call.
            await asyncio.shield(kept.fetch)
        if kept.failure is not None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(kept.failure)
        return kept.voices

    async def close(self) -> None:
        """Cancel what is under way."""
        fetches = [kept.fetch for kept in self._kept.values() if kept.fetch is not None]
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)

    def _forget(self) -> None:
        now = self._clock()
        for instance, kept in [*self._kept.items()]:
            if kept.until <= now:
                del self._kept[instance]

    async def _fetch(self, instance: Instance, kept: _KeptList) -> None:
        seconds = FAILURE_SECONDS
        try:
            async with asyncio.timeout(self._list_seconds):
                kept.voices = await self._first_good(instance)
            seconds = KEPT_SECONDS
        except (UpstreamTimeout, TimeoutError):
            kept.failure, seconds = _silent(instance), SILENCE_SECONDS
        except UpstreamError as error:
            kept.failure = copy(error)
        except Exception:  # noqa: BLE001 # a fault of ours is told, and ends with this fetch
            self._log.exception("voice_list_failed", provider_id=instance.provider.id)
            kept.failure = ConduitError("Conduit failed in a way it did not foresee")
        finally:
            kept.until, kept.fetch = self._clock() + seconds, None

    async def _first_good(self, instance: Instance) -> list[ListedVoice]:
        name = instance.provider.name
        failure: UpstreamError = InvalidApiKey(
            f"Provider {name} has no key that can be used", provider=name
        )
        try:
            for key in islice(instance.keys, MAX_KEYS):
                try:
                    return await self._pages(instance, key.endpoint(VOICES))
                except UpstreamTimeout:
                    # A silent instance is not waited for twice.
                    raise
                except UpstreamError as error:
                    failure = error
            raise failure
        finally:
            # It refers to this frame, which refers to it.
            del failure

    async def _pages(self, instance: Instance, upstream: UpstreamTarget) -> list[ListedVoice]:
        try:
            return await self._walk(instance, upstream)
        except UpstreamError as error:
            error.metadata.setdefault("provider", upstream.provider_name)
            upstream.redactor.clean(error)
            raise

    async def _walk(self, instance: Instance, upstream: UpstreamTarget) -> list[ListedVoice]:
        served = instance.served[VOICES]
        timeouts = Timeouts(*[self._list_seconds] * 3)
        request = served.codec.to_upstream(served.endpoint, upstream.target)
        found: list[ListedVoice] = []
        for _ in range(MAX_PAGES):
            answer, _ = await self._transport.ask(upstream, instance.spec, request, timeouts)
            page = served.codec.from_upstream(answer, served.endpoint)
            found += page.voices
            if not page.next_path:
                break
            request = replace(request, path=page.next_path)
        return found


def _silent(instance: Instance) -> UpstreamTimeout:
    name = instance.provider.name
    message = f"{name} did not list its voices in time"
    return UpstreamTimeout(message, provider=name, kind="timeout")
