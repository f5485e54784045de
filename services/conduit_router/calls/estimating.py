"""Calls that are answered by an estimate where no provider answers."""

from collections.abc import Callable
from typing import Any

from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import UnsupportedCapability, UpstreamError
from conduit_providers.calls import Form
from conduit_providers.operation import AnyEstimatingOperation
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.unary import UnaryCalls
from conduit_router.context import CallerContext, options_of


class EstimatingCalls:
    """Makes the calls of one RPC."""

    def __init__(
        self, runtime: CallRuntime, operation: AnyEstimatingOperation, response: Callable[[], Any]
    ) -> None:
        """Take the operation and the class of the RPC's response."""
        self._calls = UnaryCalls(runtime, operation, response)
        self.operation = operation
        self._response = response

    async def __call__(self, request: Any, caller: CallerContext) -> Any:  # noqa: ANN401 # of each RPC its own
        """Answer a request; where no provider can, or none can just now, with an estimate."""
        return await self.answer(self.form_of(request), options_of(request), caller)

    def form_of(self, request: Any) -> Form[Any]:  # noqa: ANN401 # as above
        """Return what a request asks for."""
        return self.operation.form_of(request)

    async def answer(
        self, form: Form[Any], options: CallOptions | None, caller: CallerContext
    ) -> Any:  # noqa: ANN401 # as above
        """Answer a request that was read before."""
        # A try, and an estimate as well, may write the JSON of a typed request.
        is_typed = form.json_at_hand is None
        try:
            return await self._calls.answer(form, options, caller)
        except (UnsupportedCapability, UpstreamError):
            return self._estimated(form, caller, is_typed=is_typed)

    def _estimated(self, form: Form[Any], caller: CallerContext, *, is_typed: bool) -> Any:  # noqa: ANN401 # as above
        response = self._response()
        self.operation.write(response, self.operation.estimated(form), is_typed=is_typed)
        response.report.request_id = caller.request_id
        return response
