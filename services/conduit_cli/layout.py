"""The processes of `conduit serve`, where they listen, and their environment."""

import errno
import ipaddress
import random
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# As in conduit_kernel.settings, which costs too much to import here; a test holds them together.
PORT_OFFSETS = {
    "registry": 0,
    "router": 1,
    "health": 2,
    "billing": 3,
    "simulator": 4,
    "storage": 5,
}
# In a process's environment: the number of a pipe on which it says that it is ready, or why not.
READY_VARIABLE = "CONDUIT_READY_FD"
READY = "ready"
# What a pipe takes in one piece, whichever system it is.
MOST_SAID = 512
_CONTROL = ("registry", "health", "billing", "storage")
# Where a gateway keeps its data unless told otherwise.
DATA_DIR = Path(".conduit")
# In the data directory: the address at which the gateway was last.
ADDRESS_FILE = "address"
LOOPBACK = "127.0.0.1"
_TRIES = 50
# Below those that systems give to outgoing connections, one of which could come in between.
_QUIET_PORTS = range(20000, 32000)


class PortTaken(Exception):
    """A port cannot be had; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One gateway on one machine."""

    data_dir: Path
    host: str
    http_port: int
    grpc_port: int
    workers: int
    # The folder in which the processes speak to each other, and nobody else can.
    sockets: Path
    grpc_host: str = LOOPBACK
    # What HTTP and gRPC show; None for plain text.
    certificate: Path | None = None

    @property
    def url(self) -> str:
        """Return its URL for users on this machine."""
        host = LOOPBACK if _is_any(self.host) else self.host
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.http_port}"

    def grpc_address(self, service: str) -> str:
        """Return the address of a gRPC service for others on this machine."""
        host = LOOPBACK if _is_any(self.grpc_host) or service == "simulator" else self.grpc_host
        port = self.grpc_port + PORT_OFFSETS[service]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def environment(self, env: Mapping[str, str], keys: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of its processes; secrets go this way, never as arguments."""
        private = "1" if is_loopback(self.host) else "0"
        # Whoever else takes a port is told nothing: who listens here is one of ours.
        targets = {
            f"CONDUIT_{service.upper()}_TARGET": f"unix:{self.sockets / service}"
            for service in _CONTROL
        }
        return {
            "CONDUIT_ALLOW_PRIVATE_ADDRESSES": private,
            **targets,
            **env,
            "CONDUIT_DATA_DIR": str(self.data_dir),
            "CONDUIT_HOST": self.host,
            "CONDUIT_HTTP_PORT": str(self.http_port),
            "CONDUIT_GRPC_HOST": self.grpc_host,
            "CONDUIT_GRPC_PORT": str(self.grpc_port),
            **{f"CONDUIT_{name.upper()}": value for name, value in keys.items()},
        }

    def processes(self) -> dict[str, list[str]]:
        """Return the command of each process by its name, in the order in which they stop."""
        run = [sys.executable, "-m", "conduit_cli.launch"]
        # A worker among several is told its name.
        named = [f"worker-{number}" for number in range(1, self.workers + 1)]
        workers = {name: [*run, "conduit_cli.worker", name] for name in named}
        return {
            **(workers if self.workers > 1 else {"worker": [*run, "conduit_cli.worker"]}),
            "simulator": [*run, "conduit_cli.simulator"],
            "control": [*run, "conduit_cli.control"],
        }


def with_free_ports(
    host: str, http_port: int, grpc_port: int, *, grpc_host: str = LOOPBACK
) -> tuple[int, int]:
    """Return the ports, the system's choice where 0 was asked for. PortTaken if one is not free.

    Found free now, a port may be taken before it is used; then the process that needs it says so.
    """
    for service, offset in PORT_OFFSETS.items():
        if grpc_port and http_port == grpc_port + offset:
            raise PortTaken(
                f"Port {http_port} would be the bridge's and that of the {service}: --grpc-port "
                f"{grpc_port} takes the ports up to {grpc_port + max(PORT_OFFSETS.values())}."
            )
    if http_port:
        _check(host, http_port, "--http-port", http_port + 1)
    else:
        http_port = _free_port(host)
    if grpc_port:
        for service, offset in PORT_OFFSETS.items():
            where = LOOPBACK if service == "simulator" else grpc_host
            _check(where, grpc_port + offset, "--grpc-port", grpc_port + 10)
        return http_port, grpc_port
    return http_port, _free_block(grpc_host, http_port)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_any(host: str) -> bool:
    return host in {"0.0.0.0", "::"}  # noqa: S104 # compared, not bound


def _check(host: str, port: int, option: str, other: int) -> None:
    try:
        _bind(host, port).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise PortTaken(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
        raise PortTaken(
            f"Port {port} is taken. Stop what listens there, or choose another port: "
            f"conduit serve {option} {other}"
        ) from error


def _is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port).close()
    except OSError:
        return False
    return True


def _free_block(host: str, http_port: int) -> int:
    """Return the first of as many free ports in a row as there are services."""
    for _ in range(_TRIES):
        first = random.choice(_QUIET_PORTS)  # noqa: S311 # any will do
        block = [first + offset for offset in PORT_OFFSETS.values()]
        if http_port not in block and all(_is_free(host, port) for port in block):
            return first
    raise PortTaken("No six free ports in a row were found; choose some with --grpc-port.")


def _free_port(host: str) -> int:
    try:
        with _bind(host, 0) as listener:
            return int(listener.getsockname()[1])
    except OSError as error:
        raise PortTaken(f"Cannot listen on {host}: {error.strerror}.") from error


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # Connections that linger from the last run do not matter; listeners do.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1)
    except BaseException:
        listener.close()
        raise
    return listener
