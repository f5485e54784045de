"""The RPCs of consents to voices: each is its owner's alone, and so are voices made with it."""

import asyncio
import re
from collections.abc import AsyncIterable, Callable, Iterator
from typing import TypeVar

import msgspec

from conduit.internal.v1.voice_storage_service_pb2 import StoredConsent
from conduit.v1 import voice_consent_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.form_pb2 import Form as MultipartForm
from conduit.v1.voice_consent_pb2 import VoiceConsent
from conduit.v1.voice_pb2 import VoiceSpec
from conduit_kernel.errors import (
    InvalidRequest,
    Scope,
    StorageFull,
    UnsupportedCapability,
    UpstreamError,
)
from conduit_kernel.http import SpillSpace
from conduit_kernel.ids import IdSource
from conduit_kernel.not_found_errors import VoiceConsentNotFound
from conduit_kernel.quoting import quoted
from conduit_providers.calls import Form
from conduit_providers.codec import ConsentCodec
from conduit_providers.consent_form import ConsentForm, consent_form
from conduit_providers.uploaded_form import UploadedForm
from conduit_providers.voice_jobs import consent_job
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.uploads import received
from conduit_router.context import CallerContext
from conduit_router.routing.decide import refusal_of, route_of
from conduit_router.routing.maintenance import check_maintenance, is_resting, of_instances
from conduit_router.routing.table import Candidate, Instance, Route, UpstreamKey
from conduit_router.virtual_keys import check_model, may_use
from conduit_router.voices.accounts import VoiceAccounts
from conduit_router.voices.deletion import MAX_KEYS, OPERATION, UpstreamDeletion
from conduit_router.voices.storage import VoiceStorage

ID_PREFIX = "cons_"
STORED_ID = re.compile(rf"{ID_PREFIX}[0-9a-hjkmnp-tv-z]{{26}}", re.ASCII)
OBJECT = "audio.voice_consent"
MAX_CONSENTS = 1000
# What one takes at Storage, about: its row, and its places in the indexes.
CONSENT_BYTES = 1024
DEFAULT_LIMIT = 20
MAX_LIMIT = 100
# As large as recordings are, they are stored well within it.
STORE_SECONDS = 120.0

FormT = TypeVar("FormT", bound=Form[VoiceSpec])


