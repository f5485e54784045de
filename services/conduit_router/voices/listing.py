"""The voices that callers can speak with: of the catalog, of providers' lists, and their own."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from conduit.internal.v1.voice_storage_service_pb2 import MadeVoice
from conduit.v1.voice_pb2 import Voice
from conduit.v1.voice_requests_pb2 import ListVoicesRequest, ListVoicesResponse
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_providers.catalog.codec_types import VOICES
from conduit_providers.codec import ListedVoice
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.decide import refusal_of, route_of
from conduit_router.routing.table import Candidate, Route
from conduit_router.virtual_keys import check_model, may_use
from conduit_router.voices.deletion import keys_of
from conduit_router.voices.storage import VoiceStorage

OPERATION = "speak"
_SPEAKING = frozenset({OPERATION})
# Voices that were made here speak in sessions, too.
_VOICING = frozenset({OPERATION, "converse"})
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
BUILT_IN = "built_in"


class Voices:
    """Answers which voices there are."""

    def __init__(self, runtime: CallRuntime, storage: VoiceStorage | None = None) -> None:
        """Take which models there are, how their providers are asked, and who has made voices."""
        self._runtime = runtime
        self._storage = storage

    async def ListVoices(
        self, request: ListVoicesRequest, caller: CallerContext
    ) -> ListVoicesResponse:
        """List the voices of the models that the caller may use, and those that it has made.

        A provider that does not answer is left out, unless nobody else has voices.
        """
        limit, owner = _limit(request), caller.caller.virtual_key_id
        routes = self._routes(request.model, caller)
        speaking = _serving(routes, caller, _SPEAKING)
        # Whoever waits for providers holds a place, here as in a call.
        with self._runtime.under_way.one_of(owner):
            made, is_hidden = await self._known(owner)
            voicing = _serving(routes, caller, _VOICING)
            own = self._own(made, voicing, is_narrowed=bool(request.model))
            voices = await self._voices(speaking, is_hidden, own)
        behind = [voices[name] for name in sorted(voices) if name > request.after]
        page = behind[:limit]
        return ListVoicesResponse(
            object="list",
            data=page,
            first_id=page[0].id if page else None,
            last_id=page[-1].id if page else None,
            has_more=len(behind) > limit,
        )

    def _routes(self, model: str, caller: CallerContext) -> Sequence[Route]:
        """Return the aliases that the caller may use, or the one that is asked for."""
        routes: Iterable[Route] = self._runtime.table.routes.values()
        if model:
            check_model(caller.caller, model)
            routes = [route_of(self._runtime.table.routes, model)]
        return [route for route in routes if may_use(caller.caller, route.alias)]

    async def _known(self, owner: int) -> tuple[Sequence[MadeVoice], Callable[[Voice], bool]]:
        """Return what a caller has made, and whether a voice of a provider's is for nobody else."""
        if self._storage is None:
            return (), lambda _: False
        try:
            made, others = await self._storage.voices(owner)
        except ServiceUnavailable:
            # It may be anybody's.
            return (), lambda voice: voice.type != BUILT_IN
        hidden = {*others, *(each.upstream_id for each in made)}
        return made, lambda voice: voice.id in hidden

    def _own(
        self,
        made: Iterable[MadeVoice],
        speaking: Mapping[str, Sequence[Candidate]],
        *,
        is_narrowed: bool,
    ) -> dict[str, Voice]:
        """Return the voices that a caller has made, each with the aliases that speak with it.

        Unless only those of a model are asked for, also those that none speaks with.
        """
        found: dict[str, Voice] = {}
        for each in made:
            instance = self._runtime.table.instances.get(each.provider_id)
            voice = Voice(
                id=each.id,
                object="audio.voice",
                name=each.name,
                type=each.type,
                created_at=each.created_at,
                description=each.description or None,
                provider_type=instance.spec.name if instance is not None else "",
            )
            voice.models.extend(self._speakers(each, speaking))
            if voice.models or not is_narrowed:
                found[voice.id] = voice
        return found

    def _speakers(
        self, made: MadeVoice, speaking: Mapping[str, Sequence[Candidate]]
    ) -> Iterator[str]:
        """Yield the aliases that candidates with the account of a voice serve."""
        instance = self._runtime.table.instances.get(made.provider_id)
        keys = set[str]()
        for key in keys_of(made, instance) if instance is not None else ():
            keys |= {key.key_id, *self._runtime.accounts.keys_beside(key.key_id)}
        for alias, candidates in speaking.items():
            if any(
                key.key_id in keys and (key.key_id or each.provider_id == made.provider_id)
                for each in candidates
                for key in each.instance.keys
            ):
                yield alias

    async def _voices(
        self,
        speaking: Mapping[str, Sequence[Candidate]],
        is_hidden: Callable[[Voice], bool],
        own: Mapping[str, Voice],
    ) -> dict[str, Voice]:
        """Return the voices by id, each with the aliases that speak with it."""
        found = dict(own)
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
                listed = lists.get(each.provider_id, [])
                for voice in _voices_of(each, listed, is_hidden):
                    known = found.setdefault(voice.id, voice)
                    if alias not in known.models:
                        known.models.append(alias)
        if not found:
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
        return found


def _serving(
    routes: Iterable[Route], caller: CallerContext, operations: AbstractSet[str]
) -> dict[str, list[Candidate]]:
    """Return who serves one of some operations, by alias."""
    return {
        route.alias: [
            each
            for each in route.candidates
            if not operations.isdisjoint(each.operations())
            and not refusal_of(each.instance, caller)
        ]
        for route in routes
    }


def _voices_of(
    candidate: Candidate,
    listed: list[ListedVoice] | BaseException,
    is_hidden: Callable[[Voice], bool],
) -> Iterator[Voice]:
    """Yield copies of the voices that a candidate's model speaks with, but for hidden ones."""
    instance, model = candidate.instance, candidate.model
    kind = instance.spec.name
    for name in instance.served[OPERATION].endpoint.facts_of(model).voices:
        yield _voice(Voice(id=name, name=name, type=BUILT_IN), kind)
    if not isinstance(listed, BaseException):
        for each in listed:
            if each.model in {"", model} and not is_hidden(each.voice):
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
