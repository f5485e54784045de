"""The voices that callers can speak with: those of the catalog, and those that providers list."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from copy import copy

from msgspec.structs import replace

from conduit.v1.voice_pb2 import Voice
from conduit.v1.voice_requests_pb2 import ListVoicesRequest, ListVoicesResponse
from conduit_kernel.errors import InvalidApiKey, InvalidRequest, UpstreamError, UpstreamTimeout
from conduit_kernel.http import Timeouts
from conduit_providers.catalog.codec_types import VOICES
from conduit_providers.codec import ListedVoice
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.decide import is_open_to, route_of
from conduit_router.routing.table import Candidate, Instance, Route, UpstreamKey, UpstreamTarget
from conduit_router.upstream.transport import Transport
from conduit_router.virtual_keys import check_model, may_use

OPERATION = "speak"
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
# How long a provider's list is good for; how long it is not asked again after a failure.
KEPT_SECONDS = 60.0
FAILURE_SECONDS = 5.0
# All lists of a request come within this time.
LIST_SECONDS = 10.0
MAX_PAGES = 20
# Of an instance, those that are tried until one is good.
MAX_KEYS = 3
# Lists that are fetched at the same time, whoever asks.
MAX_FETCHES = 16


class _KeptList:
    """A provider's list, as one of its keys sees it, or why there is none."""

    __slots__ = ("failure", "lock", "until", "voices")

    def __init__(self) -> None:
        # Who comes while it is fetched waits for it, and does not fetch it, too.
        self.lock = asyncio.Lock()
        self.until = float("-inf")
        self.voices: list[ListedVoice] = []
        self.failure: UpstreamError | None = None


class VoiceLists:
    """Asks providers for their voices, not more often than once in a while."""

    def __init__(self, transport: Transport, clock: Callable[[], float]) -> None:
        """Take a clock that tells seconds since whenever."""
        self._transport = transport
        self._clock = clock
        self._kept: dict[UpstreamTarget, _KeptList] = {}
        self._slots = asyncio.Semaphore(MAX_FETCHES)

    async def of(self, instance: Instance, ends_at: float) -> list[ListedVoice]:
        """Return the voices that the first good key of an instance sees.

        UpstreamError, by class, if none does until `ends_at`.
        """
        if not instance.keys:
            name = instance.provider.name
            raise InvalidApiKey(f"Provider {name} has no key that can be used", provider=name)
        *others, last = instance.keys[:MAX_KEYS]
        for key in others:
            with suppress(UpstreamError):
                return await self._in_time(instance, key, ends_at)
        return await self._in_time(instance, last, ends_at)

    async def _in_time(
        self, instance: Instance, key: UpstreamKey, ends_at: float
    ) -> list[ListedVoice]:
        try:
            async with asyncio.timeout(max(ends_at - self._clock(), 0.0)):
                return await self._list(instance, key.endpoint(VOICES))
        except TimeoutError as error:
            name = key.provider_name
            message = f"{name} did not list its voices in time"
            raise UpstreamTimeout(message, provider=name, kind="timeout") from error

    async def _list(self, instance: Instance, upstream: UpstreamTarget) -> list[ListedVoice]:
        self._forget()
        kept = self._kept.setdefault(upstream, _KeptList())
        async with kept.lock:
            if self._clock() >= kept.until:
                async with self._slots:
                    await self._fetch(instance, upstream, kept)
        if kept.failure is not None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(kept.failure)
        return kept.voices

    def _forget(self) -> None:
        now = self._clock()
        for upstream, kept in [*self._kept.items()]:
            if kept.until <= now and not kept.lock.locked():
                del self._kept[upstream]

    async def _fetch(self, instance: Instance, upstream: UpstreamTarget, kept: _KeptList) -> None:
        try:
            kept.voices, kept.failure = await self._walk(instance, upstream), None
        except UpstreamError as error:
            error.metadata.setdefault("provider", upstream.provider_name)
            upstream.redactor.clean(error)
            kept.voices, kept.failure = [], copy(error)
        seconds = FAILURE_SECONDS if kept.failure is not None else KEPT_SECONDS
        kept.until = self._clock() + seconds

    async def _walk(self, instance: Instance, upstream: UpstreamTarget) -> list[ListedVoice]:
        served = instance.served[VOICES]
        timeouts = Timeouts(LIST_SECONDS, LIST_SECONDS, LIST_SECONDS)
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


class Voices:
    """Answers which voices there are."""

    def __init__(self, runtime: CallRuntime) -> None:
        """Take which models there are, and how their providers are asked."""
        self._runtime = runtime
        self._lists = VoiceLists(runtime.transport, runtime.clock)

    async def ListVoices(
        self, request: ListVoicesRequest, caller: CallerContext
    ) -> ListVoicesResponse:
        """List the voices of the models that the caller may use.

        A provider that does not answer is left out, unless nobody else has voices.
        """
        limit = _limit(request)
        voices = await self._voices(self._candidates(request.model, caller))
        behind = [voices[name] for name in sorted(voices) if name > request.after]
        page = behind[:limit]
        return ListVoicesResponse(
            object="list",
            data=page,
            first_id=page[0].id if page else None,
            last_id=page[-1].id if page else None,
            has_more=len(behind) > limit,
        )

    def _candidates(self, model: str, caller: CallerContext) -> dict[str, list[Candidate]]:
        """Return what speaks, by alias."""
        routes: Iterable[Route] = self._runtime.table.routes.values()
        if model:
            check_model(caller.caller, model)
            routes = [route_of(self._runtime.table.routes, model)]
        return {
            route.alias: [
                each
                for each in route.candidates
                if OPERATION in each.instance.served and is_open_to(each.instance, caller.peer)
            ]
            for route in routes
            if may_use(caller.caller, route.alias)
        }

    async def _voices(self, speaking: dict[str, list[Candidate]]) -> dict[str, Voice]:
        """Return the voices by id, each with the aliases that speak with it."""
        found: dict[str, Voice] = {}
        listing = {
            each.provider_id: each.instance
            for candidates in speaking.values()
            for each in candidates
            if VOICES in each.instance.served
        }
        ends_at = self._runtime.clock() + LIST_SECONDS
        answers = await asyncio.gather(
            *(self._lists.of(each, ends_at) for each in listing.values()), return_exceptions=True
        )
        lists = dict(zip(listing, answers, strict=True))
        for alias, candidates in speaking.items():
            for each in candidates:
                for voice in _voices_of(each, lists.get(each.provider_id, [])):
                    known = found.setdefault(voice.id, voice)
                    if alias not in known.models:
                        known.models.append(alias)
        if not found:
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
        return found


def _voices_of(candidate: Candidate, listed: list[ListedVoice] | BaseException) -> Iterator[Voice]:
    """Yield copies of the voices that a candidate's model speaks with."""
    instance, model = candidate.instance, candidate.model
    kind = instance.spec.name
    for name in instance.served[OPERATION].endpoint.facts_of(model).voices:
        yield _voice(Voice(id=name, name=name, type="built_in"), kind)
    if not isinstance(listed, BaseException):
        for each in listed:
            if each.model in {"", model}:
                yield _voice(each.voice, kind)


def _voice(voice: Voice, provider_type: str) -> Voice:
    made = Voice(object="audio.voice", provider_type=provider_type)
    made.MergeFrom(voice)
    return made


def _limit(request: ListVoicesRequest) -> int:
    if not 0 <= request.limit <= MAX_LIMIT:
        message = f"limit must be from 1 to {MAX_LIMIT}, not {request.limit}"
        raise InvalidRequest(message, field="limit")
    return request.limit or DEFAULT_LIMIT