class VoiceConsents:
    """Stores consents at their providers, and knows at Storage whose they are."""

    def __init__(
        self,
        runtime: CallRuntime,
        storage: VoiceStorage,
        ids: IdSource,
        space: SpillSpace,
        clock: Callable[[], float],
    ) -> None:
        """Take how providers are asked, the room for recordings, and a clock of Unix seconds."""
        self._runtime = runtime
        self._storage = storage
        self._ids = ids
        self._space = space
        self._clock = clock
        self._accounts = VoiceAccounts(runtime)
        self._deletion = UpstreamDeletion(runtime)
        # Held, because the loop only knows tasks weakly.
        self._storing: set[asyncio.Task[None]] = set()

    async def CreateVoiceConsent(
        self, requests: AsyncIterable[pb.CreateVoiceConsentRequest], caller: CallerContext
    ) -> pb.CreateVoiceConsentResponse:
        """Store a consent at the first provider that takes it, and keep whose it is."""
        owner = caller.caller.virtual_key_id
        check_maintenance(self._runtime.table, self._clock())
        with self._runtime.under_way.one_of(owner):
            async with received(requests, self._space) as (start, files):
                form = consent_form(start, files)
                instances = self._keepers(form.typed.model, caller)
                await self._check_room(owner)
                instance, key, upstream_id = await self._stored(form, instances)
                wish = form.typed
            consent = StoredConsent(
                id=f"{ID_PREFIX}{self._ids.next()}",
                virtual_key_id=owner,
                provider_id=instance.provider.id,
                account_group=key.account_group,
                upstream_id=upstream_id,
                name=wish.name,
                language=wish.language,
                created_at=int(self._clock()),
            )
            keeping = asyncio.create_task(self._keep(consent, instance))
            self._storing.add(keeping)
            keeping.add_done_callback(self._storing.discard)
            # A caller who leaves now finds the consent in the list.
            await asyncio.shield(keeping)
        return pb.CreateVoiceConsentResponse(consent=_shown(consent))

    async def ListVoiceConsents(
        self, request: pb.ListVoiceConsentsRequest, caller: CallerContext
    ) -> pb.ListVoiceConsentsResponse:
        """Return a page of the caller's consents."""
        if not 0 <= request.limit <= MAX_LIMIT:
            message = f"limit must be from 1 to {MAX_LIMIT}, not {request.limit}"
            raise InvalidRequest(message, field="limit")
        limit, owner = request.limit or DEFAULT_LIMIT, caller.caller.virtual_key_id
        with self._runtime.under_way.one_of(owner):
            own, _ = await self._storage.consents(owner)
        behind = [each for each in own if each.id > request.after]
        page = behind[:limit]
        return pb.ListVoiceConsentsResponse(
            object="list",
            data=map(_shown, page),
            first_id=page[0].id if page else None,
            last_id=page[-1].id if page else None,
            has_more=len(behind) > limit,
        )

    async def GetVoiceConsent(
        self, request: pb.GetVoiceConsentRequest, caller: CallerContext
    ) -> pb.GetVoiceConsentResponse:
        """Return a consent of the caller's."""
        with self._runtime.under_way.one_of(caller.caller.virtual_key_id):
            consent = await self._own(request.id, caller)
        return pb.GetVoiceConsentResponse(consent=_shown(consent))

    async def UpdateVoiceConsent(
        self, request: pb.UpdateVoiceConsentRequest, caller: CallerContext
    ) -> pb.UpdateVoiceConsentResponse:
        """Rename a consent of the caller's."""
        is_renamed = request.HasField("name")
        if is_renamed and not request.name.strip():
            raise InvalidRequest("name is empty", field="name")
        with self._runtime.under_way.one_of(caller.caller.virtual_key_id):
            consent = await self._own(request.id, caller)
            if is_renamed:
                consent.name = request.name
                await self._storage.put_consent(consent)
        return pb.UpdateVoiceConsentResponse(consent=_shown(consent))

    async def DeleteVoiceConsent(
        self, request: pb.DeleteVoiceConsentRequest, caller: CallerContext
    ) -> pb.DeleteVoiceConsentResponse:
        """Delete a consent of the caller's, at its provider first."""
        owner = caller.caller.virtual_key_id
        with self._runtime.under_way.one_of(owner):
            consent = await self._own(request.id, caller)
            instance = self._runtime.table.instances.get(consent.provider_id)
            # Of an instance that is no more nobody can be asked.
            if instance is not None:
                await self._deletion.delete(consent, instance)
            await self._storage.delete_consent(owner, consent.id)
        return pb.DeleteVoiceConsentResponse(id=consent.id, object=OBJECT, deleted=True)

    async def applied(
        self, form: FormT, options: CallOptions | None, caller: CallerContext
    ) -> tuple[FormT, CallOptions | None]:
        """Return a wish for a voice with the provider's id of its consent, and where it goes then.

        VoiceConsentNotFound for one that is somebody else's, also under the provider's id of it.
        """
        named = form.typed.consent
        if not named:
            return form, options
        own, others = await self._storage.consents(caller.caller.virtual_key_id)
        consent = next((each for each in own if each.id == named), None)
        if consent is None:
            if named in others or STORED_ID.fullmatch(named):
                raise _not_found(named)
            return form, options
        bound = CallOptions()
        if options is not None:
            bound.CopyFrom(options)
        self._accounts.bind(bound, consent, form.typed.model)
        return _with_consent(form, consent.upstream_id), bound

    async def _own(self, consent_id: str, caller: CallerContext) -> StoredConsent:
        if STORED_ID.fullmatch(consent_id):
            own, _ = await self._storage.consents(caller.caller.virtual_key_id)
            for each in own:
                if each.id == consent_id:
                    return each
        raise _not_found(consent_id)

    async def _check_room(self, owner: int) -> None:
        """Raise where a consent could not be kept, before it is stored."""
        own, _ = await self._storage.consents(owner)
        if len(own) >= MAX_CONSENTS:
            message = f"A virtual key can have {MAX_CONSENTS} consents; delete one first"
            raise StorageFull(message, limit_bytes=str(MAX_CONSENTS * CONSENT_BYTES))

    def _keepers(self, model: str, caller: CallerContext) -> list[Instance]:
        """Return the instances that store consents for a model, in order.

        Without a model InvalidRequest where it makes a difference which; UnsupportedCapability if
        there is none.
        """
        routes = self._runtime.table.routes
        if model:
            check_model(caller.caller, model)
            named = [route_of(routes, model)]
        else:
            named = [each for each in routes.values() if may_use(caller.caller, each.alias)]
        found = [instances for route in named if (instances := _keepers_of(route, caller))]
        if not found:
            message = "No provider of the models that this key may use stores consents"
            raise UnsupportedCapability(message, capability="voice_consents")
        if len({frozenset(instances) for instances in found}) > 1:
            message = "model is required: the models of this key are at several providers"
            raise InvalidRequest(message, field="model")
        awake = [
            each
            for each in found[0].values()
            if not is_resting(self._runtime.table, each.provider.id)
        ]
        if not awake:
            raise of_instances("The providers that store consents for the model are resting")
        return awake

    async def _stored(
        self, form: ConsentForm, instances: list[Instance]
    ) -> tuple[Instance, UpstreamKey, str]:
        """Store a consent with the first key that is good. UpstreamError, by class, if none is."""
        failure: UpstreamError | None = None
        places = [(instance, key) for instance in instances for key in instance.keys]
        try:
            for instance, key in places[:MAX_KEYS]:
                upstream, served = key.endpoint(OPERATION), instance.served[OPERATION]
                job = consent_job(served.codec, form, served.endpoint, upstream.target)
                run = self._runtime.jobs.run(job, upstream, instance.spec, STORE_SECONDS)
                try:
                    upstream_id, _ = await run
                except UpstreamError as error:
                    upstream.redactor.clean(error)
                    if error.scope is Scope.REQUEST:
                        raise
                    failure = error
                else:
                    return instance, key, upstream_id
            if failure is None:
                message = "No key of a provider that stores consents can be used"
                raise UnsupportedCapability(message, capability="voice_consents")
            raise failure
        finally:
            # It refers to this frame, which refers to it.
            del failure

    async def _keep(self, consent: StoredConsent, instance: Instance) -> None:
        """Keep whose a consent is; take it back at its provider where that fails."""
        try:
            await self._storage.put_consent(consent)
        except Exception:
            self._deletion.take_back(consent, instance)
            raise


