"""What calls of gRPC begin with."""

import asyncio

import pytest
from tests.support.grpc_upstream import serve_grpc
from tests.support.sending import open_sender
from tests.unit.conduit_router.jobs.test_grpc_calls import target

from conduit_kernel.errors import UpstreamUnreachable
from conduit_kernel.http import Timeouts
from conduit_router.upstream.grpc_channels import GrpcChannels
from conduit_router.upstream.grpc_connector import GrpcConnector
from conduit_router.upstream.token_refresh import TokenRefresher

TIMES = Timeouts(2.0, 2.0, 2.0, 2.0)


async def test_a_call_is_signed_and_connected() -> None:
    """Or told to have nobody there."""
    channels, clock = GrpcChannels(), asyncio.get_running_loop().time
    async with open_sender() as sender, serve_grpc() as upstream:
        refresher = TokenRefresher(clock, sender)
        connector = GrpcConnector(channels, refresher, clock)
        found = await connector.connect(target(upstream.url)[0], "/a.B/C", (), TIMES)
        assert any(name in {"authorization", "x-goog-api-key"} for name, _ in found.metadata)
        assert found.timeouts.total <= TIMES.total
        with pytest.raises(UpstreamUnreachable):
            await connector.connect(target("http://127.0.0.1:1")[0], "/a.B/C", (), TIMES)
        await channels.close()
        await refresher.close()
