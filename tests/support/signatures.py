"""AWS Signature Version 4, computed anew from its documentation, to check signatures with.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>[^,]+), "
    r"SignedHeaders=(?P<names>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def is_presigned(url: str, secret_access_key: str) -> bool:
    """Whether the query of a handshake has the signature of its other members and its host."""
    parts = urlsplit(url)
    pairs = [pair.partition("=")[::2] for pair in parts.query.split("&")]
    told = {name: unquote(value) for name, value in pairs}
    assert told["X-Amz-SignedHeaders"] == "host"
    signed = sorted(pair for pair in pairs if pair[0] != "X-Amz-Signature")
    scope = told["X-Amz-Credential"].partition("/")[2]
    lines = [
        "GET",
        parts.path,
        "&".join(f"{name}={value}" for name, value in signed),
        f"host:{parts.netloc}",
        "",
        "host",
        hashlib.sha256(b"").hexdigest(),
    ]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    signature = _signature(secret_access_key, told["X-Amz-Date"], scope, digest)
    return hmac.compare_digest(signature, told["X-Amz-Signature"])


def _plain(path: str) -> str:
    """Return a path without redundant and relative parts, as AWS takes all but those of S3."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in {"", "."}:
            parts.append(part)
    ending = "/" if parts and path.endswith(("/", "/.", "/..")) else ""
    return f"/{'/'.join(parts)}{ending}"


def _signature(secret_access_key: str, date: str, scope: str, digest: str) -> str:
    key = f"AWS4{secret_access_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return _hmac(key, f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}").hex()


def is_signed(
    method: str, url: str, headers: Mapping[str, str], body: bytes, secret_access_key: str
) -> bool:
    """Whether the signature is the one of this request; names of headers are in lower case."""
    said = _AUTHORIZATION.fullmatch(headers["authorization"])
    assert said is not None
    parts = urlsplit(url)
    names = said["names"].split(";")
    pairs = sorted(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
    known = {"host": parts.netloc} | dict(headers)
    lines = [
        method,
        quote(_plain(parts.path), safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(known[name].split())}" for name in names),
        "",
        said["names"],
        hashlib.sha256(body).hexdigest(),
    ]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    signature = _signature(secret_access_key, headers["x-amz-date"], said["scope"], digest)
    return hmac.compare_digest(signature, said["signature"])
