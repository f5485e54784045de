"""What every call to a provider's gRPC service begins with: its proof of who calls, a channel."""

from collections.abc import Callable
from typing import NamedTuple

import grpc

from conduit_kernel.http import ConnectFailed, Timeouts
from conduit_providers.wire import Headers, HttpRequest
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.grpc_channels import GrpcChannels
from conduit_router.upstream.time_left import left_of
from conduit_router.upstream.token_refresh import TokenRefresher
from conduit_router.upstream.transport_errors import raise_unreachable


class Connected(NamedTuple):
    """A channel, and the metadata and times of the call that is begun on it."""

    channel: grpc.aio.Channel
    metadata: Headers
    # What is left of its times.
    timeouts: Timeouts


class GrpcConnector:
    """Connects to services, and signs what they are asked."""

    def __init__(
        self, channels: GrpcChannels, token_refresher: TokenRefresher, clock: Callable[[], float]
    ) -> None:
        self._channels = channels
        self._token_refresher = token_refresher
        self._clock = clock

    async def connect(
        self, upstream: UpstreamTarget, path: str, metadata: Headers, timeouts: Timeouts
    ) -> Connected:
        """Return what a method is called with. UpstreamError, by class, if nothing connects."""
        began = self._clock()
        if not upstream.signer.is_static:
            await self._token_refresher.ensure(upstream, timeouts.header)
        signed = upstream.signed(HttpRequest("POST", path, metadata))
        seconds = min(timeouts.connect, timeouts.total)
        try:
            channel = await self._channels.connected(
                upstream.origin, seconds, is_guarded=upstream.is_guarded
            )
        except ConnectFailed as error:
            raise_unreachable(error, upstream)
        return Connected(channel, signed.headers, left_of(timeouts, self._clock() - began))
