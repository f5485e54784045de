"""When this process has no descriptors left: our own failure, in words of its own."""

import asyncio
import contextlib
import os
import resource
from collections.abc import Iterator

import pytest
from tests.support.http_peers import FIRM, always, both_loops, client, until, upstream
from tests.support.http_samples import OK, fetch, fetch_error

from conduit_kernel.http import ClientLimits, LocalExhausted, Origin, ServerLimits, SystemTrust
from conduit_kernel.http.descriptors import raise_descriptor_limit


@contextlib.contextmanager
def limited(descriptors: int) -> Iterator[None]:
    """Lower the limit of this process for a while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Take every descriptor that there is."""
    taken: list[int] = []
    with limited(512):
        try:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(os.open(os.devnull, os.O_RDONLY))
            yield
        finally:
            for number in taken:
                os.close(number)


@both_loops
async def test_lack_of_descriptors_is_our_own_failure() -> None:
    """By address, by name, and with TLS; once there are descriptors again, calls go well."""
    trust = SystemTrust()
    async with upstream(always(OK)) as peer, client(ssl_context_factory=trust) as http:
        _, host, port = peer.origin
        with no_descriptors():
            for origin in (
                Origin("http", host, port),
                Origin("http", "localhost", port),
                Origin("http", "no.such.name.invalid", port),
                Origin("https", host, port),
            ):
                await fetch_error(http, origin, FIRM, LocalExhausted)
        assert (await fetch(http, peer.origin))[2] == b"hello"
        # Made without a descriptor, it would trust nobody for ever.
        assert trust(Origin("https", host, port)).cert_store_stats()["x509_ca"] > 0


@both_loops
async def test_connections_over_all_origins_are_bounded() -> None:
    """One that nobody uses makes room; where all are in use, it is our own lack."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK[:-1])
        await reader.read()

    async with (
        upstream(always(OK)) as first,
        upstream(always(OK)) as second,
        upstream(script) as third,
        client(limits={"max_total": 2}) as http,
    ):
        await fetch(http, first.origin)
        await fetch(http, second.origin)
        holder = await http.send(third.origin, "GET", "/", timeouts=FIRM)
        await until(lambda: not first.open)
        assert second.open
        other = await http.send(third.origin, "GET", "/", timeouts=FIRM)
        await until(lambda: not second.open)
        for peer in (first, third):
            await fetch_error(http, peer.origin, FIRM, LocalExhausted)
        holder.close()
        await until(lambda: len(third.open) == 1)
        assert (await fetch(http, first.origin))[2] == b"hello"
        other.close()


@pytest.mark.parametrize(("descriptors", "callers"), [(256, 96), (1_024, 384), (20_000, 9_872)])
def test_limits_follow_the_descriptors(descriptors: int, callers: int) -> None:
    """Callers and providers together leave a reserve for everything else."""
    with limited(descriptors):
        server, made = ServerLimits(), ClientLimits()
    assert server.max_connections == callers
    assert made.max_total == callers // 2
    assert made.max_connections == min(1_000, callers // 2)
    assert server.max_connections + 2 * made.max_total <= descriptors * 0.99


def test_process_takes_the_descriptors_it_may_have() -> None:
    """The soft limit is raised to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with limited(128):
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
