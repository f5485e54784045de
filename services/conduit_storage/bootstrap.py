"""Puts the Storage service together."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.internal.v1 import (
    batch_storage_service_pb2,
    file_storage_service_pb2,
    idempotency_storage_service_pb2,
    request_log_service_pb2,
    response_storage_service_pb2,
    task_storage_service_pb2,
    voice_storage_service_pb2,
)
from conduit.internal.v1.batch_storage_service_pb2_grpc import (
    add_BatchStorageServiceServicer_to_server,
)
from conduit.internal.v1.file_storage_service_pb2_grpc import (
    add_FileStorageServiceServicer_to_server,
)
from conduit.internal.v1.idempotency_storage_service_pb2_grpc import (
    add_IdempotencyStorageServiceServicer_to_server,
)
from conduit.internal.v1.request_log_service_pb2_grpc import (
    add_RequestLogServiceServicer_to_server,
)
from conduit.internal.v1.response_storage_service_pb2_grpc import (
    add_ResponseStorageServiceServicer_to_server,
)
from conduit.internal.v1.task_storage_service_pb2_grpc import (
    add_TaskStorageServiceServicer_to_server,
)
from conduit.internal.v1.voice_storage_service_pb2_grpc import (
    add_VoiceStorageServiceServicer_to_server,
)
from conduit_kernel.background import Background
from conduit_kernel.database import open_database
from conduit_kernel.database_poll import DatabasePoll
from conduit_kernel.database_upkeep import keep_database
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.rpc import HostedService, RpcServer
from conduit_kernel.rpc.server import MAX_LARGE_MESSAGE_BYTES
from conduit_kernel.settings import Settings
from conduit_kernel.sqlite_file import sqlite_signature
from conduit_storage.batch_service import BatchStorageService
from conduit_storage.batches.store import BatchStore
from conduit_storage.file_service import FileStorageService
from conduit_storage.files.store import FileBounds, FileStore
from conduit_storage.idempotency.store import IdempotencyStore, ResultBounds
from conduit_storage.idempotency_service import IdempotencyStorageService
from conduit_storage.request_log.search import RequestSearch
from conduit_storage.request_log.store import LogBounds, RequestLogStore
from conduit_storage.request_log_service import RequestLogService
from conduit_storage.response_service import ResponseStorageService
from conduit_storage.responses.store import ResponseBounds, ResponseStore
from conduit_storage.task_service import TaskStorageService
from conduit_storage.tasks.store import Bounds, TaskStore
from conduit_storage.voice_service import VoiceStorageService
from conduit_storage.voices.consent_store import ConsentStore
from conduit_storage.voices.store import VoiceStore

SERVICE = "storage"
MIGRATIONS = Path(__file__).parent / "migrations"
# How soon a lost router's tasks are known to be, after their leases' end.
LOOK_SECONDS = 2.0
FORGET_SECONDS = 60.0
_HOUR = 3600.0
_DAY = 24 * _HOUR


async def start(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    port: int | None = None,
    look_seconds: float = LOOK_SECONDS,
) -> HostedService:
    """Serve. ServiceUnavailable if the port is taken.

    Leases that have ended are looked for every `look_seconds`.
    """
    engine = await open_database(settings, SERVICE, MIGRATIONS)
    stores, keys = _stores(engine, settings), KeyRing.of(settings)
    server = RpcServer(
        name=SERVICE,
        master_key=settings.master_key,
        service_tokens=keys.service_tokens,
        renew_service_tokens=keys.renewed_tokens,
        max_messages_bytes=settings.max_bodies_bytes,
        tls=settings.tls,
        max_message_bytes=MAX_LARGE_MESSAGE_BYTES,
    )
    _add_services(server, stores, clock)
    try:
        await server.start(
            settings.grpc_host,
            settings.port(SERVICE) if port is None else port,
            also_at=settings.socket(SERVICE),
        )
    except BaseException:
        await engine.dispose()
        raise
    return HostedService(
        server,
        _work(stores, engine, clock, look_seconds=look_seconds),
        end_streams=lambda: None,
        close=engine.dispose,
        drain_seconds=settings.drain_seconds,
    )


class _Stores(NamedTuple):
    tasks: TaskStore
    voices: VoiceStore
    consents: ConsentStore
    calls: IdempotencyStore
    responses: ResponseStore
    files: FileStore
    batches: BatchStore
    requests: RequestLogStore
    search: RequestSearch


def _stores(engine: AsyncEngine, settings: Settings) -> _Stores:
    files = FileStore(
        engine,
        FileBounds(
            settings.file_bytes,
            settings.file_key_bytes,
            settings.files_bytes,
            settings.file_days * _DAY,
        ),
    )
    return _Stores(
        TaskStore(
            engine,
            Bounds(
                settings.task_result_bytes,
                settings.task_key_bytes,
                settings.task_retention_hours * _HOUR,
            ),
        ),
        VoiceStore(engine),
        ConsentStore(engine),
        IdempotencyStore(
            engine,
            ResultBounds(
                settings.idempotent_result_bytes,
                settings.idempotent_key_bytes,
                settings.idempotency_hours * _HOUR,
            ),
        ),
        ResponseStore(
            engine,
            ResponseBounds(
                settings.response_bytes, settings.response_key_bytes, settings.response_days * _DAY
            ),
        ),
        files,
        BatchStore(engine, files, settings.file_days * _DAY),
        RequestLogStore(
            engine, LogBounds(settings.request_log_days * _DAY, settings.request_log_rows)
        ),
        RequestSearch(engine),
    )


def _add_services(server: RpcServer, stores: _Stores, clock: Callable[[], float]) -> None:
    server.add(
        add_TaskStorageServiceServicer_to_server,
        TaskStorageService(stores.tasks, clock),
        task_storage_service_pb2.DESCRIPTOR.services_by_name["TaskStorageService"],
    )
    server.add(
        add_VoiceStorageServiceServicer_to_server,
        VoiceStorageService(stores.voices, stores.consents, clock),
        voice_storage_service_pb2.DESCRIPTOR.services_by_name["VoiceStorageService"],
    )
    server.add(
        add_IdempotencyStorageServiceServicer_to_server,
        IdempotencyStorageService(stores.calls, clock),
        idempotency_storage_service_pb2.DESCRIPTOR.services_by_name["IdempotencyStorageService"],
    )
    server.add(
        add_ResponseStorageServiceServicer_to_server,
        ResponseStorageService(stores.responses, clock),
        response_storage_service_pb2.DESCRIPTOR.services_by_name["ResponseStorageService"],
    )
    server.add(
        add_FileStorageServiceServicer_to_server,
        FileStorageService(stores.files, clock),
        file_storage_service_pb2.DESCRIPTOR.services_by_name["FileStorageService"],
    )
    server.add(
        add_BatchStorageServiceServicer_to_server,
        BatchStorageService(stores.batches, clock),
        batch_storage_service_pb2.DESCRIPTOR.services_by_name["BatchStorageService"],
    )
    server.add(
        add_RequestLogServiceServicer_to_server,
        RequestLogService(stores.requests, stores.search, clock),
        request_log_service_pb2.DESCRIPTOR.services_by_name["RequestLogService"],
    )


def _work(
    stores: _Stores, engine: AsyncEngine, clock: Callable[[], float], *, look_seconds: float
) -> Background:
    background, store = Background(), stores.tasks
    keep_database(background, engine, SERVICE)
    # While tasks are under way, their leases may end at any moment.
    poll = DatabasePoll(
        lambda: store.end_lost(clock()),
        lambda: None if store.has_running else sqlite_signature(engine),
    )
    background.run("lost_tasks", poll.run, every=look_seconds)
    background.run("forget", lambda: store.forget(clock()), every=FORGET_SECONDS)

    async def forget_others() -> None:
        for each in (stores.voices, stores.calls, stores.responses, stores.files, stores.batches):
            await each.forget(clock())
        await stores.requests.forget(clock())

    background.run("forget_others", forget_others, every=FORGET_SECONDS)
    return background
