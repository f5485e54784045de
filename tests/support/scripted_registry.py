"""A Registry's WatchSnapshot on a real port, whose configuration a test writes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from conduit.internal.v1 import audit_service_pb2
from conduit.internal.v1.audit_record_pb2 import AuditRecord
from conduit.internal.v1.audit_service_pb2 import RecordAuditRequest, RecordAuditResponse
from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotChange
from conduit.internal.v1.snapshot_service_pb2 import (
    DESCRIPTOR,
    ConfirmRevisionRequest,
    ConfirmRevisionResponse,
    WatchSnapshotRequest,
    WatchSnapshotResponse,
)
from conduit.v1 import registry_service_pb2
from conduit_kernel.rpc import RpcServer
from conduit_kernel.secrets import service_token

AUDIT = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
SERVICE = DESCRIPTOR.services_by_name["SnapshotService"]


class ScriptedRegistry:
    """Tells every watcher the whole configuration, and then what a test does to it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._latest = WatchSnapshotResponse()
        self._is_closed = False
        self._changed = asyncio.Event()
        self.port = 0
        # What followers say is in use, in order.
        self.confirmed: list[int] = []
        # What services did, for the audit log, in order.
        self.records: list[AuditRecord] = []

    def replace(self, snapshot: Snapshot) -> int:
        """Make this the configuration; return its revision."""
        snapshot.revision = self._snapshot.revision + 1
        self._snapshot = snapshot
        self._latest = WatchSnapshotResponse(revision=snapshot.revision, snapshot=snapshot)
        self._wake()
        return snapshot.revision

    def change(self, *changes: SnapshotChange) -> int:
        """Tell of changes to those who watch now; return their revision."""
        self._snapshot.revision += 1
        revision = self._snapshot.revision
        self._latest = WatchSnapshotResponse(revision=revision, changes=changes)
        self._wake()
        return revision

    def close(self) -> None:
        """End all watches."""
        self._is_closed = True
        self._wake()

    async def watch(
        self, _request: object, _context: object
    ) -> AsyncIterator[WatchSnapshotResponse]:
        """Stream the configuration."""
        snapshot = self._snapshot
        message = WatchSnapshotResponse(revision=snapshot.revision, snapshot=snapshot)
        while not self._is_closed:
            changed = self._changed
            yield message
            await changed.wait()
            message = self._latest

    async def confirm(
        self, request: ConfirmRevisionRequest, _context: object
    ) -> ConfirmRevisionResponse:
        """Note what a follower confirms."""
        self.confirmed.append(request.revision)
        return ConfirmRevisionResponse()

    async def record(self, request: RecordAuditRequest, _context: object) -> RecordAuditResponse:
        """Note what a service did."""
        self.records += request.records
        return RecordAuditResponse()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@asynccontextmanager
async def serve_registry(
    snapshot: Snapshot, encryption_key: bytes
) -> AsyncIterator[ScriptedRegistry]:
    """Run a scripted Registry for as long as this lasts."""
    registry = ScriptedRegistry(snapshot)
    server = RpcServer(
        name="registry", master_key="unused", service_tokens=[service_token(encryption_key)]
    )
    watch = grpc.unary_stream_rpc_method_handler(
        registry.watch,
        request_deserializer=WatchSnapshotRequest.FromString,
        response_serializer=WatchSnapshotResponse.SerializeToString,
    )
    confirm = grpc.unary_unary_rpc_method_handler(
        registry.confirm,
        request_deserializer=ConfirmRevisionRequest.FromString,
        response_serializer=ConfirmRevisionResponse.SerializeToString,
    )
    handlers = grpc.method_handlers_generic_handler(
        SERVICE.full_name, {"WatchSnapshot": watch, "ConfirmRevision": confirm}
    )
    record = grpc.unary_unary_rpc_method_handler(
        registry.record,
        request_deserializer=RecordAuditRequest.FromString,
        response_serializer=RecordAuditResponse.SerializeToString,
    )
    audit = grpc.method_handlers_generic_handler(AUDIT.full_name, {"RecordAudit": record})
    server.grpc.add_generic_rpc_handlers((handlers, audit))
    # By this one the health of a Registry is asked for.
    server.announce(registry_service_pb2.DESCRIPTOR.services_by_name["RegistryService"])
    server.announce(SERVICE)
    server.announce(AUDIT)
    await server.start("127.0.0.1", 0)
    registry.port = server.port
    try:
        yield registry
    finally:
        registry.close()
        await server.drain(1)
