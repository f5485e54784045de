"""Calls that are answered by an estimate where no provider answers."""

from collections.abc import Callable
from typing import Any

from conduit_kernel.errors import UnsupportedCapability, UpstreamError
from conduit_providers.operation import AnyEstimatingOperation
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.unary import UnaryCalls
from conduit_router.context import CallerContext


class EstimatingCalls:
    """Makes the calls of one RPC."""

    def __init__(
        self, runtime: CallRuntime, operation: AnyEstimatingOperation, response: Callable[[], Any]
    ) -> None:
        """Take the operation and the class of the RPC's response."""
        self._calls = UnaryCalls(runtime, operation, response)
        self._operation = operation
        self._response = response

    async def __call__(self, request: Any, caller: CallerContext) -> Any:  # noqa: ANN401 # of each RPC its own
        """Answer a request; where no provider can, or none can just now, with an estimate."""
        try:
            return await self._calls(request, caller)
        except (UnsupportedCapability, UpstreamError):
            return self._estimated(request, caller)

    def _estimated(self, request: Any, caller: CallerContext) -> Any:  # noqa: ANN401 # as above
        form, response = self._operation.form_of(request), self._response()
        # An estimate may write the JSON of a typed request.
        is_typed = form.json_at_hand is None
        answer = self._operation.estimated(form)
        self._operation.write(response, answer, is_typed=is_typed)
        response.report.request_id = caller.request_id
        return response
