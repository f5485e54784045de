"""Calls of a running gateway over HTTP, with what the standard library has."""

import http.client
import json
import os
import secrets
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

Json = dict[str, Any]
Headers = dict[str, str]
_PIECE_BYTES = 64 * 1024


class GatewayError(Exception):
    """The gateway answered with an error."""

    def __init__(self, status: int, message: str, code: str, hint: str = "") -> None:
        """Take what the answer says; its hint, if any, is the second line."""
        more = f"\n{hint}" if hint else ""
        super().__init__(f"{message} ({code or status}){more}")
        self.status = status
        self.code = code


class Gateway:
    """A gateway at some address. Every wait is bounded by `seconds`."""

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        seconds: float,
        *,
        certificate: Path | None = None,
    ) -> None:
        """Take a URL such as `http://127.0.0.1:8080`; ValueError if it is none.

        With a certificate, whoever shows that one is believed, by whichever name, and nobody else.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not an http or https URL: {url}")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._headers = headers
        self._seconds = seconds
        self._certificate = certificate

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """Return the answer's JSON. GatewayError if it is an error, OSError without an answer."""
        with self._sent(method, path, body) as response:
            content = response.read() or b"{}"
            try:
                answer = json.loads(content)
            except ValueError as error:
                raise GatewayError(response.status, "The answer is no JSON", "") from error
            return answer if isinstance(answer, dict) else {}

    def text(self, path: str) -> str:
        """Return an answer that is no JSON, as a text; errors as with `call`."""
        with self._sent("GET", path, None) as response:
            return response.read().decode(errors="replace")

    def events(self, path: str, body: Json) -> Iterator[str]:
        """Yield the data of server-sent events as they come; errors as with `call`."""
        with self._sent("POST", path, body) as response:
            for line in response:
                if line.startswith(b"data:"):
                    yield line[5:].strip().decode()

    def content(self, path: str, body: Json) -> Iterator[bytes]:
        """Yield the pieces of an answer that is no JSON as they come; errors as with `call`."""
        with self._sent("POST", path, body) as response:
            read = response.read1 if response.chunked else response.read
            while piece := read(_PIECE_BYTES):
                yield piece
            if response.length:
                raise ConnectionError("the answer broke off")

    def upload(self, path: str, fields: Mapping[str, str], file: Path, kind: str) -> bytes:
        """Send a form with a file, piece by piece; return the answer, errors as with `call`."""
        boundary = secrets.token_hex(16)
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        # A quote or a line's end would end the name.
        name = file.name.translate({ord(sign): "_" for sign in '"\r\n\\'})
        head += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        )
        head += f"Content-Type: {kind}\r\n\r\n"
        parts = head.encode(), f"\r\n--{boundary}--\r\n".encode()
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size + sum(map(len, parts))
            headers = {
                "content-type": f"multipart/form-data; boundary={boundary}",
                "content-length": str(size),
            }
            pieces = _pieces(opened)
            with self._asked("POST", path, chain(parts[:1], pieces, parts[1:]), headers) as found:
                return found.read()

    @contextmanager
    def _sent(
        self, method: str, path: str, body: Json | None
    ) -> Iterator[http.client.HTTPResponse]:
        content = None if body is None else json.dumps(body).encode()
        with self._asked(method, path, content, {"content-type": "application/json"}) as found:
            yield found

    def _connection(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._seconds)
        context = _believing(self._certificate) if self._certificate else None
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._seconds, context=context
        )

    @contextmanager
    def _asked(
        self, method: str, path: str, content: bytes | Iterable[bytes] | None, headers: Headers
    ) -> Iterator[http.client.HTTPResponse]:
        connection = self._connection()
        try:
            # Who refuses an upload may hang up before it is sent.
            with suppress(BrokenPipeError, ConnectionResetError):
                fields = {**headers, **self._headers}
                connection.request(method, self._prefix + path, content, fields)
            response = connection.getresponse()
            if response.status >= http.HTTPStatus.BAD_REQUEST:
                raise _error(response.status, response.read())
            yield response
        except http.client.HTTPException as error:
            raise ConnectionError(f"the answer broke off: {type(error).__name__}") from error
        finally:
            connection.close()


def _believing(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    # It need be no authority's.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece


def error_in(answer: object, status: int = 0) -> GatewayError | None:
    """Return the error that a JSON tells of, in either dialect; None if it tells of none."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        code, hint = str(error.get("code") or ""), str(error.get("hint") or "")
        return GatewayError(status, str(error.get("message", "")), code, hint)
    if isinstance(answer, dict) and isinstance(error, str):
        hint = str(answer.get("hint") or "")
        return GatewayError(status, error, str(answer.get("code", "")), hint)
    return None


def _error(status: int, body: bytes) -> GatewayError:
    try:
        found = error_in(json.loads(body), status)
    except ValueError:
        found = None
    return found or GatewayError(status, f"The gateway answered with status {status}", "")
