"""What is asked of Storage about files."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conduit.internal.v1 import file_storage_service_pb2 as pb
from conduit.internal.v1.file_storage_service_pb2_grpc import FileStorageServiceStub
from conduit.v1.stored_file_pb2 import StoredFile
from conduit_router.storage import StorageClient

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.file_storage_service_pb2_grpc import FileStorageServiceAsyncStub


class FileStorage:
    """Asks Storage about files. ServiceUnavailable while it is away.

    FileNotFound where the owner has no file of an id.
    """

    def __init__(self, client: StorageClient) -> None:
        self._ask = client.ask
        self._stub: FileStorageServiceAsyncStub = FileStorageServiceStub(client.channel)

    async def begin(self, request: pb.BeginFileRequest) -> None:
        """Begin a file. StorageFull if its owner has no room for it."""
        await self._ask(self._stub.BeginFile, request)

    async def append(self, request: pb.AppendToFileRequest) -> None:
        """Store a piece. StorageFull if there is no room for it."""
        await self._ask(self._stub.AppendToFile, request)

    async def finish(self, virtual_key_id: int, file_id: str) -> StoredFile:
        """Let a file be seen, which is whole now."""
        request = pb.FinishFileRequest(virtual_key_id=virtual_key_id, id=file_id)
        return (await self._ask(self._stub.FinishFile, request)).file

    async def file(self, virtual_key_id: int, file_id: str) -> StoredFile:
        """Return a file."""
        request = pb.GetFileRequest(virtual_key_id=virtual_key_id, id=file_id)
        return (await self._ask(self._stub.GetFile, request)).file

    async def read(self, virtual_key_id: int, file_id: str, number: int) -> Sequence[bytes]:
        """Return some pieces, sealed, from one on; nothing behind the last one."""
        request = pb.ReadFileRequest(virtual_key_id=virtual_key_id, id=file_id, number=number)
        return (await self._ask(self._stub.ReadFile, request)).contents

    async def files(self, request: pb.ListFilesRequest) -> tuple[Sequence[StoredFile], bool]:
        """Return a page of an owner's files, and whether there are more."""
        answer = await self._ask(self._stub.ListFiles, request)
        return answer.files, answer.has_more

    async def delete(self, virtual_key_id: int, file_id: str) -> None:
        """Delete a file."""
        request = pb.DeleteFileRequest(virtual_key_id=virtual_key_id, id=file_id)
        await self._ask(self._stub.DeleteFile, request)
