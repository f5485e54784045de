"""Making connections: name lookup, both IP families, TLS, and a name for each failure."""

import asyncio
import contextlib
import errno
import ipaddress
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from typing import Generic, TypeVar

from conduit_kernel.http.descriptors import has_descriptor, is_exhausted
from conduit_kernel.http.errors import ConnectFailed, ConnectFailure, LocalExhausted
from conduit_kernel.http.origin import Origin

ProtocolT = TypeVar("ProtocolT", bound=asyncio.Protocol)
Made = tuple[asyncio.Transport, ProtocolT]
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) to IP addresses, the preferred first. Raises OSError."""
AllowAddress = Callable[[str], bool]
"""Whether connecting to this IP address is permitted; asked after name lookup."""

# RFC 8305's delay before the next address gets its chance.
_STAGGER_SECONDS = 0.25


def _addresses_of(host: str, port: int) -> list[str]:
    return _in_turns(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


class ResolverThreads:
    """Looks names up in so many threads at a time.

    A thread whose name server does not answer is kept, so others must not need it: the end of the
    process does not.
    """

    def __init__(self, threads: int, addresses_of: Callable[[str, int], list[str]]) -> None:
        self._free = asyncio.Semaphore(threads)
        self._addresses_of = addresses_of

    async def look_up(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, once a thread is free. OSError or ValueError if none."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[str]] = loop.create_future()
        look = partial(self._look, loop, found, host, port)
        try:
            threading.Thread(target=look, name="resolver", daemon=True).start()
        except RuntimeError as error:
            self._free.release()
            raise OSError(errno.ENOMEM, "no thread can be started") from error
        return await found

    def _look(
        self,
        loop: asyncio.AbstractEventLoop,
        future: "asyncio.Future[list[str]]",
        host: str,
        port: int,
    ) -> None:
        found: list[str] | Exception
        try:
            found = self._addresses_of(host, port)
        except (OSError, ValueError) as error:
            found = error
        # The loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._take, future, found)

    def _take(self, future: "asyncio.Future[list[str]]", found: list[str] | Exception) -> None:
        self._free.release()
        if future.done():
            return
        if isinstance(found, Exception):
            future.set_exception(found)
        else:
            future.set_result(found)


class IsolatedResolver:
    """Looks up names that strangers give, in a few threads of its own, within a time."""

    def __init__(
        self,
        *,
        threads: int = 2,
        seconds: float = 3.0,
        addresses_of: Callable[[str, int], list[str]] = _addresses_of,
    ) -> None:
        self._threads = ResolverThreads(threads, addresses_of)
        self._seconds = seconds

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host. OSError or ValueError if it has none, or none in time."""
        if _is_address(host):
            return [host]
        async with asyncio.timeout(self._seconds):
            return await self._threads.look_up(host, port)


