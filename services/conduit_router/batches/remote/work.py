"""Gives requests of a batch to the batches of providers, as far as its makers and operators say."""

import asyncio
from functools import partial

from conduit.internal.v1.remote_batch_pb2 import RemoteBatch
from conduit.v1.batch_pb2 import (
    BATCH_EXECUTION_CONDUIT,
    BATCH_EXECUTION_PROVIDER,
    BATCH_STATUS_FAILED,
    BATCH_STATUS_VALIDATING,
    BatchRequestCounts,
    ProviderBatch,
)
from conduit_kernel.errors import ConduitError
from conduit_providers.batch_apis import batch_api_named
from conduit_providers.wire import HttpRequest
from conduit_router.batches.done_requests import DoneRequests
from conduit_router.batches.remote.chunk import MAX_BYTES, Chunk
from conduit_router.batches.remote.exchange import BatchExchange
from conduit_router.batches.remote.owner import BatchOwner, RemoteParts
from conduit_router.batches.remote.run import ProviderBatchRun
from conduit_router.batches.requests import LineRequest, model_in
from conduit_router.calls.deferred import DeferralTerms, DeferredRequest
from conduit_router.routing.table import Candidate, Instance, UpstreamKey

# The setting of an instance that says who makes the requests of batches.
SETTING, BY_PROVIDER = "batches", "provider"
# Held of one batch's requests, whichever models they are for, until they are sent.
MAX_HELD_BYTES = 2 * MAX_BYTES
# A provider that has no room for a batch is given it again so much later, and twice that then.
CROWDED_SECONDS, MOST_CROWDED_SECONDS = 60.0, 1800.0
# By what requests must be alike to be in one batch: instance, key, model, path, headers.
_Kind = tuple[object, ...]


