"""Makes the calls of a batch's requests, as the routes that they name would."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec
import orjson
import structlog

from conduit.v1 import options_pb2
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.http_runtime import Route
from conduit.v1.json_runtime import JsonError
from conduit.v1.json_runtime import MalformedJson as NotJson
from conduit.v1.router_service_pb2 import DESCRIPTOR
from conduit.v1.router_service_routes import ROUTES
from conduit_kernel.errors import ConduitError, InvalidRequest, ServiceUnavailable
from conduit_kernel.openai_errors import error_object
from conduit_providers.batch_apis.api import one_line
from conduit_router.calls.deferred import (
    DeferralTerms,
    DeferredAnswer,
    DeferredRequest,
    answered,
    deferred,
)
from conduit_router.calls.unary import UnaryCalls
from conduit_router.context import CallerContext

SERVICE = DESCRIPTOR.services_by_name["RouterService"]
# A request that failed may do better so often; each time later.
MAX_TRIES = 6
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
# What passes by itself.
_TOO_MANY, _UNAVAILABLE = 429, 500
# Nobody was asked, or whoever was asked had no time: such a failure is waited out for as long as
# the batch has time.
_WAITED_OUT = frozenset(
    {
        *("RATE_LIMITED", "TOO_MANY_CALLS", "PROVIDER_RATE_LIMITED", "NO_PROVIDER_AVAILABLE"),
        *("PROVIDER_UNHEALTHY", "PROVIDER_UNREACHABLE", "SERVICE_UNAVAILABLE"),
        "UNDER_MAINTENANCE",
    }
)
# What does not pass while a batch has time, though its status is that of what does.
_LASTING = frozenset({"BUDGET_EXCEEDED", "NOT_IMPLEMENTED", "INTERNAL"})

Rpc = Callable[[Any, CallerContext], Awaitable[Any]]


class BatchEndpoint(NamedTuple):
    """A route at which a model is asked in JSON and answers whole."""

    route: Route
    rpc: Rpc


class LineAnswer(NamedTuple):
    """The answer to a request, or its failure."""

    status: int
    # JSON.
    body: bytes
    # Why it failed; None if it did not.
    error: ConduitError | None = None

    @property
    def may_pass(self) -> bool:
        """Return whether the request may do better later."""
        error = self.error
        if error is None or error.reason in _LASTING:
            return False
        return self.status == _TOO_MANY or self.status >= _UNAVAILABLE

    @property
    def is_waited_out(self) -> bool:
        """Return whether it may do so for as long as it takes."""
        return self.error is not None and self.error.reason in _WAITED_OUT

    def pause(self, tries: int) -> float:
        """Return how many seconds to wait before the next try."""
        asked = self.error.metadata.get("retry_after_ms", "") if self.error else ""
        grown = FIRST_PAUSE_SECONDS * 2.0 ** min(tries, 10)
        if asked.isdecimal():
            grown = max(grown, int(asked) / 1000)
        return min(grown, LONGEST_PAUSE_SECONDS)


class BatchCalls:
    """Makes one call after the other."""

    def __init__(self, rpcs: Mapping[str, Rpc]) -> None:
        """Take the Router's RPCs by name."""
        self._endpoints = {
            route.path: BatchEndpoint(route, rpcs[route.rpc])
            for route in ROUTES
            if _is_endpoint(route)
        }

    async def make(
        self, path: str, body: bytes, options: CallOptions, caller: CallerContext
    ) -> LineAnswer:
        """Return what a request comes to; what goes wrong is an answer as well."""
        route, rpc = self._endpoints[path]
        try:
            request = _request(route, body, options)
            answer = route.write(await rpc(request, caller))
        except ConduitError as error:
            return _failed(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # What the call waited for was cancelled, not whoever makes it.
            return _failed(ServiceUnavailable("The call was given up", service="router"))
        except Exception:  # noqa: BLE001 # one request's fault ends no others
            return _failed(ConduitError("Conduit failed in a way it did not foresee"))
        return LineAnswer(route.success_status, answer)

    def operation_of(self, path: str) -> str:
        """Return the operation of a path's requests, of which some were deferred."""
        rpc = self._endpoints[path].rpc
        assert isinstance(rpc, UnaryCalls)  # noqa: S101 # as those that were deferred are
        return rpc.operation.name

    def deferred(
        self,
        path: str,
        body: bytes,
        options: CallOptions,
        caller: CallerContext,
        terms: DeferralTerms,
    ) -> DeferredRequest | None:
        """Return a request's request to a provider that fits; None where it has to be made."""
        route, rpc = self._endpoints[path]
        if not isinstance(rpc, UnaryCalls):
            return None
        form = rpc.form_of(_request(route, body, options))
        return deferred(rpc, form, options, caller, terms)

    def answered(
        self,
        path: str,
        body: bytes,
        options: CallOptions,
        caller: CallerContext,
        given: DeferredAnswer,
    ) -> LineAnswer:
        """Return what a deferred request comes to; what goes wrong is an answer as well."""
        route, rpc = self._endpoints[path]
        assert isinstance(rpc, UnaryCalls)  # noqa: S101 # as those that were deferred are
        try:
            form = rpc.form_of(_request(route, body, options))
            answer = route.write(answered(rpc, form, options, caller, given))
        except ConduitError as error:
            return _failed(error)
        except Exception:  # noqa: BLE001 # as above
            structlog.get_logger("batches").exception("batch_result_failed")
            return _failed(ConduitError("Conduit failed in a way it did not foresee"))
        return LineAnswer(route.success_status, answer)


def endpoint_paths() -> list[str]:
    """Return the paths that the requests of a batch may be for."""
    return [route.path for route in ROUTES if _is_endpoint(route)]


def _request(route: Route, body: bytes, options: CallOptions) -> Any:  # noqa: ANN401 # of each RPC its own
    assert route.read is not None  # noqa: S101 # an endpoint's is there
    request = _read(partial(route.read, {}, (), {}, body))
    request.options.CopyFrom(options)
    return request


def _read(read: Callable[[], Any]) -> Any:  # noqa: ANN401 # of each RPC its own
    try:
        return read()
    except JsonError as error:
        raise InvalidRequest(str(error), field=error.path) from error
    except NotJson as error:
        raise InvalidRequest("body must be an object", field="body") from error


def _failed(error: ConduitError) -> LineAnswer:
    body = orjson.dumps({"error": error_object(error)})
    return LineAnswer(error.failure.http_status, body, error)


def _is_endpoint(route: Route) -> bool:
    if route.service != SERVICE.name or route.verb != "POST" or route.read is None:
        return False
    if route.framing or route.client_streaming or route.chosen_by_header:
        return False
    method = SERVICE.methods_by_name[route.rpc]
    is_call = bool(method.GetOptions().Extensions[options_pb2.serving].operation)
    return is_call and not any(segment.is_parameter for segment in route.segments)


def written(line_id: str, custom_id: str, request_id: str, answer: LineAnswer) -> bytes:
    """Return the line of an answer."""
    response = {
        "status_code": answer.status,
        "request_id": request_id,
        # Providers put ends of lines between values, as they like.
        "body": one_line(answer.body),
    }
    line = {"id": line_id, "custom_id": custom_id, "response": response, "error": None}
    return msgspec.json.encode(line) + b"\n"


def unmade(line_id: str, custom_id: str, code: str, message: str) -> bytes:
    """Return the line of a request that was not made."""
    error = {"code": code, "message": message}
    line = {"id": line_id, "custom_id": custom_id, "response": None, "error": error}
    return msgspec.json.encode(line) + b"\n"
