"""The standard health protocol, `grpc.health.v1`, as every server of ours answers it.

See https://github.com/grpc/grpc/blob/master/doc/health-checking.md.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from conduit_kernel.rpc.auth_interceptor import Context, address_of, metadata_of

# They last as long as their callers, who show no credential.
MAX_WATCHES = 256
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
SERVING = health_pb2.HealthCheckResponse.SERVING
# Names of what is an operator's, and not the contract's, have a slash.
PRIVATE_MARK = "/"


class HealthStatuses(health_pb2_grpc.HealthServicer):
    """Holds the status of each service of a server, and answers probes.

    Whoever knows a name may ask for it; the list has names with a slash, such as
    `provider/OpenAI`, for administrators only.
    """

    def __init__(self, is_administrator: Callable[[Mapping[str, str], str], bool]) -> None:
        """Take what tells by a call's metadata and address whether an administrator makes it."""
        self._is_administrator = is_administrator
        self._statuses: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._watches = 0
        self._is_ending = False

    def set(self, service: str, status: int) -> None:
        """Publish a status; without effect once the server drains."""
        if not self._is_ending and self._statuses.get(service) != status:
            self._statuses[service] = status
            self._wake()

    def remove(self, service: str) -> None:
        """Forget a service that is gone."""
        if self._statuses.pop(service, None) is not None:
            self._wake()

    def end(self) -> None:
        """Say NOT_SERVING for good, and end the watches, so that a drain need not wait for them."""
        self._is_ending = True
        self._statuses = dict.fromkeys(self._statuses, NOT_SERVING)
        self._wake()

    async def Check(  # noqa: N802 # the protocol's name
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Return the status of a service. NOT_FOUND if it is not known."""
        status = self._statuses.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "This server has no such service")
        return health_pb2.HealthCheckResponse(status=status)

    async def List(  # noqa: N802 # the protocol's name
        self, request: object, context: Context
    ) -> object:
        """Return all statuses; those of providers to administrators only."""
        shows_all = self._is_administrator(metadata_of(context), address_of(context.peer()))
        return health_pb2.HealthListResponse(  # type: ignore[attr-defined] # newer than its types
            statuses={
                name: health_pb2.HealthCheckResponse(status=status)
                for name, status in self._statuses.items()
                if shows_all or PRIVATE_MARK not in name
            }
        )

    async def Watch(  # noqa: N802 # the protocol's name
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Stream the status of a service, now and whenever it changes."""
        if self._watches >= MAX_WATCHES:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many watch the health of this server"
            )
        self._watches += 1
        try:
            reported: int | None = None
            while True:
                changed = self._changed
                status = self._statuses.get(request.service, SERVICE_UNKNOWN)
                if status != reported:
                    reported = status
                    yield health_pb2.HealthCheckResponse(status=status)
                elif self._is_ending:
                    return
                else:
                    await changed.wait()
        finally:
            self._watches -= 1

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
