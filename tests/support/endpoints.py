"""What endpoints are bound to: services that do as a test says, and who may call them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import grpc

from conduit_bridge.endpoints.unary import Backend, Edge
from conduit_kernel.auth import Authorizer
from conduit_kernel.errors import VirtualKeyInvalid
from conduit_kernel.rpc.methods import METHODS

MASTER_KEY = "master"
BEARER = "Bearer condt_1"


class Service:
    """A stub whose RPCs answer with what a test says; an exception among it is raised."""

    def __init__(self, *answers: Any, is_stream: bool = False) -> None:  # noqa: ANN401 # messages
        self.answers: Sequence[Any] = answers
        self.calls: list[tuple[Any, dict[str, Any]]] = []
        self.has_ended = False
        self._is_stream = is_stream

    def __getattr__(self, rpc: str) -> Callable[..., Any]:
        """Have every RPC of the contract."""
        if rpc.startswith("_") or rpc == "plain_rpc":
            raise AttributeError(rpc)
        return self._stream if self._is_stream else self._answer

    async def _answer(self, request: object, **caller: object) -> object:
        self.calls.append((request, caller))
        [answer] = self.answers
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _stream(self, request: object, **caller: object) -> AsyncGenerator[Any, None]:
        self.calls.append((request, caller))
        try:
            for answer in self.answers:
                if isinstance(answer, Exception):
                    raise answer
                yield await answer() if callable(answer) else answer
        finally:
            self.has_ended = True


def authorizer() -> Authorizer:
    """Know every virtual key but one."""

    def identify(authorization: str) -> str:
        if authorization != BEARER:
            raise VirtualKeyInvalid("This virtual key is unknown")
        return authorization

    return Authorizer(METHODS, master_key=MASTER_KEY, virtual_keys=identify)


def edge(seconds: float = 0.0, stopping: asyncio.Event | None = None) -> Edge:
    """Return what routes share, with heartbeats so far apart; none for 0."""
    return Edge(authorizer(), stopping or asyncio.Event(), seconds)


def here(stub: object) -> Backend:
    """Return a service in this process."""
    return Backend("router", stub, None, is_local=True)


def elsewhere(stub: object, channel: grpc.aio.Channel | None = None) -> Backend:
    """Return a service in another process."""
    return Backend("registry", stub, 35.0, channel)
