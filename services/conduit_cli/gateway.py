"""Calls of a running gateway over HTTP, with what the standard library has."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]


class GatewayError(Exception):
    """The gateway answered with an error."""

    def __init__(self, status: int, message: str, code: str) -> None:
        super().__init__(f"{message} ({code or status})")
        self.status = status
        self.code = code


class Gateway:
    """A gateway at some address. Every wait is bounded by `seconds`."""

    def __init__(self, url: str, headers: dict[str, str], seconds: float) -> None:
        """Take a URL such as `http://127.0.0.1:8080`; ValueError if it is none."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not an http or https URL: {url}")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._headers = headers
        self._seconds = seconds

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """Return the answer's JSON. GatewayError if it is an error, OSError without an answer."""
        with self._sent(method, path, body) as response:
            content = response.read() or b"{}"
            try:
                answer = json.loads(content)
            except ValueError as error:
                raise GatewayError(response.status, "The answer is no JSON", "") from error
            return answer if isinstance(answer, dict) else {}

    def events(self, path: str, body: Json) -> Iterator[str]:
        """Yield the data of server-sent events as they come; errors as with `call`."""
        with self._sent("POST", path, body) as response:
            for line in response:
                if line.startswith(b"data:"):
                    yield line[5:].strip().decode()

    @contextmanager
    def _sent(
        self, method: str, path: str, body: Json | None
    ) -> Iterator[http.client.HTTPResponse]:
        make = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = make(self._host, self._port, timeout=self._seconds)
        try:
            content = None if body is None else json.dumps(body).encode()
            headers = {"content-type": "application/json", **self._headers}
            connection.request(method, self._prefix + path, content, headers)
            response = connection.getresponse()
            if response.status >= http.HTTPStatus.BAD_REQUEST:
                raise _error(response.status, response.read())
            yield response
        except http.client.HTTPException as error:
            raise ConnectionError(f"the answer broke off: {type(error).__name__}") from error
        finally:
            connection.close()


def error_in(answer: object, status: int = 0) -> GatewayError | None:
    """Return the error that a JSON tells of, in either dialect; None if it tells of none."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        return GatewayError(status, str(error.get("message", "")), str(error.get("code") or ""))
    if isinstance(answer, dict) and isinstance(error, str):
        return GatewayError(status, error, str(answer.get("code", "")))
    return None


def _error(status: int, body: bytes) -> GatewayError:
    try:
        found = error_in(json.loads(body), status)
    except ValueError:
        found = None
    return found or GatewayError(status, f"The gateway answered with status {status}", "")