def _keepers_of(route: Route, caller: CallerContext) -> dict[int, Instance]:
    return {each.provider_id: each.instance for each in _serving(route, caller)}


def _serving(route: Route, caller: CallerContext) -> Iterator[Candidate]:
    for each in route.candidates:
        served = each.instance.served.get(OPERATION)
        if (
            served is not None
            and OPERATION in each.operations()
            and isinstance(served.codec, ConsentCodec)
            and not refusal_of(each.instance, caller)
        ):
            yield each


def _with_consent(form: FormT, upstream_id: str) -> FormT:
    """Return a wish that names a consent as its provider does."""
    typed = VoiceSpec()
    typed.CopyFrom(form.typed)
    typed.consent = upstream_id
    changed = form.with_typed(typed)
    if not isinstance(changed, UploadedForm) or changed.multipart is None:
        return changed
    members = MultipartForm()
    members.CopyFrom(changed.multipart)
    for member in members.members:
        if member.name == "consent" and not member.HasField("file"):
            member.value = upstream_id.encode()
    return msgspec.structs.replace(changed, multipart=members)


def _shown(consent: StoredConsent) -> VoiceConsent:
    return VoiceConsent(
        id=consent.id,
        object=OBJECT,
        name=consent.name,
        language=consent.language,
        created_at=consent.created_at,
    )


def _not_found(consent_id: str) -> VoiceConsentNotFound:
    shown = quoted(consent_id)
    return VoiceConsentNotFound(f"There is no consent {shown} of yours", consent_id=shown)
