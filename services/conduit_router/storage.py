"""The router's way to Storage. Nobody waits for it but who asks for what it keeps."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc

from conduit_kernel.rpc import error_of, until_connected

AnswerT = TypeVar("AnswerT")

SERVICE = "storage"
# For a Storage that is being restarted.
PATIENCE_SECONDS = 2.0
CALL_SECONDS = 15.0


class StorageClient:
    """Calls Storage's RPCs. ServiceUnavailable while it is away."""

    def __init__(self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self.channel = channel
        self._metadata = metadata

    async def ask(self, rpc: Callable[..., Awaitable[AnswerT]], request: object) -> AnswerT:
        """Return the answer of an RPC of a stub on this channel; its error, as one of ours."""
        await until_connected(self.channel, PATIENCE_SECONDS)
        try:
            return await rpc(request, metadata=self._metadata, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            raise error_of(error, SERVICE) from error
