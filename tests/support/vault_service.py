"""A small Vault on a real port: its transit engine, with the answers that its documentation shows.

https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.test-token-51d0"  # of the test's own server
_START = "vault:v1:"


class Asked(NamedTuple):
    """A request that came."""

    path: str
    headers: dict[str, str]


class VaultService:
    """What the server knows, and how it is to answer."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        # Answers that come first: a status and a body each, and a field `location` perhaps.
        self.first: list[tuple[int, bytes, str]] = []
        self._cipher = AESGCM(AESGCM.generate_key(256))

    @property
    def environment(self) -> dict[str, str]:
        """What whoever asks it has in the environment."""
        return {"VAULT_ADDR": self.url, "VAULT_TOKEN": TOKEN}

    def answer(self, asked: Asked, body: bytes) -> tuple[int, bytes, str]:
        """Return status, body and location of an answer."""
        self.asked.append(asked)
        if self.first:
            return self.first.pop(0)
        if asked.headers.get("x-vault-token") != TOKEN:
            return _refused(403, "permission denied")
        given = json.loads(body)
        match asked.path:
            case "/v1/transit/encrypt/conduit":
                nonce = os.urandom(12)
                plain = base64.b64decode(given["plaintext"])
                sealed = base64.b64encode(nonce + self._cipher.encrypt(nonce, plain, None))
                return _found({"ciphertext": f"{_START}{sealed.decode()}", "key_version": 1})
            case "/v1/transit/decrypt/conduit":
                return self._decrypted(given["ciphertext"])
            case _:
                return _refused(404)

    def _decrypted(self, text: str) -> tuple[int, bytes, str]:
        try:
            sealed = base64.b64decode(text.removeprefix(_START), validate=True)
            plain = self._cipher.decrypt(sealed[:12], sealed[12:], None)
        except (ValueError, InvalidTag):
            return _refused(400, "invalid ciphertext: no prefix")
        return _found({"plaintext": base64.b64encode(plain).decode()})


def _found(data: dict[str, object]) -> tuple[int, bytes, str]:
    whole = {"request_id": "ab00ba0f", "lease_id": "", "renewable": False, "data": data}
    return 200, json.dumps(whole).encode(), ""


def _refused(status: int, *errors: str) -> tuple[int, bytes, str]:
    return status, json.dumps({"errors": errors}).encode(), ""


@contextmanager
def vault_service() -> Iterator[VaultService]:
    """Run a Vault for as long as this lasts."""
    service = VaultService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the base's name
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer, location = service.answer(Asked(self.path, headers), body)
            self.send_response(status)
            if location:
                self.send_header("location", location)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
