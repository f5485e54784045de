"""The Router's RPCs that show the model aliases as Google does.

https://ai.google.dev/api/models
"""

from conduit.v1 import content_requests_pb2 as pb
from conduit.v1.content_pb2 import ContentModel
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.queries import is_listed
from conduit_router.routing.table import Route

USUAL_MODELS, MOST_MODELS = 50, 1000
_PREFIX = "models/"
_METHODS = ("generateContent", "streamGenerateContent", "countTokens")


class ContentModels:
    """Answers from the current table, a method for each RPC."""

    def __init__(self, runtime: CallRuntime) -> None:
        self._runtime = runtime

    async def ListContentModels(
        self, request: pb.ListContentModelsRequest, caller: CallerContext
    ) -> pb.ListContentModelsResponse:
        """List the aliases that the caller may use, in order."""
        if not 0 <= request.page_size <= MOST_MODELS:
            message = f"pageSize must be from 0 to {MOST_MODELS}"
            raise InvalidRequest(message, field="pageSize")
        most = request.page_size or USUAL_MODELS
        routes = self._runtime.table.routes.values()
        aliases = sorted(route.alias for route in routes if is_listed(route, caller))
        # The token is the last alias that was told.
        found = [alias for alias in aliases if alias > request.page_token]
        more = found[most - 1] if len(found) > most else ""
        return pb.ListContentModelsResponse(models=map(_model, found[:most]), next_page_token=more)

    async def GetContentModel(
        self, request: pb.GetContentModelRequest, caller: CallerContext
    ) -> pb.GetContentModelResponse:
        """Return an alias that is listed for the caller."""
        route: Route | None = self._runtime.table.routes.get(request.model)
        if route is None or not is_listed(route, caller):
            raise ModelNotFound(f"The model {request.model!r} does not exist", model=request.model)
        return pb.GetContentModelResponse(model=_model(route.alias))


def _model(alias: str) -> ContentModel:
    return ContentModel(
        name=f"{_PREFIX}{alias}", display_name=alias, supported_generation_methods=_METHODS
    )
