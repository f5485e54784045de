"""Making connections: name lookup, both IP families, TLS, and a name for each failure."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from itertools import chain, zip_longest
from typing import Any, TypeVar

from conduit_kernel.http.errors import ConnectFailed
from conduit_kernel.http.origin import Origin

ProtocolT = TypeVar("ProtocolT", bound=asyncio.Protocol)
Address = tuple[int, Any]
"""Family, and the socket module's form of an address in it."""
AllowAddress = Callable[[str], bool]
"""Whether connecting to this IP address is permitted; asked after name lookup."""

# RFC 8305's delay before the next address gets its chance.
_STAGGER_SECONDS = 0.25


async def dial(
    origin: Origin,
    factory: Callable[[], ProtocolT],
    context: ssl.SSLContext | None,
    *,
    allow: AllowAddress | None,
    seconds: float,
) -> ProtocolT:
    """Connect to the first of the origin's addresses that answers. Raises ConnectFailed."""
    where = f"{origin.host}:{origin.port}"
    try:
        async with asyncio.timeout(seconds):
            return await _dial(origin, factory, context, allow)
    except TimeoutError:
        raise ConnectFailed("timeout", f"no connection to {where} within {seconds} s") from None
    except ssl.SSLError as error:
        raise ConnectFailed("tls", f"no TLS with {where}: {error.reason or error}") from None
    except ConnectionRefusedError:
        raise ConnectFailed("refused", f"{where} refused the connection") from None
    except ConnectionError as error:
        raise ConnectFailed(
            "unreachable" if context is None else "tls",
            f"{where} broke the connection off: {error}",
        ) from None
    except OSError as error:
        raise ConnectFailed("unreachable", f"{where} cannot be reached: {error}") from None


async def _dial(
    origin: Origin,
    factory: Callable[[], ProtocolT],
    context: ssl.SSLContext | None,
    allow: AllowAddress | None,
) -> ProtocolT:
    loop = asyncio.get_running_loop()
    addresses = await _addresses(origin)
    if allow is not None:
        addresses = [address for address in addresses if allow(address[1][0])]
        if not addresses:
            raise ConnectFailed(
                "forbidden", f"{origin.host} has no address that may be connected to"
            )
    sock = await _first(addresses)
    # From here on the transport owns the socket, whatever happens.
    _, protocol = await loop.create_connection(
        factory,
        sock=sock,
        ssl=context,
        server_hostname=origin.host if context is not None else None,
    )
    return protocol


async def _addresses(origin: Origin) -> list[Address]:
    """Look the origin's addresses up, families taking turns."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise ConnectFailed("dns", f"the name {origin.host} cannot be resolved: {error}") from None
    by_family: dict[int, list[Address]] = {}
    for family, _, _, _, address in found:
        by_family.setdefault(family, []).append((family, address))
    turns = chain.from_iterable(zip_longest(*by_family.values()))
    return [address for address in turns if address is not None]


async def _first(addresses: list[Address]) -> socket.socket:
    """Connect to whichever address answers first, each later one starting later."""
    if len(addresses) == 1:
        return await _connect(addresses[0])
    waiting = list(reversed(addresses))
    tasks: set[asyncio.Task[socket.socket]] = set()
    failure: OSError | None = None
    try:
        while waiting or tasks:
            if waiting:
                tasks.add(asyncio.create_task(_connect(waiting.pop())))
            delay = _STAGGER_SECONDS if waiting else None
            done, tasks = await asyncio.wait(
                tasks, timeout=delay, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                failure = error
    finally:
        await _discard(tasks)
    raise failure or OSError("no address")


async def _discard(tasks: set[asyncio.Task[socket.socket]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, socket.socket):
            result.close()


async def _connect(address: Address) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock
