"""Asks the account that keeps a response about it."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Protocol, runtime_checkable

from conduit_kernel.errors import UpstreamError, UpstreamTimeout
from conduit_kernel.http import Timeouts
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest
from conduit_router.calls.runtime import CallRuntime
from conduit_router.responses.accounts import OPERATION, ResponseAccounts, no_account
from conduit_router.responses.contents import ResponseRecord
from conduit_router.responses.keeper import not_found

SERVED_AS = "response"
# Whoever asks waits no longer for each part of it.
SECONDS = 30.0
# Of the account, those that are tried until one is good.
MAX_KEYS = 3
_NOT_FOUND = "404"


@runtime_checkable
class KeepingCodec(Protocol):
    """Speaks with a provider that keeps responses."""

    def kept(
        self,
        method: str,
        parts: Sequence[str],
        query: Mapping[str, str | Sequence[str]],
        endpoint: Endpoint,
        target: Target,
    ) -> HttpRequest:
        """Ask about a response that the provider keeps, by its id, or about a part of it."""
        ...


class UpstreamResponses:
    """Asks providers about the responses that they keep."""

    def __init__(self, runtime: CallRuntime) -> None:
        self._runtime = runtime
        self._accounts = ResponseAccounts(runtime)

    async def ask(
        self,
        method: str,
        record: ResponseRecord,
        parts: Sequence[str] = (),
        query: Mapping[str, str | Sequence[str]] | None = None,
    ) -> bytes:
        """Return the JSON that a provider answers, with a key of the account.

        ResponseNotFound if it has no such response any more; UpstreamError, by class, for all else.
        """
        instance = self._accounts.instance_of(record)
        served = instance.served.get(SERVED_AS)
        if served is None or not isinstance(served.codec, KeepingCodec):
            raise no_account(record, "")
        failure: UpstreamError | None = None
        timeouts = Timeouts(*[SECONDS] * 4)
        try:
            for key in islice(self._accounts.keys_of(record), MAX_KEYS):
                upstream = key.endpoint(OPERATION)
                request = served.codec.kept(
                    method, (record.id, *parts), query or {}, served.endpoint, upstream.target
                )
                try:
                    answer, _ = await self._runtime.transport.ask(
                        upstream, instance.spec, request, timeouts
                    )
                except UpstreamTimeout:
                    # A silent provider is not waited for twice.
                    raise
                except UpstreamError as error:
                    if error.metadata.get("status") == _NOT_FOUND:
                        raise not_found(record.id) from error
                    upstream.redactor.clean(error)
                    failure = error
                else:
                    return answer.body
            raise failure or no_account(record, "")
        finally:
            # It refers to this frame, which refers to it.
            del failure
