"""AWS Signature Version 4, computed anew from its documentation, to check signatures with.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>[^,]+), "
    r"SignedHeaders=(?P<names>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


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
        quote(parts.path, safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(known[name].split())}" for name in names),
        "",
        said["names"],
        hashlib.sha256(body).hexdigest(),
    ]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = f"AWS4{secret_access_key}".encode()
    for part in said["scope"].split("/"):
        key = _hmac(key, part)
    whole = "\n".join(("AWS4-HMAC-SHA256", headers["x-amz-date"], said["scope"], digest))
    return hmac.compare_digest(_hmac(key, whole).hex(), said["signature"])