class RemoteWork:
    """The batches of providers that have requests of one batch of Conduit's."""

    def __init__(self, owner: BatchOwner, parts: RemoteParts) -> None:
        """Take the batch, and what all batches share."""
        self._owner = owner
        self._parts = parts
        self._runs: list[ProviderBatchRun] = []
        # Requests that some of them have.
        self._taken = DoneRequests()
        self._chunks: dict[_Kind, Chunk] = {}
        self._group: asyncio.TaskGroup | None = None
        self._crowdings = 0

    @property
    def is_waiting(self) -> bool:
        """Return whether it needs nothing but that providers go on."""
        return all(run.is_waiting or run.kept.is_over for run in self._runs)

    async def resume(self, group: asyncio.TaskGroup) -> None:
        """Go on with the batches that were begun before, in tasks of a group."""
        self._group, kept = group, self._owner.kept
        is_changed = False
        for remote, public in zip(kept.remote, kept.batch.provider_batches, strict=True):
            run = ProviderBatchRun(self._owner, self._parts, remote, public, note=self._note)
            self._runs.append(run)
            if remote.is_over:
                continue
            if remote.id or await run.find():
                self._taken.join(DoneRequests(remote.requests))
                self._begin(run)
            else:
                # It was never begun, as far as anybody can say.
                remote.is_over, public.status = True, BATCH_STATUS_FAILED
            is_changed = True
        if is_changed:
            await self._note()

    def has(self, place: int) -> bool:
        """Return whether a batch of a provider has a request."""
        return place in self._taken

    async def take(self, place: int, request: LineRequest) -> bool:
        """Put a request into a batch of a provider; return whether there is one for it."""
        found = self._deferred(place, request)
        # Others have their turn: translating takes its time, and waits for nobody.
        await asyncio.sleep(0)
        if found is None:
            return False
        kind = _kind_of(found)
        chunk = self._chunks.get(kind) or self._new_chunk(kind, found)
        entry = chunk.entry(place, found.request)
        if not chunk.has_room_for(entry):
            await self._send(kind)
            chunk = self._new_chunk(kind, found)
        chunk.add(place, entry, found.most_cost)
        self._taken.add(place)
        if sum(each.bytes for each in self._chunks.values()) > MAX_HELD_BYTES:
            await self._send(max(self._chunks, key=lambda kind: self._chunks[kind].bytes))
        return True

    async def send_all(self) -> None:
        """Begin the batches of what was taken."""
        for kind in [*self._chunks]:
            await self._send(kind)

    def _deferred(self, place: int, request: LineRequest) -> DeferredRequest | None:
        """Return a request as a provider's batch may have it; None where it has to be a call."""
        owner, batch = self._owner, self._owner.kept.batch
        if batch.execution == BATCH_EXECUTION_CONDUIT or owner.stop_reason is not None:
            return None
        by_provider = batch.execution == BATCH_EXECUTION_PROVIDER
        if not self._may_fit(request, by_provider=by_provider):
            # Most batches: nothing is translated in vain, nor refused twice.
            return None
        caller = owner.caller(place)
        if caller is None:
            return None
        keys = [run.kept.key_id for run in self._runs]
        keys += [chunk.exchange.by.key.key_id for chunk in self._chunks.values()]
        body, options = bytes(request.body), owner.kept.options
        terms = DeferralTerms(partial(_fits, by_provider=by_provider), keys)
        try:
            return self._parts.calls.deferred(batch.endpoint, body, options, caller, terms)
        except ConduitError:
            # It comes to the same as a call, and is told of as one.
            return None

    def _may_fit(self, request: LineRequest, *, by_provider: bool) -> bool:
        """Return whether any instance that serves a request's alias has batches for it."""
        if self._owner.kept.options.fallbacks:
            return True
        route = self._parts.runtime.table.routes.get(model_in(request))
        return route is not None and any(
            has_batches(candidate.instance, by_provider=by_provider)
            for candidate in route.candidates
        )

    def _new_chunk(self, kind: _Kind, first: DeferredRequest) -> Chunk:
        operation = self._parts.calls.operation_of(self._owner.kept.batch.endpoint)
        exchange = BatchExchange(self._parts.runtime, first.to, operation)
        chunk = self._chunks[kind] = Chunk(exchange, operation, first)
        return chunk

    async def _send(self, kind: _Kind) -> None:
        """Have Storage know of a batch, and begin it."""
        chunk, owner = self._chunks.pop(kind), self._owner
        by = chunk.exchange.by
        remote = RemoteBatch(
            name=f"{owner.kept.batch.id}_{len(self._runs) + 1}",
            key_id=by.key.key_id,
            operation=chunk.operation,
            requests=chunk.places.kept(),
            most_nano_usd=chunk.most_cost,
        )
        public = ProviderBatch(
            provider_id=by.candidate.provider_id,
            provider_name=by.key.provider_name,
            model=chunk.model,
            status=BATCH_STATUS_VALIDATING,
            request_counts=BatchRequestCounts(total=chunk.count),
        )
        run = ProviderBatchRun(owner, self._parts, remote, public, note=self._note, chunk=chunk)
        self._runs.append(run)
        await self._note()
        self._begin(run)

    def _begin(self, run: ProviderBatchRun) -> None:
        assert self._group is not None  # noqa: S101 # known before anything is taken
        self._group.create_task(self._work(run), name=run.kept.name)

    async def _work(self, run: ProviderBatchRun) -> None:
        """Work on a batch, and have made what it did not make."""
        left = await run.run()
        if run.is_crowded and left:
            pause = CROWDED_SECONDS * 2.0 ** min(self._crowdings, 10)
            self._crowdings += 1
            await run.pause(min(pause, MOST_CROWDED_SECONDS))
        for place, request in left:
            if self._owner.stop_reason is not None:
                return
            if not (run.is_crowded and await self.take(place, request)):
                await self._owner.make_call(place, request)
        if run.is_crowded:
            await self.send_all()

    async def _note(self) -> None:
        runs = self._runs
        await self._owner.recorder.note_remote(
            [run.kept for run in runs], [run.public for run in runs]
        )


def has_batches(instance: Instance, *, by_provider: bool) -> bool:
    """Return whether an instance's own batches are used: where its type has any, by its setting."""
    if instance.spec.batches is None:
        return False
    return by_provider or dict(instance.provider.settings).get(SETTING) == BY_PROVIDER


def _fits(
    candidate: Candidate, key: UpstreamKey, request: HttpRequest, *, by_provider: bool
) -> bool:
    """Return whether a request may be in a batch of a candidate's provider."""
    batches = candidate.instance.spec.batches
    if batches is None or not has_batches(candidate.instance, by_provider=by_provider):
        return False
    target = next(iter(key.targets.values())).target
    return batch_api_named(batches.api).takes(request, batches, target)


def _kind_of(found: DeferredRequest) -> _Kind:
    to, request = found.to, found.request
    model = to.candidate.provider_id, to.candidate.model
    return (*model, to.key.key_id, request.path, request.headers)
