"""Asks the account that keeps a response about it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol, runtime_checkable

from conduit.v1.json_runtime import JsonError, parse
from conduit.v1.json_runtime import MalformedJson as NotJson
from conduit.v1.response_answer_json import created_response_from_json
from conduit.v1.response_answer_pb2 import CreatedResponse
from conduit_kernel.errors import UpstreamError, UpstreamTimeout
from conduit_kernel.http import HttpError, Response, Timeouts
from conduit_providers.calls import Call
from conduit_providers.failures import malformed
from conduit_providers.inbound.response_form import response_request
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest
from conduit_router.calls.runtime import CallRuntime
from conduit_router.responses.accounts import OPERATION, ResponseAccounts, no_account
from conduit_router.responses.contents import ResponseRecord
from conduit_router.responses.keeper import not_found
from conduit_router.routing.table import ServedOperation, UpstreamTarget
from conduit_router.upstream.transport_errors import raise_unreachable

SERVED_AS = "response"
# Whoever asks waits no longer for each part of it.
SECONDS = 30.0
# Of a stream, between its events: models think for minutes.
IDLE_SECONDS = 600.0
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


class _Answer(NamedTuple):
    """An answer whose body is still to be read."""

    response: Response
    upstream: UpstreamTarget
    served: ServedOperation


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
        timeouts = Timeouts(*[SECONDS] * 4)
        answer = await self._open(method, record, parts, query or {}, timeouts)
        return await self._runtime.transport.read(answer.response, answer.upstream)

    async def events(
        self, record: ResponseRecord, query: Mapping[str, str | Sequence[str]]
    ) -> AsyncGenerator[bytes, None]:
        """Yield the events of a response, as its provider tells them. Raises as `ask` does."""
        timeouts = Timeouts(SECONDS, SECONDS, IDLE_SECONDS, self._runtime.caps.seconds)
        answer = await self._open("GET", record, (), query, timeouts)
        decoder = answer.served.codec.decoder(_follower(answer), answer.served.endpoint)
        try:
            while not decoder.done and (data := await answer.response.next()):
                if (found := decoder.feed(data)) is not None:
                    yield found.sse
            if (found := decoder.close()) is not None:
                yield found.sse
        except HttpError as error:
            raise_unreachable(error, answer.upstream)
        finally:
            answer.response.close()

    async def _open(
        self,
        method: str,
        record: ResponseRecord,
        parts: Sequence[str],
        query: Mapping[str, str | Sequence[str]],
        timeouts: Timeouts,
    ) -> "_Answer":
        """Return what a provider answers, with its body still to be read."""
        instance = self._accounts.instance_of(record)
        served = instance.served.get(SERVED_AS)
        if served is None or not isinstance(served.codec, KeepingCodec):
            raise no_account(record, "")
        failure: UpstreamError | None = None
        try:
            for key in islice(self._accounts.keys_of(record), MAX_KEYS):
                upstream = key.endpoint(OPERATION)
                request = served.codec.kept(
                    method, (record.id, *parts), query, served.endpoint, upstream.target
                )
                try:
                    answer = await self._runtime.transport.open(
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
                    return _Answer(answer, upstream, served)
            raise failure or no_account(record, "")
        finally:
            # It refers to this frame, which refers to it.
            del failure


def _follower(answer: _Answer) -> Call[Any]:
    """Return the call whose events are those of a response that is made already."""
    provider = answer.upstream.target.provider_name
    return Call(response_request(json=b"{}"), alias="", model="", stream=True, provider=provider)


def response_from(json: bytes, record: ResponseRecord) -> CreatedResponse:
    """Return a response as a message. UpstreamError if it is none."""
    found: CreatedResponse = read_answer(created_response_from_json, json, record)
    return found


def read_answer(read: Any, json: bytes, record: ResponseRecord) -> Any:  # noqa: ANN401 # of each RPC its own
    """Return what a provider answered as a message. UpstreamError if it is none."""
    try:
        return read(parse(json))
    except (JsonError, NotJson) as error:
        raise malformed(str(record.provider_id), "it does not fit the contract") from error
