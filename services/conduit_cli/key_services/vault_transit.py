"""Vault's transit engine, by its HTTP API.

The token never goes anywhere but to `VAULT_ADDR`: redirects are not followed, and in clear it is
sent to this machine only. As Vault's own command does, this one reads `VAULT_ADDR`, `VAULT_TOKEN`,
`VAULT_NAMESPACE` and `VAULT_CACERT`.

https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

import base64
import binascii
import http.client
import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed
from conduit_cli.layout import is_loopback

TIMEOUT_SECONDS = 5.0
# Between attempts, where the service is away or sealed.
PAUSES = (0.5, 1.5)
MAX_ANSWER_BYTES = 64 * 1024
_MAX_SHOWN = 200
_NAME = re.compile(r"[\w-]+(?:[/.][\w-]+)*")


class VaultTransit:
    """A key of Vault's transit engine."""

    def __init__(
        self,
        address: str,
        token: str,
        mount: str,
        key: str,
        *,
        namespace: str = "",
        authorities: str | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take where Vault is, and a token. KeyReferenceWrong if it would travel in clear."""
        self._url = _checked(address)
        self._headers = {"x-vault-token": token, "content-type": "application/json"}
        if namespace:
            self._headers["x-vault-namespace"] = namespace
        self._mount, self._key = mount, key
        self._authorities = authorities
        self._pause = pause

    @classmethod
    def of(cls, where: str, env: Mapping[str, str]) -> "VaultTransit":
        """Return the key of `MOUNT/KEY`. KeyReferenceWrong if it is none, or cannot be asked."""
        mount, _, key = where.rpartition("/")
        if not (_NAME.fullmatch(mount) and _NAME.fullmatch(key)):
            raise KeyReferenceWrong(
                f"vault:{where} is not vault:MOUNT/KEY, such as vault:transit/conduit"
            )
        for name in ("VAULT_ADDR", "VAULT_TOKEN"):
            if not env.get(name):
                raise KeyReferenceWrong(
                    f"{name} is not set, and vault:{where} cannot be asked without it"
                )
        return cls(
            env["VAULT_ADDR"],
            env["VAULT_TOKEN"],
            mount,
            key,
            namespace=env.get("VAULT_NAMESPACE", ""),
            authorities=env.get("VAULT_CACERT") or None,
        )

    def wrap(self, key: bytes) -> str:
        """Return what Vault makes of the key."""
        return self._asked("encrypt", "plaintext", base64.b64encode(key).decode(), "ciphertext")

    def unwrap(self, wrapped: str) -> bytes:
        """Return the key of what Vault has made."""
        text = self._asked("decrypt", "ciphertext", wrapped, "plaintext")
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            raise KeyServiceFailed("Vault's answer is no base64") from None

    def _asked(self, what: str, name: str, value: str, wanted: str) -> str:
        """Return a member of an answer; asks again where Vault is away."""
        path = f"{self._url.path.rstrip('/')}/v1/{self._mount}/{what}/{self._key}"
        body, reason = json.dumps({name: value}), ""
        for wait in (*PAUSES, None):
            try:
                status, answer = self._sent(path, body)
            except (OSError, http.client.HTTPException) as error:
                reason = f"Vault at {self._url.netloc} cannot be reached: {type(error).__name__}"
            else:
                if status == http.HTTPStatus.OK:
                    return _member(answer, wanted)
                reason = f"Vault answered with status {status}{_said(answer)}"
                if status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                    break
            if wait is not None:
                self._pause(wait)
        raise KeyServiceFailed(reason)

    def _sent(self, path: str, body: str) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request("POST", path, body, self._headers)
            response = connection.getresponse()
            return response.status, response.read(MAX_ANSWER_BYTES)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        context = ssl.create_default_context(cafile=self._authorities)
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)


def _checked(address: str) -> SplitResult:
    url = urlsplit(address)
    if url.scheme not in {"http", "https"} or not url.hostname or url.username or url.query:
        raise KeyReferenceWrong("VAULT_ADDR is not an http or https URL")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise KeyReferenceWrong("VAULT_ADDR is http: the token and the key would travel in clear")
    return url


def _member(answer: bytes, wanted: str) -> str:
    try:
        found = json.loads(answer)["data"][wanted]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise KeyServiceFailed(f"Vault's answer has no {wanted}") from None
    if not isinstance(found, str):
        raise KeyServiceFailed(f"Vault's answer has no {wanted}")
    return found


def _said(answer: bytes) -> str:
    """Return what the first of an answer's errors says, in one line."""
    try:
        [first, *_] = json.loads(answer)["errors"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f": {' '.join(str(first).split())[:_MAX_SHOWN]}"
