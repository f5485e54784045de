"""Gateways that others can reach: with a certificate, or where somebody said that they may."""

import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from tests.support.gateways import CONDUIT, Served, environment

from conduit_cli.gateway import Gateway
from conduit_cli.keys import MASTER, KeyFile
from conduit_cli.layout import PORT_OFFSETS

NAME = "spiffe://example.org/billing"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve with certificates that the command made."""
    data = tmp_path_factory.mktemp("tls") / "data"
    for command in (["init"], ["client", NAME]):
        made = [CONDUIT, "certs", *command, "--data-dir", str(data)]
        subprocess.run(made, check=True, env=environment(), timeout=30)  # noqa: S603 # our own
    certs = data / "certs"
    options = [
        *("--tls-cert", str(certs / "server.pem"), "--tls-key", str(certs / "server-key.pem")),
        *("--tls-client-ca", str(certs / "ca.pem")),
    ]
    with Served(data, *options) as gateway:
        yield gateway


def status(gateway: Served, *, shows_certificate: bool, key: str = "") -> int:
    """Return what the list of models is answered with."""
    certs = gateway.data_dir / "certs"
    context = ssl.create_default_context(cafile=certs / "ca.pem")
    if shows_certificate:
        stem = certs / "example.org-billing"
        context.load_cert_chain(f"{stem}.pem", f"{stem}-key.pem")
    request = urllib.request.Request(  # noqa: S310 # https, as the test sees
        f"{gateway.url}/v1/models", headers={"authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:  # noqa: S310 # as above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_key_that_requires_a_certificate_takes_one(tls: Served) -> None:
    """The one that its rules name; others still call without."""
    assert tls.url.startswith("https://")
    master = str(KeyFile(tls.data_dir).read()[MASTER])
    own = tls.data_dir / "certs" / "server.pem"
    admin = Gateway(tls.url, {"x-master-key": master}, 10, certificate=own)
    free = str(admin.call("POST", "/api/virtual-keys", {"name": "free"})["key"])
    rules = {"name": "bound", "security": {"clientCertificates": [NAME]}}
    bound = str(admin.call("POST", "/api/virtual-keys", rules)["key"])
    assert status(tls, shows_certificate=False, key=free) == 200
    assert status(tls, shows_certificate=True, key=bound) == 200
    assert status(tls, shows_certificate=False, key=bound) == 403


def test_nothing_is_said_in_clear(tls: Served) -> None:
    """On HTTP's port and on gRPC's."""
    clear = Gateway(tls.url.replace("https://", "http://"), {}, 10)
    with pytest.raises((OSError, ValueError)):
        clear.call("GET", "/health/live")
    with pytest.raises(grpc.RpcError):
        check(grpc.insecure_channel(grpc_address(tls)))
    certs = tls.data_dir / "certs"
    stem = certs / "example.org-billing"
    credentials = grpc.ssl_channel_credentials(
        (certs / "ca.pem").read_bytes(),
        Path(f"{stem}-key.pem").read_bytes(),
        Path(f"{stem}.pem").read_bytes(),
    )
    check(grpc.secure_channel(grpc_address(tls), credentials))


def grpc_address(gateway: Served) -> str:
    """Return where its greeting says that the Registry is."""
    return gateway.output.partition("gRPC: registry ")[2].partition(",")[0]


def check(channel: grpc.Channel) -> None:
    """Ask for the health of a server."""
    with channel:
        call = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        call(health_pb2.HealthCheckRequest(), timeout=10)


@pytest.mark.parametrize("option", ["--host", "--grpc-host"])
def test_a_port_that_others_reach_is_not_opened_in_clear(tmp_path: Path, option: str) -> None:
    """Unless somebody said so."""
    command = [
        *(CONDUIT, "serve", "--data-dir", str(tmp_path / "data"), option, "0.0.0.0"),  # noqa: S104 # refused
        *("--http-port", "0", "--grpc-port", "0"),
    ]
    ended = subprocess.run(  # noqa: S603 # our own command
        command, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "--allow-plaintext" in ended.stderr


def test_whoever_takes_a_port_is_told_nothing(tmp_path: Path) -> None:
    """The processes speak to each other where nobody else can listen."""
    with Served(tmp_path / "data") as gateway:
        first = int(grpc_address(gateway).rpartition(":")[2])
        ports = {
            first + PORT_OFFSETS[name] for name in ("registry", "health", "billing", "storage")
        }
        for module, pid in gateway.children().items():
            assert ports.isdisjoint(connected_ports(pid)), module


def connected_ports(pid: int) -> set[int]:
    """Return the ports to which a process has connected by TCP."""
    names = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    own = {name[8:-1] for name in names if name.startswith("socket:[")}
    lines = Path(f"/proc/{pid}/net/tcp").read_text("ascii").splitlines()[1:]
    rows = [line.split() for line in lines]
    return {int(row[2].partition(":")[2], 16) for row in rows if row[9] in own}
