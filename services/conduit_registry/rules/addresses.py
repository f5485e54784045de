"""Which addresses a provider may have.

A gateway that calls whatever URL it is given is a way into the network it stands in, so addresses
that are not public are refused unless the operator allows them. A name that cannot be looked up is
accepted: it may be known later, or elsewhere.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import SplitResult, urlsplit

from conduit_kernel import limits
from conduit_kernel.addresses import is_public
from conduit_kernel.errors import AddressNotAllowed, InvalidRequest

MAX_URL = 2000
RESOLVE_SECONDS = 2.0
# Where clouds give out credentials to whoever asks from inside.
METADATA_HOSTS = frozenset({"metadata", "metadata.google.internal", "instance-data"})

# What is added to a base URL; where it has one of them already, nothing is found.
_ENDPOINTS = (
    "/audio/speech",
    "/audio/transcriptions",
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/images/generations",
    "/messages",
    "/rerank",
    "/responses",
)

Resolve = Callable[[str], Awaitable[Sequence[str]]]


async def look_up(host: str) -> Sequence[str]:
    """Return the addresses of a host; OSError if it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Addresses:
    """Checks URLs that operators give."""

    def __init__(self, *, allow_private: bool, resolve: Resolve = look_up) -> None:
        """Take whether any network is allowed, and how host names are looked up."""
        self._allow_private = allow_private
        self._resolve = resolve

    async def check(self, url: str, field: str = "baseUrl") -> str:
        """Return a base URL without slashes at its end; an empty one stays empty.

        InvalidRequest if it is no plain http or https URL, AddressNotAllowed if it is not public.
        """
        url = limits.text(url, field, most=MAX_URL)
        if not url:
            return ""
        await self._check_host(_plain_host(url, field), field)
        return url.rstrip("/")

    async def check_public(self, url: str, field: str) -> None:
        """Raise AddressNotAllowed for a URL, right otherwise, that is not public."""
        await self._check_host(urlsplit(url).hostname or "", field)

    async def _check_host(self, host: str, field: str) -> None:
        if not self._allow_private and not await self._is_public(host):
            message = f"{field} points to {host}, which is not a public address"
            raise AddressNotAllowed(message, field=field)

    async def _is_public(self, host: str) -> bool:
        host = host.rstrip(".").lower()
        if host in METADATA_HOSTS or host == "localhost" or host.endswith(".localhost"):
            return False
        if ":" in host:
            # No name: one whose scope makes no sense here could not be looked up.
            return _is_public_literal(host)
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await self._resolve(host)
        except (OSError, TimeoutError, UnicodeError):
            return True
        return all(is_public(text) for text in found)


def _is_public_literal(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:
        # Of a kind that nobody has yet: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2
        return False


def _plain_host(url: str, field: str) -> str:
    parts = _split(url, field)
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in url:
        message = f"{field} must be a URL such as https://api.example.com/v1"
        raise InvalidRequest(message, field=field)
    if parts.username is not None or parts.password is not None:
        message = f"{field} must not have credentials in it; add a key instead"
        raise InvalidRequest(message, field=field)
    # An empty one, too: paths that are added to the URL would be in it.
    if "?" in url or "#" in url:
        raise InvalidRequest(f"{field} must not have a query or a fragment", field=field)
    _check_path(url.rstrip("/"), field)
    return parts.hostname


def _check_path(url: str, field: str) -> None:
    if url.endswith("/v1/v1"):
        base = url.removesuffix("/v1")
        raise InvalidRequest(f"{field} has /v1 twice: give {base}", field=field)
    for ending in _ENDPOINTS:
        if url.endswith(ending):
            base = url.removesuffix(ending)
            message = f"{field} must not have {ending} in it, which is added to it: give {base}"
            raise InvalidRequest(message, field=field)


def _split(url: str, field: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        # Read, because only this checks it.
        _ = parts.port
    except ValueError as error:
        message = f"{field} must be a URL such as https://api.example.com/v1"
        raise InvalidRequest(message, field=field) from error
    return parts
