"""The RPCs about files: each caller sees its own alone."""

import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import aclosing

from conduit.internal.v1.file_storage_service_pb2 import BeginFileRequest
from conduit.internal.v1.file_storage_service_pb2 import ListFilesRequest as ListKept
from conduit.v1 import stored_file_requests_pb2 as pb
from conduit.v1.form_pb2 import Form as MultipartForm
from conduit.v1.json_runtime import JsonError
from conduit.v1.stored_file_form import file_spec_from_form
from conduit.v1.stored_file_pb2 import FileSpec
from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_kernel.http import HttpError, SpillFull, SpillSpace, Upload
from conduit_kernel.http.limits import MIB
from conduit_kernel.limits import check_length, number_of
from conduit_kernel.not_found_errors import FileNotFound
from conduit_kernel.quoting import quoted
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.uploads import received
from conduit_router.context import CallerContext
from conduit_router.files.keeping import ID_PREFIX, FileKeeper

DEFAULT_LIMIT = 10_000
# As much as the route takes; Storage may take less.
MAX_UPLOAD_BYTES = 256 * MIB
STORED_ID = re.compile(rf"{ID_PREFIX}[0-9a-hjkmnp-tv-z]{{26}}", re.ASCII)
PURPOSES = frozenset({"assistants", "batch", "evals", "fine-tune", "user_data", "vision"})
NAMELESS = "file"
_ORDERS = ("asc", "desc", "")


class FileRpcs:
    """Keeps files, lists them, returns them and deletes them."""

    def __init__(self, runtime: CallRuntime, keeper: FileKeeper, space: SpillSpace) -> None:
        """Take what counts calls, what keeps files, and the room for those on their way."""
        self._runtime = runtime
        self._keeper = keeper
        self._space = space

    async def CreateFile(
        self, requests: AsyncIterable[pb.CreateFileRequest], caller: CallerContext
    ) -> pb.CreateFileResponse:
        """Keep a file of the caller's."""
        owner = caller.caller.virtual_key_id
        with self._runtime.under_way.one_of(owner):
            upload = received(requests, self._space, max_bytes=MAX_UPLOAD_BYTES)
            async with upload as (start, files):
                spec = _spec(start, files)
                begun = BeginFileRequest(
                    virtual_key_id=owner,
                    filename=spec.file.filename or NAMELESS,
                    purpose=spec.purpose,
                    retention_seconds=spec.expires_after_seconds,
                )
                kept = await self._keeper.write(begun, _content(spec, files))
        return pb.CreateFileResponse(file=kept)

    async def GetFile(
        self, request: pb.GetFileRequest, caller: CallerContext
    ) -> pb.GetFileResponse:
        """Return a file of the caller's, less its bytes."""
        owner = _checked(request.id, caller)
        with self._runtime.under_way.one_of(owner):
            found = await self._keeper.storage.file(owner, request.id)
        return pb.GetFileResponse(file=found)

    async def GetFileContent(
        self, request: pb.GetFileContentRequest, caller: CallerContext
    ) -> AsyncGenerator[pb.GetFileContentResponse, None]:
        """Yield the bytes of a file of the caller's."""
        owner = _checked(request.id, caller)
        with self._runtime.under_way.one_of(owner):
            is_empty = True
            async with aclosing(self._keeper.read(owner, request.id)) as pieces:
                async for piece in pieces:
                    is_empty = False
                    yield pb.GetFileContentResponse(content=piece)
            if is_empty:
                # An answer begins with its first message.
                yield pb.GetFileContentResponse()

    async def ListFiles(
        self, request: pb.ListFilesRequest, caller: CallerContext
    ) -> pb.ListFilesResponse:
        """Return a page of the caller's files."""
        owner, limit = caller.caller.virtual_key_id, number_of(request, "limit") or DEFAULT_LIMIT
        if request.order not in _ORDERS:
            raise InvalidRequest("order must be asc or desc", field="order")
        if request.after and not STORED_ID.fullmatch(request.after):
            raise InvalidRequest("after must be the id of a file", field="after")
        check_length(request, "purpose")
        asked = ListKept(
            virtual_key_id=owner,
            after=request.after,
            limit=limit,
            is_ascending=request.order == "asc",
            purpose=request.purpose,
        )
        with self._runtime.under_way.one_of(owner):
            page, has_more = await self._keeper.storage.files(asked)
        return pb.ListFilesResponse(
            object="list",
            data=page,
            first_id=page[0].id if page else None,
            last_id=page[-1].id if page else None,
            has_more=has_more,
        )

    async def DeleteFile(
        self, request: pb.DeleteFileRequest, caller: CallerContext
    ) -> pb.DeleteFileResponse:
        """Delete a file of the caller's."""
        owner = _checked(request.id, caller)
        with self._runtime.under_way.one_of(owner):
            await self._keeper.storage.delete(owner, request.id)
        return pb.DeleteFileResponse(id=request.id, object="file", deleted=True)


def _checked(file_id: str, caller: CallerContext) -> int:
    """Return the caller. FileNotFound for what can be no file's id."""
    if not STORED_ID.fullmatch(file_id):
        shown = quoted(file_id)
        raise FileNotFound(f"There is no file {shown}", file_id=shown)
    return caller.caller.virtual_key_id


def _spec(start: pb.CreateFileStart, files: Sequence[Upload]) -> FileSpec:
    """Return what is said of a file. InvalidRequest if it says too little, or makes no sense."""
    spec = FileSpec()
    if start.HasField("multipart"):
        try:
            spec = file_spec_from_form(start.multipart)
        except JsonError as error:
            raise InvalidRequest(str(error), field=error.path) from error
        _check_members(start.multipart)
    else:
        spec.CopyFrom(start.file)
    if not spec.HasField("file"):
        raise InvalidRequest("file is required", field="file")
    if spec.purpose not in PURPOSES:
        names = ", ".join(sorted(PURPOSES))
        raise InvalidRequest(f"purpose must be one of {names}", field="purpose")
    if spec.HasField("expires_after_anchor") and spec.expires_after_anchor != "created_at":
        message = "expires_after[anchor] must be created_at"
        raise InvalidRequest(message, field="expires_after[anchor]")
    if spec.HasField("expires_after_seconds"):
        number_of(spec, "expires_after_seconds")
    if len(files) > 1:
        raise InvalidRequest("One file can be sent at a time", field="file")
    return spec


def _check_members(form: MultipartForm) -> None:
    for member in form.members:
        if member.HasField("file") and member.name != "file":
            raise InvalidRequest(f"{member.name} cannot be a file here", field=member.name)


async def _content(spec: FileSpec, files: Sequence[Upload]) -> AsyncIterator[bytes]:
    """Yield the bytes of a file, wherever they are. InvalidRequest if they break off."""
    if not files:
        # A member without a name of its own is in the request.
        if spec.file.content:
            yield spec.file.content
        return
    try:
        reader = await files[0].open()
        while piece := await reader.next():
            yield piece
    except SpillFull as error:
        message = "There is no room for an upload of this size just now"
        raise ServiceUnavailable(message, service="router") from error
    except HttpError as error:
        raise InvalidRequest(f"The upload broke off: {error}", field="file") from error