class SharedResolver:
    """Looks up names of providers, each once at a time, however many connections wait for it.

    So a name server that does not answer for one of them keeps one thread, and holds up no other.
    """

    def __init__(
        self,
        *,
        threads: int = 64,
        addresses_of: Callable[[str, int], list[str]] = _addresses_of,
    ) -> None:
        self._threads = ResolverThreads(threads, addresses_of)
        self._under_way: dict[tuple[str, int], asyncio.Task[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host. OSError or ValueError if it has none."""
        if _is_address(host):
            return [host]
        task = self._under_way.get((host, port))
        if task is None:
            task = asyncio.create_task(self._threads.look_up(host, port))
            self._under_way[host, port] = task
            task.add_done_callback(partial(self._forget, (host, port)))
        # Whoever waits no longer leaves it to the others.
        return list(await asyncio.shield(task))

    def _forget(self, key: tuple[str, int], task: asyncio.Task[list[str]]) -> None:
        del self._under_way[key]
        if not task.cancelled():
            # Nobody may be left to hear of it.
            task.exception()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _in_turns(found: Iterable[tuple[int, int, int, str, tuple[object, ...]]]) -> list[str]:
    by_family: dict[int, list[str]] = {}
    for family, _, _, _, address in found:
        by_family.setdefault(family, []).append(str(address[0]))
    turns = chain.from_iterable(zip_longest(*by_family.values()))
    return [address for address in turns if address is not None]


@dataclass(frozen=True, slots=True)
class Dialer(Generic[ProtocolT]):
    """Connects to one origin."""

    origin: Origin
    factory: Callable[[], ProtocolT]
    context: ssl.SSLContext | None
    resolve: Resolve
    allow: AllowAddress | None = None

    async def dial(self, limit: asyncio.Timeout) -> ProtocolT:
        """Connect to the first of the origin's addresses that answers.

        Raises ConnectFailed, LocalExhausted.
        """
        with self._classified():
            try:
                async with limit:
                    _, protocol = await self._first(await self._addresses())
                    return protocol
            finally:
                # It knows its task, that its own cancellation, and that this frame: a circle, which
                # would keep all that the task had in hand, such as a request's body.
                del limit

    @contextlib.contextmanager
    def _classified(self) -> Iterator[None]:
        where = f"{self.origin.host}:{self.origin.port}"
        try:
            yield
        except TimeoutError:
            raise ConnectFailed("timeout", f"no connection to {where} in time") from None
        except ssl.SSLError as error:
            raise ConnectFailed("tls", f"no TLS with {where}: {error.reason or error}") from None
        except ConnectionRefusedError:
            raise ConnectFailed("refused", f"{where} refused the connection") from None
        except ConnectionError as error:
            kind: ConnectFailure = "unreachable" if self.context is None else "tls"
            raise ConnectFailed(kind, f"{where} broke the connection off: {error}") from None
        except OSError as error:
            if is_exhausted(error):
                raise LocalExhausted(f"no means left for a connection: {error.strerror}") from None
            raise ConnectFailed("unreachable", f"{where} cannot be reached: {error}") from None

    async def _addresses(self) -> list[str]:
        host = self.origin.host
        try:
            addresses = await self.resolve(host, self.origin.port)
        except (OSError, ValueError) as error:
            if is_exhausted(error) or not has_descriptor():
                raise LocalExhausted("no means left to look a name up") from None
            raise ConnectFailed("dns", f"the name {host} cannot be resolved: {error}") from None
        if self.allow is not None:
            addresses = [address for address in addresses if self.allow(address)]
            if not addresses:
                raise ConnectFailed("forbidden", f"no address of {host} may be connected to")
        return addresses

    async def _first(self, addresses: list[str]) -> Made[ProtocolT]:
        """Connect to whichever address answers first, each later one starting later."""
        if len(addresses) == 1:
            return await self._connect(addresses[0])
        waiting = list(reversed(addresses))
        tasks: set[asyncio.Task[Made[ProtocolT]]] = set()
        failure: BaseException = OSError("it has no address")
        try:
            while waiting or tasks:
                if waiting:
                    tasks.add(asyncio.create_task(self._connect(waiting.pop())))
                delay = _STAGGER_SECONDS if waiting else None
                done, _ = await asyncio.wait(
                    tasks, timeout=delay, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    tasks.discard(task)
                    error = task.exception()
                    if error is None:
                        return task.result()
                    # Our own lack explains the other failures, too.
                    failure = failure if is_exhausted(failure) else error
        finally:
            await _discard(tasks)
        raise failure

    async def _connect(self, address: str) -> Made[ProtocolT]:
        # The loop makes the socket: handing over one of Python's own is not safe with uvloop,
        # which on cancellation closes its descriptor a second time.
        transport, protocol = await asyncio.get_running_loop().create_connection(
            self.factory,
            address,
            self.origin.port,
            ssl=self.context,
            server_hostname=self.origin.host if self.context is not None else None,
        )
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return transport, protocol


async def _discard(tasks: set[asyncio.Task[Made[ProtocolT]]]) -> None:
    """End attempts that have lost, connected or not."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(result, BaseException):
            result[0].abort()
