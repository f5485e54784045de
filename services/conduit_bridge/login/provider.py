"""A provider of OpenID Connect: where it is asked, and whether its tokens are what they say.

https://openid.net/specs/openid-connect-core-1_0.html and RFC 7636 (PKCE), RFC 9207 (`iss`).
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jwt
import orjson

from conduit_bridge.login.remembered import Remembered
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.http import Fields, HttpClient, HttpError, Origin, Timeouts
from conduit_kernel.oidc_settings import OidcSettings, is_safe

# Signatures that the provider's public key verifies: neither `none`, nor those of shared secrets.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
MAX_ANSWER_BYTES = 1024 * 1024
# How long what a provider says of itself is believed, and how soon unknown keys are looked for.
KEEP_SECONDS, RENEW_SECONDS = 3600.0, 30.0
LEEWAY_SECONDS = 60
_TIMEOUTS = Timeouts(connect=5.0, header=10.0, idle=5.0, total=15.0)
_JSON: Fields = ((b"accept", b"application/json"),)
_OK = 200


class LoginFailed(Exception):
    """Somebody is not let in; the message is for them, and tells nothing of others."""


class OidcProvider:
    """The provider of the settings."""

    def __init__(
        self, settings: OidcSettings, client: HttpClient, timer: Callable[[], float]
    ) -> None:
        self.settings = settings
        self._client = client
        self._metadata = Remembered(self._describe, timer)
        self._keys = Remembered(self._ask_for_keys, timer)

    @property
    def redirect_uri(self) -> str:
        """Return where the provider sends browsers back."""
        return f"{self.settings.public_url}/api/login/callback"

    async def close(self) -> None:
        """Close the connections to it."""
        await self._client.close()

    async def login_url(self, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser goes to log in. ServiceUnavailable if that is not known."""
        endpoint = await self._endpoint("authorization_endpoint")
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile email groups",
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        known = (await self._metadata.get(KEEP_SECONDS)).get("scopes_supported")
        if isinstance(known, list) and "groups" not in known:
            query["scope"] = "openid profile email"
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def claims(self, code: str, verifier: str, nonce: str) -> Mapping[str, Any]:
        """Return what the provider says of somebody. LoginFailed if it says nothing to believe."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.settings.client_id,
            "code_verifier": verifier,
        }
        headers = [*_JSON, (b"content-type", b"application/x-www-form-urlencoded")]
        if self.settings.client_secret:
            headers.append((b"authorization", self._basic()))
        endpoint = await self._endpoint("token_endpoint")
        status, answer = await self._fetch(
            "POST", endpoint, tuple(headers), urlencode(form).encode()
        )
        token = answer.get("id_token")
        if status != _OK or not isinstance(token, str):
            raise LoginFailed("The login was not confirmed: begin again")
        return await self._verified(token, nonce)

    def _basic(self) -> bytes:
        """Return the client's credentials: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1."""
        pair = (quote(self.settings.client_id, ""), quote(self.settings.client_secret, ""))
        return b"Basic " + base64.b64encode(":".join(pair).encode())

    async def _verified(self, token: str, nonce: str) -> Mapping[str, Any]:
        try:
            key = await self._key(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self.settings.client_id,
                issuer=self.settings.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except (jwt.PyJWTError, KeyError, ValueError, TypeError) as error:
            raise LoginFailed("The login cannot be believed: its token is not good") from error
        is_ours = claims.get("azp", self.settings.client_id) == self.settings.client_id
        if claims.get("nonce") != nonce or not is_ours:
            raise LoginFailed("The login cannot be believed: it is of another one")
        return claims

    async def _key(self, token: str) -> jwt.PyJWK:
        """Return the key that signed a token; looks for new ones if it is unknown."""
        name = jwt.get_unverified_header(token).get("kid")
        for is_last in (False, True):
            keys = await self._keys.get(RENEW_SECONDS if is_last else KEEP_SECONDS)
            found = [key for key in keys.keys if name is None or key.key_id == name]
            if found:
                return found[0]
        raise KeyError("kid")

    async def _ask_for_keys(self) -> jwt.PyJWKSet:
        status, answer = await self._fetch("GET", await self._endpoint("jwks_uri"), _JSON)
        if status != _OK:
            raise _away(f"its keys are answered with status {status}")
        return jwt.PyJWKSet.from_dict(dict(answer))

    async def _endpoint(self, name: str) -> str:
        found = (await self._metadata.get(KEEP_SECONDS)).get(name)
        if not isinstance(found, str) or not is_safe(found):
            raise _away(f"it names no {name}, or none over TLS")
        return found

    async def _describe(self) -> Mapping[str, Any]:
        url = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        status, answer = await self._fetch("GET", url, _JSON)
        if status != _OK or answer.get("issuer") != self.settings.issuer:
            raise _away("what it says of itself is not of this issuer")
        return answer

    async def _fetch(
        self, method: str, url: str, headers: Fields, body: bytes = b""
    ) -> tuple[int, Mapping[str, Any]]:
        """Return status and JSON of an answer; redirects are not followed."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        origin = Origin(parts.scheme, parts.hostname or "", port)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            response = await self._client.send(
                origin, method, target, headers, body, timeouts=_TIMEOUTS
            )
            try:
                content = bytearray()
                while data := await response.next():
                    content += data
                    if len(content) > MAX_ANSWER_BYTES:
                        raise _away("its answer is too large")
            finally:
                response.close()
            found = orjson.loads(content)
        except HttpError as error:
            raise _away("it cannot be reached") from error
        except ValueError as error:
            raise _away("its answer is no JSON") from error
        if not isinstance(found, dict):
            raise _away("its answer is no object")
        return response.status, found


def _away(why: str) -> ServiceUnavailable:
    return ServiceUnavailable(f"The login provider cannot be used: {why}", service="oidc")
