"""The Router's RPCs that show the model aliases as Anthropic does.

https://platform.claude.com/docs/en/api/models/list
"""

from datetime import UTC, datetime

from conduit.v1 import message_requests_pb2 as pb
from conduit.v1.message_model_pb2 import MessageModel
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.queries import is_listed
from conduit_router.routing.table import Route

MOST_MODELS = 1000


class MessageModels:
    """Answers from the current table, a method for each RPC."""

    def __init__(self, runtime: CallRuntime) -> None:
        self._runtime = runtime

    async def ListMessageModels(
        self, request: pb.ListMessageModelsRequest, caller: CallerContext
    ) -> pb.ListMessageModelsResponse:
        """List the aliases that the caller may use, in order."""
        if request.limit < 0:
            raise InvalidRequest("limit must not be negative", field="limit")
        most = min(request.limit or MOST_MODELS, MOST_MODELS)
        routes = self._runtime.table.routes.values()
        found = sorted(
            (route for route in routes if is_listed(route, caller)), key=lambda each: each.alias
        )
        if request.after_id:
            found = [each for each in found if each.alias > request.after_id]
        if request.before_id:
            found = [each for each in found if each.alias < request.before_id]
        has_more = len(found) > most
        found = found[-most:] if request.before_id else found[:most]
        response = pb.ListMessageModelsResponse(data=map(_model, found), has_more=has_more)
        if found:
            response.first_id, response.last_id = found[0].alias, found[-1].alias
        return response

    async def GetMessageModel(
        self, request: pb.GetMessageModelRequest, caller: CallerContext
    ) -> pb.GetMessageModelResponse:
        """Return an alias that is listed for the caller."""
        route = self._runtime.table.routes.get(request.model)
        if route is None or not is_listed(route, caller):
            raise ModelNotFound(f"The model {request.model!r} does not exist", model=request.model)
        return pb.GetMessageModelResponse(model=_model(route))


def _model(route: Route) -> MessageModel:
    created = datetime.fromtimestamp(route.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return MessageModel(type="model", id=route.alias, display_name=route.alias, created_at=created)
