"""What is asked of Storage about responses that callers can go on from."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from conduit.internal.v1 import response_storage_service_pb2 as pb
from conduit.internal.v1.response_storage_service_pb2_grpc import ResponseStorageServiceStub
from conduit_router.storage import StorageClient

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.response_storage_service_pb2_grpc import (
        ResponseStorageServiceAsyncStub,
    )


class ResponseStorage:
    """Asks Storage about responses. ServiceUnavailable while it is away."""

    def __init__(self, client: StorageClient) -> None:
        self._ask = client.ask
        self._stub: ResponseStorageServiceAsyncStub = ResponseStorageServiceStub(client.channel)

    async def keep(self, responses: Iterable[pb.KeptResponse]) -> Sequence[str]:
        """Store responses; return the ids of those that are too large."""
        request = pb.KeepResponsesRequest(responses=responses)
        return (await self._ask(self._stub.KeepResponses, request)).refused_ids

    async def response(self, virtual_key_id: int, response_id: str) -> Sequence[pb.KeptResponse]:
        """Return a response, behind those that it goes on from.

        ResponseNotFound if the owner has none of this id.
        """
        request = pb.GetKeptResponseRequest(virtual_key_id=virtual_key_id, id=response_id)
        return (await self._ask(self._stub.GetKeptResponse, request)).responses

    async def delete(self, virtual_key_id: int, response_id: str) -> None:
        """Delete a response. ResponseNotFound if the owner has none of this id."""
        request = pb.DeleteKeptResponseRequest(virtual_key_id=virtual_key_id, id=response_id)
        await self._ask(self._stub.DeleteKeptResponse, request)
