"""A gRPC server with what every service of ours has: authorization, health, reflection."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from conduit_kernel.auth import AdministratorResolver, Authorizer, VirtualKeyResolver
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.heap import heap_meter
from conduit_kernel.http.descriptors import connections_for
from conduit_kernel.rpc.auth_interceptor import AuthInterceptor
from conduit_kernel.rpc.credentials import server_credentials
from conduit_kernel.rpc.health import NOT_SERVING, SERVING, HealthStatuses
from conduit_kernel.rpc.message_room import MessageRoom
from conduit_kernel.rpc.methods import METHODS
from conduit_kernel.rpc.observed import ObservedRpcs
from conduit_kernel.settings import MAX_BODIES_BYTES
from conduit_kernel.telemetry.setup import server_spans
from conduit_kernel.tls import TlsFiles, WatchedTls

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
# Of calls with media, of charges, of whole configurations.
MAX_LARGE_MESSAGE_BYTES = 96 * 1024 * 1024
# What a drain takes beyond its grace, where calls do not let themselves be ended.
LAST_SECONDS = 0.2
# On one connection; more wait at the caller.
MAX_STREAMS = 1000
# On one port, of those that an eighth of the process's descriptors allow: it may have four ports.
MAX_CONNECTIONS = 10_000
# Until a connection has said that it speaks HTTP/2, as heads have over HTTP/1.
_GREETING_MS = 15_000

ServicerT = TypeVar("ServicerT")


class RpcServer:
    """One port. SERVING from `start` on while it is ready, NOT_SERVING from `drain` on."""

    def __init__(
        self,
        *,
        name: str,
        master_key: str,
        service_tokens: Iterable[str] = (),
        renew_service_tokens: Callable[[], Iterable[str]] | None = None,
        virtual_keys: VirtualKeyResolver | None = None,
        session_holders: VirtualKeyResolver | None = None,
        administrators: AdministratorResolver | None = None,
        on_refused_login: Callable[[str, str], None] | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        max_messages_bytes: int = MAX_BODIES_BYTES,
        max_streams: int = MAX_STREAMS,
        max_connections: int | None = None,
        share_port: bool = False,
        tls: TlsFiles | None = None,
    ) -> None:
        """Prepare a server.

        - `service_tokens` admit to internal RPCs; without any, nobody is.
        - `renew_service_tokens` returns those that are taken by now, where one is unknown.
        - `virtual_keys` knows the callers of RPCs that ask for a virtual key,
        - `session_holders` also those that hold a session with a client secret.
        - `administrators` knows their tokens; without it, the master key alone is known.
        - `on_refused_login` is told the address of each refused login, and the reason.
        - `max_message_bytes` bounds what callers send, once they are known to be allowed,
        - `max_messages_bytes` what all of them together do, until they are answered.
        - `max_connections` of other machines' and programs', an eighth of what there is by default.
        - `share_port` lets the workers of one machine listen together.
        - `tls` has the port speak TLS, whose certificate is read anew when it changes. ValueError
          or OSError if it cannot be used.
        """
        self._name = name
        self._services = [health.SERVICE_NAME, reflection.SERVICE_NAME]
        self._problems: list[str] = []
        authorizer = Authorizer(
            METHODS,
            master_key=master_key,
            service_tokens=service_tokens,
            renew_service_tokens=renew_service_tokens,
            virtual_keys=virtual_keys,
            session_holders=session_holders,
            administrators=administrators,
            on_refused_login=on_refused_login,
        )
        self.health = HealthStatuses(authorizer.is_administrator)
        # What it counts, for whoever shows it.
        self.rpcs = ObservedRpcs(spans=server_spans())
        if max_connections is None:
            max_connections = min(MAX_CONNECTIONS, connections_for(1 / 8))
        messages = MessageRoom(max_messages_bytes, max_message_bytes, heap_meter())
        self._calls = AuthInterceptor(authorizer, messages, self.rpcs)
        self.grpc = grpc.aio.server(
            interceptors=[self._calls],
            options=[
                # A second server on the port would silently take half of the calls.
                ("grpc.so_reuseport", int(share_port)),
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.max_send_message_length", MAX_LARGE_MESSAGE_BYTES),
                ("grpc.max_concurrent_streams", max_streams),
                ("grpc.max_allowed_incoming_connections", max_connections),
                ("grpc.server_handshake_timeout_ms", _GREETING_MS),
                # Clients may ask whether we are alive while nothing else is going on.
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 5000),
                ("grpc.http2.max_ping_strikes", 0),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
        )
        self._credentials = server_credentials(WatchedTls(tls)) if tls else None
        self.port = 0

    def add(
        self,
        add_to_server: Callable[[ServicerT, grpc.aio.Server], None],
        servicer: ServicerT,
        service: ServiceDescriptor,
    ) -> None:
        """Serve a service of the contract by what its stubs have for that, and announce it."""
        add_to_server(servicer, self.grpc)
        self.announce(service)

    def announce(self, service: ServiceDescriptor) -> None:
        """Name a service of the contract that was added to `grpc`, for health and reflection.

        The stubs need no descriptor of their service, reflection does: whoever has it to hand over
        has also loaded it.
        """
        self._services.append(service.full_name)

    async def start(
        self, host: str, port: int, *, problems: Sequence[str] = (), also_at: str = ""
    ) -> None:
        """Listen; not SERVING while there are problems. ServiceUnavailable if the port is taken.

        `also_at` is a socket of this machine, `unix:PATH`, in a folder that is nobody else's: what
        our own processes say to each other there needs no TLS.
        """
        self._problems = list(problems)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.grpc)
        reflection.enable_server_reflection(self._services, self.grpc)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if self._credentials is None:
                self.port = self.grpc.add_insecure_port(address)
            else:
                self.port = self.grpc.add_secure_port(address, self._credentials)
            if also_at:
                address = also_at
                self.grpc.add_insecure_port(also_at)
        except RuntimeError as error:
            message = f"The {self._name} service cannot listen on {address}: is the port taken?"
            raise ServiceUnavailable(message, service=self._name) from error
        self._publish()
        await self.grpc.start()

    async def set_problems(self, problems: Sequence[str]) -> None:
        """Say NOT_SERVING while there are problems; the log says which."""
        if list(problems) == self._problems:
            return
        self._problems = list(problems)
        log = structlog.get_logger("readiness")
        if problems:
            log.error("not_ready", server=self._name, reasons=self._problems)
        else:
            log.info("ready", server=self._name)
        self._publish()

    def announce_drain(self) -> None:
        """Say NOT_SERVING for good; calls are still taken."""
        self.health.end()

    async def drain(self, grace_seconds: float) -> None:
        """Say NOT_SERVING, finish what is under way within the time given, then end the rest.

        Those calls fail with UNAVAILABLE: what gRPC itself cuts is CANCELLED, as if by its caller.
        """
        self.announce_drain()
        stopping = asyncio.create_task(self.grpc.stop(grace_seconds + LAST_SECONDS))
        await asyncio.wait({stopping}, timeout=grace_seconds)
        if not stopping.done():
            self._calls.end_calls()
        await stopping

    def _publish(self) -> None:
        status = NOT_SERVING if self._problems else SERVING
        for service in ("", *self._services):
            self.health.set(service, status)
