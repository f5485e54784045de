"""The voices that callers can speak with: those of the catalog, and those that providers list."""

import asyncio
from collections.abc import Iterable, Iterator

from conduit.v1.voice_pb2 import Voice
from conduit.v1.voice_requests_pb2 import ListVoicesRequest, ListVoicesResponse
from conduit_kernel.errors import InvalidRequest
from conduit_providers.catalog.codec_types import VOICES
from conduit_providers.codec import ListedVoice
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.decide import is_open_to, route_of
from conduit_router.routing.table import Candidate, Route
from conduit_router.virtual_keys import check_model, may_use

OPERATION = "speak"
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class Voices:
    """Answers which voices there are."""

    def __init__(self, runtime: CallRuntime) -> None:
        """Take which models there are, and how their providers are asked."""
        self._runtime = runtime

    async def ListVoices(
        self, request: ListVoicesRequest, caller: CallerContext
    ) -> ListVoicesResponse:
        """List the voices of the models that the caller may use.

        A provider that does not answer is left out, unless nobody else has voices.
        """
        limit = _limit(request)
        speaking = self._candidates(request.model, caller)
        # Whoever waits for providers holds a place, here as in a call.
        with self._runtime.under_way.one_of(caller.caller.virtual_key_id):
            voices = await self._voices(speaking)
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
        answers = await asyncio.gather(
            *map(self._runtime.voice_lists.of, listing.values()), return_exceptions=True
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
