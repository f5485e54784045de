"""Where the processes of a gateway listen, and what they are told."""

import socket
from pathlib import Path

import pytest

from conduit_cli.layout import (
    PORT_OFFSETS,
    Layout,
    PortTaken,
    is_loopback,
    with_free_ports,
)
from conduit_kernel import settings


def layout(host: str = "127.0.0.1", workers: int = 1) -> Layout:
    """Return a gateway's layout."""
    sockets = Path("/data/run")
    return Layout(Path("/data"), host, 8080, 50051, workers, sockets, grpc_host=host)


def test_offsets_are_those_of_the_services() -> None:
    """Written down twice, because reading them costs too much at a start."""
    assert PORT_OFFSETS == settings.PORT_OFFSETS


@pytest.mark.parametrize(
    ("host", "url", "registry", "simulator"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080", "127.0.0.1:50051", "127.0.0.1:50055"),
        ("0.0.0.0", "http://127.0.0.1:8080", "127.0.0.1:50051", "127.0.0.1:50055"),  # noqa: S104 # compared
        ("::", "http://127.0.0.1:8080", "127.0.0.1:50051", "127.0.0.1:50055"),
        ("::1", "http://[::1]:8080", "[::1]:50051", "127.0.0.1:50055"),
        ("192.0.2.1", "http://192.0.2.1:8080", "192.0.2.1:50051", "127.0.0.1:50055"),
    ],
)
def test_processes_here_find_each_other(host: str, url: str, registry: str, simulator: str) -> None:
    """The simulator listens on this machine alone, whoever else may come in."""
    made = layout(host)
    assert made.url == url
    assert made.grpc_address("registry") == registry
    assert made.grpc_address("simulator") == simulator


def test_the_environment_is_the_users_but_for_what_was_asked_for() -> None:
    """Secrets go this way; a target of the user's wins, a port of the command's does."""
    env = {"PATH": "/bin", "CONDUIT_HTTP_PORT": "1", "CONDUIT_HEALTH_TARGET": "elsewhere:1"}
    made = layout().environment(env, {"master_key": "secret"})
    assert made["CONDUIT_MASTER_KEY"] == "secret"
    assert (made["PATH"], made["CONDUIT_HTTP_PORT"]) == ("/bin", "8080")
    assert made["CONDUIT_HEALTH_TARGET"] == "elsewhere:1"
    # Nobody else can be there.
    assert made["CONDUIT_REGISTRY_TARGET"] == "unix:/data/run/registry"
    assert made["CONDUIT_ALLOW_PRIVATE_ADDRESSES"] == "1"
    open_to_all = layout("192.0.2.1").environment({}, {})
    assert open_to_all["CONDUIT_ALLOW_PRIVATE_ADDRESSES"] == "0"


def test_workers_have_names_where_there_are_several() -> None:
    """They stop before what they need; no secret is among the arguments."""
    assert list(layout().processes()) == ["worker", "simulator", "control"]
    several = layout(workers=2).processes()
    assert list(several) == ["worker-1", "worker-2", "simulator", "control"]
    assert several["worker-2"][-1] == "worker-2"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 # compared
        ("::", False),
        ("192.0.2.1", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_what_only_this_machine_can_reach(host: str, *, expected: bool) -> None:
    """Names are not looked up: what they mean may change."""
    assert is_loopback(host) is expected


def test_ports_that_nobody_asked_for_are_free() -> None:
    """The services' are in a row, and the bridge's is none of them."""
    http_port, grpc_port = with_free_ports("127.0.0.1", 0, 0)
    block = range(grpc_port, grpc_port + len(PORT_OFFSETS))
    assert http_port not in block
    for port in (http_port, *block):
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("option", ["--http-port", "--grpc-port"])
def test_a_taken_port_is_named_with_what_to_do(option: str) -> None:
    """The other port is the system's choice."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = (port, 0) if option == "--http-port" else (0, port)
        with pytest.raises(PortTaken, match=rf"Port {port} is taken.*{option} \d+"):
            with_free_ports("127.0.0.1", *ports)


@pytest.mark.parametrize("offset", PORT_OFFSETS.values(), ids=PORT_OFFSETS)
def test_a_port_that_two_would_listen_on_is_told(offset: int) -> None:
    """HTTP and gRPC share none: one of them would be dead, without a word."""
    with pytest.raises(PortTaken, match="Port 28152 would be the bridge's and that of the"):
        with_free_ports("127.0.0.1", 28152, 28152 - offset)


def test_an_address_that_is_not_ours_is_told_in_words() -> None:
    """The system's own."""
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(PortTaken, match=f"Cannot listen on {host}:8080: ") as caught:
            with_free_ports(host, 8080, 0)
        assert "Unknown error" not in str(caught.value)
        with pytest.raises(PortTaken, match=f"Cannot listen on {host}: "):
            with_free_ports(host, 0, 0)
