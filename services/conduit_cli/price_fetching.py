"""Fetches the prices that `genai-prices` publishes, for a look at them or to take them over."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin, urlsplit

# Of each wait for the other side.
SECONDS = 30.0
# Twenty times what is published.
MAX_BYTES = 100_000_000
MAX_REDIRECTS = 3
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PIECE = 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FetchFailed(Exception):
    """Nothing could be had from an address; the message says why."""


@contextmanager
def as_file(source: str) -> Iterator[Path]:
    """Yield a file: the one that is named, or what is at an address, as long as this lasts."""
    if "://" not in source:
        yield Path(source)
        return
    with TemporaryDirectory(prefix="conduit-prices-") as folder:
        path = Path(folder, "data.json")
        try:
            _fetch(source, path, MAX_REDIRECTS)
        except ValueError as error:
            raise FetchFailed(f"{source} is no address: {error}") from error
        yield path


def _fetch(url: str, path: Path, redirects: int) -> None:
    parts = urlsplit(url)
    # Whoever stands between could make anything cost nothing.
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise FetchFailed(f"{url} is not https, by which alone prices are fetched")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request("GET", target, headers={"user-agent": "conduit"})
        with connection.getresponse() as response:
            if response.status not in _REDIRECTS or not redirects:
                _store(response, path, url)
                return
            location = urljoin(url, response.headers.get("location", ""))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchFailed(f"{url} cannot be fetched: {error}") from error
    finally:
        connection.close()
    _fetch(location, path, redirects - 1)


def _store(response: http.client.HTTPResponse, path: Path, url: str) -> None:
    if response.status != http.HTTPStatus.OK:
        raise FetchFailed(f"{url} answered with status {response.status}")
    size = 0
    with path.open("wb") as file:
        while piece := response.read(_PIECE):
            size += len(piece)
            if size > MAX_BYTES:
                raise FetchFailed(f"{url} has more than {MAX_BYTES:,} bytes")
            file.write(piece)
    if response.length:
        raise FetchFailed(f"{url} broke off")
