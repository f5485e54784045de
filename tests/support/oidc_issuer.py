"""A small provider of OpenID Connect on a real port: it signs whatever a test says of somebody."""

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from conduit_kernel.http import Exchange, HttpServer

CLIENT_ID, CLIENT_SECRET = "conduit", "secret of the client/+"
JSON = [(b"content-type", b"application/json")]


class Granted(NamedTuple):
    """What a code stands for."""

    challenge: str
    redirect_uri: str
    claims: dict[str, Any]


class OidcIssuer:
    """What it knows, and how it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.keys = {"first": ec.generate_private_key(ec.SECP256R1())}
        # By which it signs.
        self.signs_by = "first"
        self.codes: dict[str, Granted] = {}
        # Put over what it says of itself, and over an answer to a code.
        self.metadata: dict[str, Any] = {}
        self.token: dict[str, Any] = {}
        self.asked: list[str] = []
        # Of the logins that began here.
        self.states: list[str] = []

    def granted(self, location: str, **claims: Any) -> tuple[str, str]:  # noqa: ANN401 # JSON
        """Return code and state, as for somebody who logs in at a location."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code, now = secrets.token_urlsafe(8), int(time.time())
        said = {
            "iss": self.url,
            "aud": query["client_id"],
            "sub": "user-1",
            "iat": now,
            "exp": now + 300,
            "nonce": query["nonce"],
            **claims,
        }
        self.states.append(query["state"])
        self.codes[code] = Granted(query["code_challenge"], query["redirect_uri"], said)
        return code, query["state"]

    async def __call__(self, exchange: Exchange) -> None:
        """Answer a request."""
        self.asked.append(exchange.path)
        match exchange.path:
            case "/.well-known/openid-configuration":
                exchange.respond(200, JSON, orjson.dumps(self._described() | self.metadata))
            case "/jwks":
                exchange.respond(200, JSON, orjson.dumps({"keys": self._public_keys()}))
            case "/token":
                status, answer = self._answer_for(exchange)
                exchange.respond(status, JSON, orjson.dumps(answer))
            case _:
                exchange.respond(404, JSON, b"{}")

    def _described(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
        }

    def _public_keys(self) -> list[dict[str, Any]]:
        return [
            {
                **jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True),
                "kid": name,
                "alg": "ES256",
                "use": "sig",
            }
            for name, key in self.keys.items()
        ]

    def _answer_for(self, exchange: Exchange) -> tuple[int, dict[str, Any]]:
        form = {name: values[0] for name, values in parse_qs(exchange.body.decode()).items()}
        basic = exchange.fields.get(b"authorization", b"").removeprefix(b"Basic ")
        # As RFC 6749 has it: each part is encoded like a form's.
        if base64.b64decode(basic) != b"conduit:secret%20of%20the%20client%2F%2B":
            return 401, {"error": "invalid_client"}
        granted = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if granted is None or challenge != granted.challenge:
            return 400, {"error": "invalid_grant"}
        if form["redirect_uri"] != granted.redirect_uri:
            return 400, {"error": "invalid_grant"}
        headers = {"kid": self.signs_by}
        key = self.keys[self.signs_by]
        token = jwt.encode(granted.claims, key, algorithm="ES256", headers=headers)
        return 200, {"id_token": token, "access_token": "any", "token_type": "Bearer", **self.token}


@asynccontextmanager
async def oidc_issuer() -> AsyncIterator[OidcIssuer]:
    """Run a provider for as long as this lasts."""
    issuer = OidcIssuer()
    server = HttpServer(issuer)
    await server.start("127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{server.port}"
    try:
        yield issuer
    finally:
        await server.drain(0.1)
