"""TLS of the gRPC servers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.support.certificates import PrivateAuthority

from conduit_kernel.rpc import RpcServer, connect
from conduit_kernel.rpc.auth_interceptor import certificate_of
from conduit_kernel.rpc.credentials import channel_credentials
from conduit_kernel.tls import TlsFiles, read_material

NAME = "spiffe://example.org/billing"


class Shown:
    """A server that notes which certificates its callers have shown."""

    def __init__(self, tls: TlsFiles) -> None:
        self.server = RpcServer(name="test", master_key="a master key", tls=tls)
        self.names: list[str] = []
        # Beside the contract, everybody may call what begins with this name.
        method: Any = grpc.unary_unary_rpc_method_handler(self._note)
        handler = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Shown": method})
        self.server.grpc.add_generic_rpc_handlers((handler,))

    async def _note(self, _: object, context: Any) -> bytes:  # noqa: ANN401 # gRPC's
        self.names.append(certificate_of(context))
        return b""

    async def ask(self, credentials: grpc.ChannelCredentials | None) -> None:
        """Call, on a connection of its own. grpc.RpcError if that cannot be."""
        async with connect(f"localhost:{self.server.port}", credentials) as channel:
            call: Any = channel.unary_unary("/grpc.health.v1.Health/Shown")
            await call(b"", timeout=5)


@asynccontextmanager
async def showing(tls: TlsFiles) -> AsyncIterator[Shown]:
    """Serve with a certificate."""
    shown = Shown(tls)
    await shown.server.start("127.0.0.1", 0)
    try:
        yield shown
    finally:
        await shown.server.drain(0.1)


@pytest.mark.asyncio
async def test_a_server_shows_its_certificate(tmp_path: Path) -> None:
    """And takes no call in clear."""
    authority = PrivateAuthority(tmp_path)
    trusting = grpc.ssl_channel_credentials(authority.ca_file.read_bytes())
    async with showing(authority.files()) as server:
        await server.ask(trusting)
        with pytest.raises(grpc.RpcError):
            await server.ask(None)
    assert server.names == [""]


@pytest.mark.asyncio
async def test_callers_show_theirs_where_there_is_an_authority(tmp_path: Path) -> None:
    """Of that authority, and no other."""
    authority, other = PrivateAuthority(tmp_path / "own"), PrivateAuthority(tmp_path / "other")
    root = authority.ca_file.read_bytes()
    files = authority.files(asks=True)
    async with showing(files) as server:
        await server.ask(grpc.ssl_channel_credentials(root, *authority.pair(NAME)))
        await server.ask(channel_credentials(read_material(files)))
        for refused in (
            grpc.ssl_channel_credentials(root),
            grpc.ssl_channel_credentials(root, *other.pair(NAME)),
        ):
            with pytest.raises(grpc.RpcError):
                await server.ask(refused)
    assert server.names == [NAME, "localhost"]


@pytest.mark.asyncio
async def test_a_new_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    """To the next connection; a half of it is not taken."""
    first, second = PrivateAuthority(tmp_path / "first"), PrivateAuthority(tmp_path / "second")
    trusts = {a: grpc.ssl_channel_credentials(a.ca_file.read_bytes()) for a in (first, second)}
    files, others = first.files(), second.files()
    async with showing(files) as server:
        await server.ask(trusts[first])
        others.key.rename(files.key)
        await server.ask(trusts[first])
        others.certificate.rename(files.certificate)
        await server.ask(trusts[second])
        with pytest.raises(grpc.RpcError):
            await server.ask(trusts[first])
