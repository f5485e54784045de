"""The RPCs about batches: each caller sees its own alone."""

import re

from conduit.internal.v1.batch_storage_service_pb2 import KeptBatch
from conduit.v1 import batch_requests_pb2 as pb
from conduit.v1.batch_pb2 import Batch, BatchSpec
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.ids import IdSource
from conduit_kernel.limits import check_items, number_of
from conduit_kernel.not_found_errors import BatchNotFound, FileNotFound
from conduit_kernel.quoting import quoted
from conduit_router.batches.calls import endpoint_paths
from conduit_router.batches.storage import BatchStorage
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext, limits_of
from conduit_router.files.rpcs import STORED_ID as FILE_ID

DEFAULT_LIMIT = 20
ID_PREFIX = "batch_"
STORED_ID = re.compile(rf"{ID_PREFIX}[0-9a-hjkmnp-tv-z]{{26}}", re.ASCII)
WINDOW = "24h"
ANCHOR = "created_at"
MAX_NAME, MAX_VALUE = 64, 512


class BatchRpcs:
    """Makes batches, lists them, returns them and takes them back."""

    def __init__(self, runtime: CallRuntime, storage: BatchStorage, ids: IdSource) -> None:
        """Take what counts calls, and where batches are kept."""
        self._runtime = runtime
        self._storage = storage
        self._ids = ids
        self._paths = endpoint_paths()

    async def CreateBatch(
        self, request: pb.CreateBatchRequest, caller: CallerContext
    ) -> pb.CreateBatchResponse:
        """Make a batch of a file of the caller's."""
        spec, owner = request.batch, caller.caller.virtual_key_id
        self._check(spec)
        if request.HasField("options"):
            limits_of(request.options, self._runtime.caps)
        batch = Batch(
            id=f"{ID_PREFIX}{self._ids.next()}",
            endpoint=spec.endpoint,
            input_file_id=spec.input_file_id,
            completion_window=WINDOW,
            metadata=spec.metadata,
            execution=spec.execution if spec.HasField("execution") else None,
        )
        kept = KeptBatch(
            batch=batch,
            virtual_key_id=owner,
            peer=caller.peer,
            certificate=caller.certificate,
            options=request.options,
            output_retention_seconds=spec.output_expires_after.seconds,
        )
        # The batch's own, not that of its requests.
        kept.options.ClearField("idempotency_key")
        with self._runtime.under_way.one_of(owner):
            made = await self._storage.create(kept)
        return pb.CreateBatchResponse(batch=made)

    async def GetBatch(
        self, request: pb.GetBatchRequest, caller: CallerContext
    ) -> pb.GetBatchResponse:
        """Return a batch of the caller's."""
        owner = _checked(request.id, caller)
        with self._runtime.under_way.one_of(owner):
            found = await self._storage.batch(owner, request.id)
        return pb.GetBatchResponse(batch=found)

    async def ListBatches(
        self, request: pb.ListBatchesRequest, caller: CallerContext
    ) -> pb.ListBatchesResponse:
        """Return a page of the caller's batches, newest first."""
        limit, owner = number_of(request, "limit") or DEFAULT_LIMIT, caller.caller.virtual_key_id
        if request.after and not STORED_ID.fullmatch(request.after):
            raise InvalidRequest("after must be the id of a batch", field="after")
        with self._runtime.under_way.one_of(owner):
            page, has_more = await self._storage.batches(owner, request.after, limit)
        return pb.ListBatchesResponse(
            object="list",
            data=page,
            first_id=page[0].id if page else None,
            last_id=page[-1].id if page else None,
            has_more=has_more,
        )

    async def CancelBatch(
        self, request: pb.CancelBatchRequest, caller: CallerContext
    ) -> pb.CancelBatchResponse:
        """Take a batch of the caller's back; requests under way are waited for."""
        owner = _checked(request.id, caller)
        with self._runtime.under_way.one_of(owner):
            batch = await self._storage.cancel(owner, request.id)
        return pb.CancelBatchResponse(batch=batch)

    def _check(self, spec: BatchSpec) -> None:
        """Raise where a batch makes no sense. FileNotFound for what can be no file's id."""
        if not spec.input_file_id:
            raise InvalidRequest("input_file_id is required", field="input_file_id")
        if not FILE_ID.fullmatch(spec.input_file_id):
            shown = quoted(spec.input_file_id)
            raise FileNotFound(f"There is no file {shown}", file_id=shown)
        if spec.endpoint not in self._paths:
            message = f"endpoint must be one of {', '.join(self._paths)}"
            raise InvalidRequest(message, field="endpoint")
        if spec.completion_window != WINDOW:
            raise InvalidRequest(f"completion_window must be {WINDOW}", field="completion_window")
        _check_metadata(spec)
        if spec.HasField("output_expires_after"):
            expiry = spec.output_expires_after
            if expiry.anchor != ANCHOR:
                field = "output_expires_after.anchor"
                raise InvalidRequest(f"{field} must be {ANCHOR}", field=field)
            number_of(expiry, "seconds", "output_expires_after")


def _check_metadata(spec: BatchSpec) -> None:
    check_items(spec, "metadata")
    for name, value in spec.metadata.items():
        if not 0 < len(name) <= MAX_NAME:
            message = f"Names in metadata must have from 1 to {MAX_NAME} characters"
            raise InvalidRequest(message, field="metadata")
        if len(value) > MAX_VALUE:
            message = f"Values in metadata must have at most {MAX_VALUE} characters"
            raise InvalidRequest(message, field="metadata")


def _checked(batch_id: str, caller: CallerContext) -> int:
    """Return the caller. BatchNotFound for what can be no batch's id."""
    if not STORED_ID.fullmatch(batch_id):
        shown = quoted(batch_id)
        raise BatchNotFound(f"There is no batch {shown}", batch_id=shown)
    return caller.caller.virtual_key_id
