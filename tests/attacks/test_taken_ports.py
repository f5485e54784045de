"""A neighbour who takes a port: what listens where a process of ours did is told no secret."""

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.support.gateways import Served, wait_for

pytestmark = pytest.mark.slow

# From the first port of gRPC on; the Router's, the second one, is the workers'.
CONTROL_PORTS = (0, 2, 3)
CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}


class Neighbour(grpc.GenericRpcHandler):
    """Serves all methods that there may be, and notes what comes with a call."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def service(self, handler_call_details: Any) -> Any:  # noqa: ANN401 # of gRPC
        """Note a call; nothing serves it."""
        method = handler_call_details.method
        pairs = handler_call_details.invocation_metadata
        self.told += [(method, f"{name}={value!r}") for name, value in pairs]

    @contextmanager
    def at(self, port: int) -> Iterator[None]:
        """Take a port, as soon as it is free."""
        server = grpc.server(
            ThreadPoolExecutor(2), handlers=[self], options=(("grpc.so_reuseport", 0),)
        )

        def is_mine() -> bool:
            try:
                return server.add_insecure_port(f"127.0.0.1:{port}") == port
            except RuntimeError:
                return False

        wait_for(is_mine)
        server.start()
        try:
            yield
        finally:
            server.stop(0).wait()


def free_block() -> int:
    """Find four ports in a row on which nobody listens."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port: int = first.getsockname()[1]
            try:
                for each in range(port + 1, port + 4):
                    socket.create_server(("127.0.0.1", each)).close()
            except (OSError, OverflowError):
                continue
            return port


def test_who_takes_the_ports_of_a_killed_process_is_told_nothing(tmp_path: Path) -> None:
    """Though all that is left goes on, and looks for the one that died."""
    port, neighbour = free_block(), Neighbour()
    with Served(tmp_path, "--grpc-port", str(port)) as gateway, ExitStack() as taken:
        caller = gateway.caller()
        assert caller.call("POST", "/v1/chat/completions", CHAT)
        os.kill(gateway.children()["conduit_cli.control"], signal.SIGKILL)
        for offset in CONTROL_PORTS:
            taken.enter_context(neighbour.at(port + offset))
        # The neighbour hears who speaks to it.
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            ask: Any = channel.unary_unary("/any.Service/Ask")
            with pytest.raises(grpc.RpcError):
                ask(b"", metadata=(("x-master-key", "a stranger's"),), timeout=10)
        assert any("a stranger's" in value for _, value in neighbour.told)
        neighbour.told.clear()

        def have_they_tried() -> bool:
            return sum("is the port taken?" in line for line in gateway.log) >= 2

        wait_for(have_they_tried, 60)
        # Calls go on with what the workers know, and their charges wait.
        for _ in range(3):
            assert caller.call("POST", "/v1/chat/completions", CHAT)
        assert neighbour.told == []
    log = "".join(gateway.log)
    assert "Traceback" not in log
