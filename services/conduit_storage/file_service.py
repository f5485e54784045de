"""The FileStorageService: what routers ask of Storage about files, and what it answers."""

from collections.abc import Callable

from conduit.internal.v1 import file_storage_service_pb2 as pb
from conduit.internal.v1.file_storage_service_pb2_grpc import FileStorageServiceServicer
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.rpc.auth_interceptor import Context
from conduit_storage.files.store import FilePage, FileStore, NewFile

MAX_ID = 64
MAX_LISTED = 10_000


class FileStorageService(FileStorageServiceServicer):
    """Answers routers."""

    def __init__(self, store: FileStore, clock: Callable[[], float]) -> None:
        """Take where files are kept, and a clock of seconds since 1970."""
        self._store = store
        self._clock = clock

    async def BeginFile(
        self, request: pb.BeginFileRequest, context: Context
    ) -> pb.BeginFileResponse:
        """Store that a file is sent."""
        if not 0 < len(request.id) <= MAX_ID:
            raise InvalidRequest(f"id must have from 1 to {MAX_ID} characters", field="id")
        if request.retention_seconds < 0:
            raise InvalidRequest("retentionSeconds must not be less than 0", field="retention")
        new = NewFile(
            request.id,
            request.virtual_key_id,
            request.filename,
            request.purpose,
            request.retention_seconds,
        )
        await self._store.begin(new, self._clock())
        return pb.BeginFileResponse()

    async def AppendToFile(
        self, request: pb.AppendToFileRequest, context: Context
    ) -> pb.AppendToFileResponse:
        """Store a piece of a file."""
        if request.bytes < 0:
            raise InvalidRequest("bytes must not be less than 0", field="bytes")
        piece = request.content, request.bytes
        await self._store.append(
            request.virtual_key_id, request.id, request.number, piece, self._clock()
        )
        return pb.AppendToFileResponse()

    async def FinishFile(
        self, request: pb.FinishFileRequest, context: Context
    ) -> pb.FinishFileResponse:
        """Let a file be seen."""
        found = await self._store.finish(request.virtual_key_id, request.id, self._clock())
        return pb.FinishFileResponse(file=found)

    async def GetFile(self, request: pb.GetFileRequest, context: Context) -> pb.GetFileResponse:
        """Return a file."""
        found = await self._store.file(request.virtual_key_id, request.id, self._clock())
        return pb.GetFileResponse(file=found)

    async def ReadFile(self, request: pb.ReadFileRequest, context: Context) -> pb.ReadFileResponse:
        """Return some pieces of a file."""
        found = await self._store.read(
            request.virtual_key_id, request.id, request.number, self._clock()
        )
        return pb.ReadFileResponse(contents=found)

    async def ListFiles(
        self, request: pb.ListFilesRequest, context: Context
    ) -> pb.ListFilesResponse:
        """Return a page of an owner's files."""
        if not 0 < request.limit <= MAX_LISTED:
            raise InvalidRequest(f"limit must be from 1 to {MAX_LISTED}", field="limit")
        page = FilePage(request.after, request.limit, request.is_ascending, request.purpose)
        files, has_more = await self._store.files(request.virtual_key_id, page, self._clock())
        return pb.ListFilesResponse(files=files, has_more=has_more)

    async def DeleteFile(
        self, request: pb.DeleteFileRequest, context: Context
    ) -> pb.DeleteFileResponse:
        """Delete a file."""
        await self._store.delete(request.virtual_key_id, request.id)
        return pb.DeleteFileResponse()
