"""Deletes at their providers what callers have made there: voices, and consents to them."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from conduit.internal.v1.voice_storage_service_pb2 import MadeVoice, StoredConsent
from conduit_kernel.errors import InvalidApiKey, UpstreamError, UpstreamTimeout
from conduit_kernel.http import Timeouts
from conduit_providers.jobs import JobRequest
from conduit_providers.wire import HttpRequest
from conduit_router.calls.runtime import CallRuntime
from conduit_router.routing.table import Instance, UpstreamKey

OPERATION = "create_voice"
DELETE_SECONDS = 30.0
# Of the account, those that are tried until one is good.
MAX_KEYS = 3
_NOT_FOUND = "404"

Made = MadeVoice | StoredConsent


class UpstreamDeletion:
    """Deletes what was made with a key of the account that has it."""

    def __init__(self, runtime: CallRuntime) -> None:
        self._runtime = runtime

    def take_back(self, made: Made, instance: Instance) -> None:
        """Delete what nobody can name; nobody waits for it."""
        for key in islice(keys_of(made, instance), 1):
            step = JobRequest(_deletion(made, instance, key))
            self._runtime.jobs.cancel(step, key.endpoint(OPERATION), instance.spec)

    async def delete(self, made: Made, instance: Instance) -> None:
        """Delete it, if its provider has it. UpstreamError, by class, if it does not do so."""
        name = instance.provider.name
        failure: UpstreamError = InvalidApiKey(
            f"Provider {name} has no usable key of the account that has {made.id}", provider=name
        )
        timeouts = Timeouts(*[DELETE_SECONDS] * 4)
        try:
            for key in islice(keys_of(made, instance), MAX_KEYS):
                upstream = key.endpoint(OPERATION)
                request = _deletion(made, instance, key)
                try:
                    await self._runtime.transport.ask(upstream, instance.spec, request, timeouts)
                except UpstreamTimeout:
                    # A silent provider is not waited for twice.
                    raise
                except UpstreamError as error:
                    if error.metadata.get("status") == _NOT_FOUND:
                        return
                    upstream.redactor.clean(error)
                    failure = error
                else:
                    return
            raise failure
        finally:
            # It refers to this frame, which refers to it.
            del failure


def keys_of(made: Made, instance: Instance) -> Iterator[UpstreamKey]:
    """Yield the keys of an account at the instance where something was made with one."""
    if OPERATION in instance.served:
        yield from (key for key in instance.keys if key.account_group == made.account_group)


def _deletion(made: Made, instance: Instance, key: UpstreamKey) -> HttpRequest:
    served, target = instance.served[OPERATION], key.endpoint(OPERATION).target
    codec: Any = served.codec
    delete = codec.deletion if isinstance(made, MadeVoice) else codec.consent_deletion
    request: HttpRequest = delete(made.upstream_id, served.endpoint, target)
    return request
