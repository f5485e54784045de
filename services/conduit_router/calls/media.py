"""Fetches the media that a caller names by URL, for providers that take no URLs.

Whoever has a virtual key chooses where this leads. So the client's policy keeps it out of our own
network, only media are taken, and one wording for all failures tells nobody what is there.
"""

import asyncio
from collections.abc import Collection, Sequence
from copy import copy
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_kernel.http import HttpClient, HttpError, LocalExhausted, Origin, Response, Timeouts
from conduit_providers.calls import Form
from conduit_providers.operation import AnyOperation
from conduit_router.calls.upload_reading import read_files

MAX_ITEMS = 20
MAX_HOSTS = 4
# Of all files together.
MAX_BYTES = 20 * 1024 * 1024
MAX_PARALLEL = 4
FETCH_SECONDS = 15.0
MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
TYPES = ("image/", "video/", "audio/", "application/pdf")
_TIMEOUTS = Timeouts(connect=5.0, header=10.0, idle=5.0)
_PORTS = {"http": 80, "https": 443}

# Media type and content, by URL.
Media = dict[str, tuple[str, bytes]]


class MediaCall(Protocol):
    """A call that may refer to media."""

    operation: AnyOperation
    form: Form[Any]
    # What was fetched for it, or why that could not be.
    media: Media
    media_failure: InvalidRequest | None


class MediaFetcher:
    """Fetches media within bounds of number, size and time. The client bounds the addresses."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        # Threads of Python share a processor with the calls: one of them at a time is enough.
        self._deriving = asyncio.Semaphore()

    async def fetch_for(self, call: MediaCall, native: tuple[str, ...]) -> Media:
        """Return what a call refers to by URL, fetched once for all of its attempts.

        What begins with one of `native` is left to the provider. InvalidRequest if it cannot be
        had, to all attempts alike.
        """
        if call.media_failure is not None:
            # What was raised refers to all who were asked, and so to the call.
            raise copy(call.media_failure)
        named = call.operation.media(call.form)
        urls = {url for url in named if not url.startswith(native)}
        try:
            call.media |= await self.fetch(urls - call.media.keys())
            call.media |= await self._files_of(call)
        except InvalidRequest as error:
            call.media_failure = copy(error)
            raise
        return call.media

    async def fetch(self, wanted: Collection[str], max_bytes: int = MAX_BYTES) -> Media:
        """Return the files at some URLs. InvalidRequest, naming the host, if one cannot be had.

        `max_bytes` are those of all files together.
        """
        urls = sorted(wanted)
        if len(urls) > MAX_ITEMS:
            raise _invalid(f"A request may refer to at most {MAX_ITEMS} files by URL")
        hosts = {url: _checked_host(url) for url in urls}
        if len(set(hosts.values())) > MAX_HOSTS:
            raise _invalid(f"The files of a request may be at {MAX_HOSTS} different hosts at most")
        fetch = _Fetch(self._client, set(hosts.values()), max_bytes)
        try:
            return await _all_of(fetch, urls)
        except ExceptionGroup as several:
            # One reason is enough for the caller.
            failure = several.exceptions[0]
            # Its frames refer to it, and so would keep the call's body, as this one would below.
            several.__traceback__ = None
        try:
            raise failure
        finally:
            del failure

    async def _files_of(self, call: MediaCall) -> Media:
        """Return the files that follow a call, and what is made of them. InvalidRequest.

        The former are read once, for all attempts; the latter takes its time in a thread.
        """
        operation, media = call.operation, call.media
        files = operation.files(call.form)
        if not files.keys() <= media.keys():
            media |= await read_files(files, MAX_BYTES)
        if operation.derives_media:
            async with self._deriving:
                media |= await asyncio.to_thread(operation.derived, call.form, media)
        return media


async def _all_of(fetch: "_Fetch", urls: Sequence[str]) -> Media:
    async with asyncio.TaskGroup() as group:
        tasks = {url: group.create_task(fetch.get(url)) for url in urls}
    return {url: task.result() for url, task in tasks.items()}


class _Refused(Exception):
    """A file is not to be had; the reason is nobody's business but ours."""


class _Fetch:
    """The hosts, bytes and time that the files of one request share."""

    def __init__(self, client: HttpClient, hosts: set[str], max_bytes: int) -> None:
        self._client = client
        self._hosts = hosts
        self._max_bytes = self._bytes_left = max_bytes
        self._parallel = asyncio.Semaphore(MAX_PARALLEL)
        self._end = asyncio.get_running_loop().time() + FETCH_SECONDS

    async def get(self, url: str) -> tuple[str, bytes]:
        """Return a file's type and content. InvalidRequest if it is not to be had."""
        try:
            async with asyncio.timeout_at(self._end), self._parallel:
                return await self._follow(url)
        except LocalExhausted as error:
            raise ServiceUnavailable(
                "Conduit has no room for another connection just now", service="router"
            ) from error
        except (HttpError, ValueError, TimeoutError, _Refused):
            # Told below: asyncio's error refers to this task, which ends with what is raised.
            pass
        # A URL's path and query may hold secrets, and where it redirects to is not the caller's to
        # know: so its own host is named.
        raise _invalid(
            f"The file at {_checked_host(url)} cannot be fetched: it must be a picture, a film, a "
            f"sound or a PDF at a public address, and all files of a request at most "
            f"{self._max_bytes >> 20} MiB, and arrive within {FETCH_SECONDS:.0f} s"
        )

    async def _follow(self, url: str) -> tuple[str, bytes]:
        for _ in range(MAX_REDIRECTS + 1):
            origin, target = self._admitted(url)
            response = await self._client.send(origin, "GET", target, timeouts=_TIMEOUTS)
            try:
                if response.status not in REDIRECTS:
                    return await self._taken(response)
                location = response.headers.get(b"location") or b""
                url = urljoin(url, location.decode("latin-1"))
            finally:
                response.close()
        raise _Refused("redirects too often")

    def _admitted(self, url: str) -> tuple[Origin, str]:
        origin, target = _split(url)
        self._hosts.add(origin.host)
        if len(self._hosts) > MAX_HOSTS:
            raise _Refused("redirects to too many hosts")
        return origin, target

    async def _taken(self, response: Response) -> tuple[str, bytes]:
        field = (response.headers.get(b"content-type") or b"").decode("latin-1")
        kind = field.partition(";")[0].strip().lower()
        if response.status != 200 or not kind.startswith(TYPES):  # noqa: PLR2004 # OK
            raise _Refused(f"answered {response.status} of type {kind}")
        content = bytearray()
        while data := await response.next():
            self._bytes_left -= len(data)
            if self._bytes_left < 0:
                raise _Refused("is too large")
            content += data
        return kind, bytes(content)


def _split(url: str) -> tuple[Origin, str]:
    """Return where a URL leads. ValueError if it is none of HTTP."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("no URL of HTTP")
    host = parts.hostname
    if any(character <= " " or character == "\x7f" for character in host):
        raise ValueError("no name of a host")
    origin = Origin(parts.scheme, host, parts.port or _PORTS[parts.scheme])
    return origin, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _checked_host(url: str) -> str:
    try:
        return _split(url)[0].host
    except ValueError as error:
        raise _invalid(
            "A file of the request has an address that is no http or https URL"
        ) from error


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest(message, field="messages")
