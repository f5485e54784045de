"""When this process has no descriptors left: our own failure, in words of its own."""

import asyncio
import errno
import os
import resource

import pytest
from tests.support.descriptors import limited, no_descriptors
from tests.support.http_peers import FIRM, always, both_loops, client, until, upstream
from tests.support.http_samples import OK, fetch, fetch_error

from conduit_kernel.http import LocalExhausted, Origin, SystemTrust
from conduit_kernel.http.descriptors import (
    connections_for,
    descriptor_limit,
    has_descriptor,
    is_exhausted,
    lack_told_by,
    raise_descriptor_limit,
)


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


def test_process_takes_the_descriptors_it_may_have() -> None:
    """The soft limit is raised to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with limited(128):
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard


@pytest.mark.parametrize("hard", [resource.RLIM_INFINITY, 1 << 30])
def test_a_limit_that_the_system_does_not_keep_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, hard: int
) -> None:
    """On macOS the hard limit is no limit, yet nobody may have more than the system's own."""
    most, soft = 10_240, 256

    def set_limit(_: int, wanted: tuple[int, int]) -> None:
        nonlocal soft
        if not 0 <= wanted[0] <= most:
            raise ValueError("current limit exceeds maximum limit")
        soft = wanted[0]

    monkeypatch.setattr(resource, "setrlimit", set_limit)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    raise_descriptor_limit()
    assert soft == most


def test_a_limit_that_cannot_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may not change it serves with what it has."""

    def refuse_it(_: int, wanted: tuple[int, int]) -> None:
        raise ValueError(f"not allowed to raise maximum limit to {wanted}")

    monkeypatch.setattr(resource, "setrlimit", refuse_it)
    with_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (with_limit[0], with_limit[0] + 1))
    raise_descriptor_limit()
    assert descriptor_limit() == with_limit[0]


def test_the_fewest_descriptors_still_let_some_connections_be_made() -> None:
    """A limit that leaves nothing beside the reserve is no reason to serve nobody."""
    with limited(64):
        assert connections_for(1 / 2) == 24
        assert connections_for(1 / 100) == 8


def test_no_limit_is_a_bound_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that names none is taken to have a million."""
    monkeypatch.setattr(
        resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    )
    assert descriptor_limit() == 1 << 20


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EMFILE, True),
        (errno.ENFILE, True),
        (errno.ENOBUFS, True),
        (errno.ENOMEM, True),
        (errno.ECONNREFUSED, False),
        (errno.ENETUNREACH, False),
    ],
)
def test_our_own_lack_is_told_from_what_a_peer_did(number: int, *, expected: bool) -> None:
    """By the number of the system's error."""
    assert is_exhausted(OSError(number, os.strerror(number))) is expected
    assert not is_exhausted(ValueError(number))


def test_whether_a_descriptor_is_left_is_found_by_trying() -> None:
    """Name look-ups do not say it."""
    assert has_descriptor()
    with no_descriptors():
        assert not has_descriptor()
    assert has_descriptor()


def test_callers_hear_of_our_lack_that_it_passes() -> None:
    """Of no other error of the system's."""
    with no_descriptors(), pytest.raises(OSError, match="Too many open files") as raised:
        os.open(os.devnull, os.O_RDONLY)
    lack = lack_told_by(raised.value)
    assert lack is not None
    assert (lack.reason, lack.metadata) == ("SERVICE_UNAVAILABLE", {"retry_after_ms": "1000"})
    assert lack_told_by(FileNotFoundError(errno.ENOENT, "")) is None
    assert lack_told_by(ValueError()) is None
