"""Services on several machines, here addresses of loopback, speak mutual TLS to each other."""

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from tests.support.credentials import new_key
from tests.support.gateways import CONDUIT, environment, wait_for

from conduit_cli.gateway import Gateway, GatewayError
from conduit_cli.layout import PORT_OFFSETS

pytestmark = pytest.mark.slow

MASTER_KEY = "the-master-key-of-all-machines"
CONTROL, ROUTER, EDGE = "127.0.0.11", "127.0.0.12", "127.0.0.13"
WHERE = {
    **dict.fromkeys(("registry", "health", "billing", "storage"), CONTROL),
    "router": ROUTER,
    "bridge": EDGE,
}


class Machines:
    """The processes, where they are, and the certificates that they show."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_block()
        self.certs = folder / "authority" / "certs"
        names = [part for host in (CONTROL, ROUTER, EDGE) for part in ("--name", host)]
        certs(folder / "authority", "init", *names)
        self._common = {
            "CONDUIT_MASTER_KEY": MASTER_KEY,
            "CONDUIT_ENCRYPTION_KEY": new_key(),
            "CONDUIT_TLS_CERT": str(self.certs / "server.pem"),
            "CONDUIT_TLS_KEY": str(self.certs / "server-key.pem"),
            "CONDUIT_TLS_CLIENT_CA": str(self.certs / "ca.pem"),
            **{
                f"CONDUIT_{name.upper()}_TARGET": f"{WHERE[name]}:{self.port + offset}"
                for name, offset in PORT_OFFSETS.items()
                if name in WHERE
            },
        }

    def address(self, service: str) -> str:
        """Return where a service listens."""
        return f"{WHERE[service]}:{self.port + PORT_OFFSETS[service]}"

    @contextlib.contextmanager
    def running(self, service: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a service on its machine, with its own data."""
        own = {
            "CONDUIT_DATA_DIR": str(self.folder / service),
            "CONDUIT_GRPC_HOST": WHERE[service],
            "CONDUIT_GRPC_PORT": str(self.port),
            "CONDUIT_HOST": EDGE,
            "CONDUIT_HTTP_PORT": str(self.port + 10),
        }
        log = (self.folder / f"{service}.log").open("wb")
        process = subprocess.Popen(  # noqa: S603 # our own command
            [CONDUIT, service],
            env=environment(**self._common, **own),
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(20)
            log.close()

    def gateway(self, **headers: str) -> Gateway:
        """Return the way in, which believes the authority's certificate alone."""
        url = f"https://{EDGE}:{self.port + 10}"
        return Gateway(url, headers, 20, certificate=self.certs / "server.pem")


def certs(folder: Path, *words: str) -> None:
    """Have the command make certificates."""
    made = [CONDUIT, "certs", *words, "--data-dir", str(folder)]
    subprocess.run(made, check=True, env=environment(), timeout=60, stdout=subprocess.DEVNULL)  # noqa: S603 # our own


def free_block() -> int:
    """Return the first of some ports in a row that are free on all of the machines."""
    for first in range(21000, 31000, 37):
        with contextlib.ExitStack() as held:
            try:
                for host in (CONTROL, ROUTER, EDGE):
                    for port in range(first, first + 11):
                        held.enter_context(socket.create_server((host, port)))
            except OSError:
                continue
            return first
    raise AssertionError("no ports are free")


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """Run all services."""
    made = Machines(tmp_path)
    with contextlib.ExitStack() as running:
        for service in WHERE:
            running.enter_context(made.running(service))
        admin = made.gateway(**{"x-master-key": MASTER_KEY})

        def is_ready() -> bool:
            try:
                return bool(admin.call("GET", "/health/ready")["status"] == "ready")
            except (GatewayError, OSError):
                return False

        wait_for(is_ready, 120)
        yield made


def is_answered(address: str, credentials: grpc.ChannelCredentials | None) -> bool:
    """Return whether a service says how it is to somebody."""
    made = (
        grpc.insecure_channel(address)
        if credentials is None
        else grpc.secure_channel(address, credentials)
    )
    with made as channel:
        ask = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            ask(health_pb2.HealthCheckRequest(), timeout=10)
        except grpc.RpcError:
            return False
        return True


def shown(folder: Path, authority: Path, stem: str | None) -> grpc.ChannelCredentials:
    """Return what somebody shows of themselves, and whom they believe."""
    trusted = (authority / "ca.pem").read_bytes()
    if stem is None:
        return grpc.ssl_channel_credentials(trusted)
    key, own = (folder / f"{stem}-key.pem").read_bytes(), (folder / f"{stem}.pem").read_bytes()
    return grpc.ssl_channel_credentials(trusted, key, own)


def test_machines_serve_together_and_talk_to_nobody_else(machines: Machines) -> None:
    """A change at one is in force at the others; without a certificate nobody hears anything."""
    admin = machines.gateway(**{"x-master-key": MASTER_KEY})
    made = admin.call("POST", "/api/virtual-keys", {"name": "over there"})
    caller = machines.gateway(authorization=f"Bearer {made['key']}")
    wait_for(lambda: answers(caller, "/v1/models"), 30)
    for path in ("/api/providers", "/api/provider-health", "/api/model-costs"):
        assert answers(admin, path), path
    certs(machines.folder / "stranger", "init", "--name", CONTROL)
    strangers = machines.folder / "stranger" / "certs"
    for service in PORT_OFFSETS:
        if service not in WHERE:
            continue
        address = machines.address(service)
        ours = shown(machines.certs, machines.certs, "server")
        assert is_answered(address, ours), service
        assert not is_answered(address, None), service
        assert not is_answered(address, shown(machines.certs, machines.certs, None)), service
        assert not is_answered(address, shown(strangers, machines.certs, "server")), service


def answers(gateway: Gateway, path: str) -> bool:
    """Return whether a request is answered well."""
    try:
        gateway.call("GET", path)
    except (GatewayError, OSError):
        return False
    return True


def test_a_service_that_shows_a_strangers_certificate_is_told_nothing(tmp_path: Path) -> None:
    """Whoever takes the Registry's address on the network, and its port, learns no token."""
    machines = Machines(tmp_path)
    certs(tmp_path / "stranger", "init", "--name", CONTROL)
    strangers = tmp_path / "stranger" / "certs"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(strangers / "server.pem", strangers / "server-key.pem")
    context.set_alpn_protocols(["h2"])
    with socket.create_server((CONTROL, machines.port)) as taken, machines.running("router"):
        taken.settimeout(60)
        for _ in range(3):
            connection, _ = taken.accept()
            connection.settimeout(20)
            assert heard(context, connection) == b""


def heard(context: ssl.SSLContext, connection: socket.socket) -> bytes:
    """Return what somebody says behind the handshake: of TLS 1.3 that ends before they judge."""
    try:
        with connection, context.wrap_socket(connection, server_side=True) as believed:
            return believed.recv(1024)
    except (ssl.SSLError, ConnectionError):
        return b""
