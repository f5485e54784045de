"""The Router's RPCs that make no calls: which models there are, where requests go and went."""

from collections.abc import Awaitable, Callable

from conduit.internal.v1.request_lookup_pb2 import RequestLookup
from conduit.v1 import request_record_requests_pb2 as records_pb
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.decision_pb2 import Decision
from conduit.v1.model_pb2 import Model
from conduit.v1.request_record_pb2 import RequestRecord
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_kernel.not_found_errors import ModelNotFound, RequestNotFound
from conduit_kernel.pagination import text_page_of
from conduit_providers.operation import Requirements
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.decide import decide, refusal_of, route_of
from conduit_router.routing.table import Route
from conduit_router.trail.decisions import decision_message, replay, sender_of
from conduit_router.trail.filters import filter_of
from conduit_router.trail.recent_calls import FoundRequests
from conduit_router.virtual_keys import may_use

# Of a caller's own id; in place of a longer one a request gets another.
MAX_REQUEST_ID = 128
# So much of what is no id may come back in a message.
MAX_QUOTED = 32

FindRequests = Callable[[RequestLookup], Awaitable[FoundRequests]]


async def find_nothing(_: RequestLookup) -> FoundRequests:
    """Find no request, where none is remembered."""
    return FoundRequests((), is_partial=False)


class Queries:
    """Answers from the current table, a method for each RPC."""

    def __init__(self, runtime: CallRuntime, find_requests: FindRequests = find_nothing) -> None:
        """Take what finds recent requests on all routers."""
        self._runtime = runtime
        self._find_requests = find_requests

    async def ListModels(
        self, request: pb.ListModelsRequest, caller: CallerContext
    ) -> pb.ListModelsResponse:
        """List the aliases that the caller may use."""
        routes = self._runtime.table.routes.values()
        models = [_model(route) for route in routes if is_listed(route, caller)]
        return pb.ListModelsResponse(object="list", data=models)

    async def GetModel(
        self, request: pb.GetModelRequest, caller: CallerContext
    ) -> pb.GetModelResponse:
        """Return an alias that is listed for the caller."""
        route = self._runtime.table.routes.get(request.model)
        if route is None or not is_listed(route, caller):
            raise ModelNotFound(f"The model {request.model!r} does not exist", model=request.model)
        return pb.GetModelResponse(model=_model(route))

    async def ExplainRoute(
        self, request: pb.ExplainRouteRequest, caller: CallerContext
    ) -> pb.ExplainRouteResponse:
        """Say where a request would go, without sending it; or make a former decision again."""
        if request.request_id:
            return pb.ExplainRouteResponse(decision=await self._replayed(request))
        if not request.model:
            raise InvalidRequest("model is required", field="model")
        requirements = Requirements(
            request.model,
            request.operation or "chat",
            capabilities=frozenset(request.capabilities),
        )
        runtime = self._runtime
        seed = request.seed if request.HasField("seed") else runtime.draw_seed()
        health = runtime.state.view(caller.caller.virtual_key_id)
        route = route_of(runtime.table.routes, request.model)
        balance = runtime.balancer.balance(
            route, "", caller.caller.virtual_key_id, turn=runtime.balancer.turn(route.alias)
        )
        decision = decide(route, requirements, health, seed, caller, balance=balance)
        message = decision_message(
            decision,
            requirements.model,
            requirements.operation,
            revision=runtime.table.revision,
            capabilities=requirements.capabilities,
            sender=caller,
        )
        return pb.ExplainRouteResponse(decision=message)

    async def GetRequestRecord(
        self, request: records_pb.GetRequestRecordRequest, caller: CallerContext
    ) -> records_pb.GetRequestRecordResponse:
        """Return what became of a request, on whichever router it was made."""
        return records_pb.GetRequestRecordResponse(request=await self._record(request.id))

    async def ListRequestRecords(
        self, request: records_pb.ListRequestRecordsRequest, caller: CallerContext
    ) -> records_pb.ListRequestRecordsResponse:
        """Return a page of the requests of all routers, and of the log."""
        asked = filter_of(request)
        filters = asked.SerializeToString(deterministic=True) if asked is not None else b""
        page = text_page_of(request, "requests", request.model, request.status, filters.hex())
        lookup = RequestLookup(
            model_alias=request.model,
            status=request.status,
            after=page.after,
            limit=page.size + 1,
            filter=asked,
        )
        found, is_partial, looked_until = await self._find_requests(lookup)
        listed, token = page.cut(found, lambda each: each.place)
        if looked_until and not token:
            token = page.token_at(looked_until)
        return records_pb.ListRequestRecordsResponse(
            requests=[each.record for each in listed],
            next_page_token=token,
            is_partial=is_partial,
        )

    async def _replayed(self, request: pb.ExplainRouteRequest) -> Decision:
        """Make the decision again by which a recent request was admitted."""
        record = await self._record(request.request_id)
        if not record.decisions:
            message = "Where the request could go was never decided, or is no longer remembered"
            raise InvalidRequest(message, field="request_id")
        recorded, table = record.decisions[0], self._runtime.table
        inputs = recorded.inputs
        return decision_message(
            replay(recorded, table.routes),
            recorded.model_alias,
            recorded.operation,
            revision=table.revision,
            capabilities=inputs.capabilities,
            sender=sender_of(inputs),
        )

    async def _record(self, request_id: str) -> RequestRecord:
        # No request has a longer one.
        name = request_id[: MAX_REQUEST_ID + 1]
        if 0 < len(name) <= MAX_REQUEST_ID:
            lookup = RequestLookup(request_id=name, limit=1)
            found, is_partial, _ = await self._find_requests(lookup)
            if found:
                return found[0].record
            if is_partial:
                message = "Not all who may know the request could be asked; try again in a moment"
                raise ServiceUnavailable(message, service="health")
        quoted = name if len(name) <= MAX_REQUEST_ID else f"{name[:MAX_QUOTED]}..."
        message = f"No request of the id {quoted} is remembered"
        raise RequestNotFound(message, request_id=quoted)


def is_listed(route: Route, caller: CallerContext) -> bool:
    """Return whether a caller may know of an alias."""
    if caller.providers is not None and all(
        refusal_of(each.instance, caller) for each in route.candidates
    ):
        return False
    return bool(route.candidates) and may_use(caller.caller, route.alias)


def _model(route: Route) -> Model:
    able: set[str] = set()
    for candidate in route.candidates:
        served, operations = candidate.instance.served, candidate.operations()
        able |= operations
        # What a mapping says of its model goes before what the type's models can.
        able |= candidate.capabilities or set[str]().union(
            *(served[name].endpoint.capabilities for name in operations)
        )
    return Model(
        id=route.alias,
        object="model",
        created=route.created,
        owned_by="conduit",
        capabilities=sorted(able),
    )
