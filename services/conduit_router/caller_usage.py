"""The Router's RPC by which holders of virtual keys learn what they use; Billing knows it."""

from typing import TYPE_CHECKING

import grpc

from conduit.internal.v1.caller_usage_service_pb2 import GetCallerUsageRequest
from conduit.internal.v1.caller_usage_service_pb2_grpc import CallerUsageServiceStub
from conduit.v1.caller_usage_pb2 import GetUsageRequest, GetUsageResponse
from conduit_kernel.rpc import error_of, until_connected
from conduit_router.context import CallerContext

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.caller_usage_service_pb2_grpc import CallerUsageServiceAsyncStub

SERVICE = "billing"
# For a Billing that is being restarted.
PATIENCE_SECONDS = 2.0
CALL_SECONDS = 15.0


class CallerUsage:
    """Asks Billing. ServiceUnavailable while it is away."""

    def __init__(self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._channel = channel
        self._stub: CallerUsageServiceAsyncStub = CallerUsageServiceStub(channel)
        self._metadata = metadata

    async def GetUsage(self, request: GetUsageRequest, caller: CallerContext) -> GetUsageResponse:
        """Return what the caller's virtual key has used, and what is left for it."""
        asked = GetCallerUsageRequest(virtual_key_id=caller.caller.virtual_key_id, request=request)
        await until_connected(self._channel, PATIENCE_SECONDS)
        try:
            answer = await self._stub.GetCallerUsage(
                asked, metadata=self._metadata, timeout=CALL_SECONDS
            )
        except grpc.RpcError as error:
            raise error_of(error, SERVICE) from error
        return answer.usage
