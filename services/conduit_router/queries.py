"""The Router's RPCs that make no calls: which models there are, and where a request would go."""

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.decision_pb2 import Candidate as CandidateMessage
from conduit.v1.decision_pb2 import Decision as DecisionMessage
from conduit.v1.model_pb2 import Model
from conduit_kernel.errors import ModelNotFound
from conduit_providers.operation import Requirements
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.routing.decide import Decision, decide, route_of
from conduit_router.routing.table import Route
from conduit_router.virtual_keys import may_use


class Queries:
    """Answers from the current table, a method for each RPC."""

    def __init__(self, runtime: CallRuntime) -> None:
        self._runtime = runtime

    async def ListModels(
        self, request: pb.ListModelsRequest, caller: CallerContext
    ) -> pb.ListModelsResponse:
        """List the aliases that the caller may use."""
        routes = self._runtime.table.routes.values()
        models = [_model(route) for route in routes if _is_listed(route, caller)]
        return pb.ListModelsResponse(object="list", data=models)

    async def GetModel(
        self, request: pb.GetModelRequest, caller: CallerContext
    ) -> pb.GetModelResponse:
        """Return an alias that is listed for the caller."""
        route = self._runtime.table.routes.get(request.model)
        if route is None or not _is_listed(route, caller):
            raise ModelNotFound(f"The model {request.model!r} does not exist", model=request.model)
        return pb.GetModelResponse(model=_model(route))

    async def ExplainRoute(
        self, request: pb.ExplainRouteRequest, caller: CallerContext
    ) -> pb.ExplainRouteResponse:
        """Say where a request would go, without sending it."""
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
            route, "", caller.caller.virtual_key_id, takes_turn=False
        )
        decision = decide(route, requirements, health, seed, caller.peer, balance=balance)
        message = _decision(decision, requirements, runtime.table.revision)
        message.strategy = balance.strategy
        return pb.ExplainRouteResponse(decision=message)


def _is_listed(route: Route, caller: CallerContext) -> bool:
    return bool(route.candidates) and may_use(caller.caller, route.alias)


def _model(route: Route) -> Model:
    able: set[str] = set()
    for candidate in route.candidates:
        served = candidate.instance.served
        able |= served.keys()
        # What a mapping says of its model goes before what the type's models can.
        able |= candidate.capabilities or set[str]().union(
            *(each.endpoint.capabilities for each in served.values())
        )
    return Model(
        id=route.alias,
        object="model",
        created=route.created,
        owned_by="conduit",
        capabilities=sorted(able),
    )


def _decision(decision: Decision, requirements: Requirements, revision: int) -> DecisionMessage:
    message = DecisionMessage(
        model_alias=requirements.model,
        operation=requirements.operation,
        rejections=decision.rejections,
        seed=decision.seed,
        revision=revision,
    )
    for chosen in (*decision.candidates, *decision.conditional):
        candidate = chosen.candidate
        entry = CandidateMessage(
            provider_id=candidate.provider_id,
            provider_name=candidate.instance.provider.name,
            actual_model_name=candidate.model,
            key_ids=[key.key_id for key in chosen.keys],
            priority=candidate.priority,
            weight=candidate.weight,
            mapping_id=candidate.mapping_id,
            conditions=candidate.conditions,
        )
        if candidate.timeout is not None:
            entry.timeout.FromMilliseconds(int(candidate.timeout * 1000))
        message.candidates.append(entry)
    return message
