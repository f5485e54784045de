"""Sends what there is to be said of a provider's batch, with the key that it was begun with."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import structlog

from conduit_kernel.errors import UpstreamError, UpstreamUnreachable
from conduit_kernel.http import HttpError, Timeouts
from conduit_providers.batch_apis import batch_api_named
from conduit_providers.batch_apis.api import (
    BatchApi,
    BatchResult,
    BatchState,
    BegunBatch,
    NewBatch,
)
from conduit_providers.spec import Batches
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse
from conduit_router.batches.lines import LineSplitter
from conduit_router.calls.deferred import Deferral
from conduit_router.calls.runtime import CallRuntime
from conduit_router.routing.table import Candidate, Instance
from conduit_router.upstream.transport import MAX_ANSWER_BYTES
from conduit_router.upstream.transport_errors import raise_unreachable

# Of what begins a batch, which is long, and of all else.
SENDING = Timeouts(5.0, 120.0, 60.0, 600.0)
ASKING = Timeouts(5.0, 30.0, 30.0, 60.0)
# Of one result, and of one file of results.
MAX_RESULT_BYTES = MAX_ANSWER_BYTES
READING = Timeouts(5.0, 60.0, 60.0, 3600.0)
MAX_RESULTS = 200_000


def exchange_with(
    runtime: CallRuntime, provider_id: int, key_id: str, model: str, operation: str
) -> "BatchExchange":
    """Return the exchanges with whoever has a batch, with its key or another one of the account.

    UpstreamUnreachable where the configuration has neither any more.
    """
    instance = runtime.table.instances.get(provider_id)
    if instance is not None and instance.spec.batches is not None and operation in instance.served:
        siblings = runtime.accounts.keys_beside(key_id)
        keys = sorted(instance.keys, key=lambda key: key.key_id != key_id)
        for key in keys:
            if key.key_id == key_id or key.key_id in siblings:
                return BatchExchange(runtime, Deferral(_asked(instance, model), key), operation)
    message = f"The provider {provider_id}, or its key, is gone"
    raise UpstreamUnreachable(message, provider=str(provider_id), kind="unreachable")


def _asked(instance: Instance, model: str) -> Candidate:
    """Return an instance as it is asked for a model, whatever maps it."""
    return Candidate(
        instance,
        instance.provider.id,
        model,
        priority=0,
        weight=1,
        timeout=None,
        mapping_id=0,
        is_strict=False,
        capabilities=None,
        lot=0,
        timeouts=None,
        conditions=frozenset(),
    )


class BatchExchange:
    """The exchanges about one batch of a provider's."""

    def __init__(self, runtime: CallRuntime, by: Deferral, operation: str) -> None:
        """Take who has the batch, whose type has batches, and what its requests are."""
        batches = by.candidate.instance.spec.batches
        assert batches is not None  # noqa: S101 # as whoever chose it knows
        self.batches: Batches = batches
        self.by = by
        self.api: BatchApi = batch_api_named(batches.api)
        self._runtime = runtime
        # Paths about batches do not come often: nothing is prepared for later.
        self._upstream = replace(by.key.endpoint(operation), prepared={}, straight_ways={})

    @property
    def target(self) -> Target:
        """Return where the batch is."""
        return self._upstream.target

    async def begin(self, batch: NewBatch) -> BegunBatch:
        """Begin a batch. UpstreamError, by class, where the provider does not take it."""
        steps = self.api.begin(batch, self.batches, self.target)
        timeouts = SENDING
        try:
            request = next(steps)
            while True:
                answer = await self._ask(request, timeouts)
                timeouts = ASKING
                request = steps.send(answer)
        except StopIteration as end:
            begun: BegunBatch = end.value
            return begun
        finally:
            steps.close()

    async def find(self, name: str) -> BegunBatch | None:
        """Return the batch of a name of ours; None if there is none, or nobody can say."""
        request = self.api.search(self.batches, self.target)
        return None if request is None else self.api.found(await self._ask(request, ASKING), name)

    async def state(self, begun: BegunBatch) -> BatchState:
        """Return how far a batch is. UpstreamError, by class, where the provider does not say."""
        request = self.api.look(begun, self.batches, self.target)
        return self.api.state(await self._ask(request, ASKING), self.batches, self.target)

    async def cancel(self, begun: BegunBatch) -> None:
        """Take a batch back. UpstreamError, by class, where the provider does not."""
        await self._ask(self.api.cancel(begun, self.batches, self.target), ASKING)

    async def delete(self, begun: BegunBatch, state: BatchState) -> None:
        """Delete what a batch has left behind, as far as the provider does."""
        for request in self.api.deletions(begun, state, self.batches, self.target):
            try:
                await self._ask(request, ASKING)
            except UpstreamError as error:
                # It is forgotten there in its time.
                log = structlog.get_logger("batches")
                log.info("provider_batch_left", provider=self.target.provider_name, why=str(error))

    async def results(self, state: BatchState) -> AsyncGenerator[BatchResult, None]:
        """Yield what a batch came to. UpstreamError, by class, if it breaks off."""
        for request in state.results:
            if not self.api.has_lines:
                for each in self.api.results((await self._ask(request, READING)).body):
                    yield each
                continue
            async for line in self._lines(request):
                result = self.api.result(line)
                if result is not None:
                    yield result

    async def _lines(self, request: HttpRequest) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a file of results."""
        spec = self.by.candidate.instance.spec
        response = await self._runtime.transport.open(self._upstream, spec, request, READING)
        splitter = LineSplitter(MAX_RESULT_BYTES, MAX_RESULTS)
        try:
            while data := await response.next():
                for line in splitter.feed(data):
                    if line.content is not None:
                        yield line.content
        except HttpError as error:
            raise_unreachable(error, self._upstream)
        finally:
            response.close()
        for line in splitter.feed(b"\n"):
            if line.content is not None:
                yield line.content

    async def _ask(self, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
        """Return the answer to a request; tell Health of it, whatever it is."""
        candidate, key, runtime = self.by.candidate, self.by.key, self._runtime
        began = runtime.clock()
        try:
            spec = candidate.instance.spec
            answer, headers = await runtime.transport.ask(self._upstream, spec, request, timeouts)
        except UpstreamError as error:
            key.redactor.clean(error)
            runtime.outcomes.failed(candidate, key, error)
            raise
        runtime.outcomes.succeeded(candidate, key, (runtime.clock() - began) * 1000, headers)
        return answer
