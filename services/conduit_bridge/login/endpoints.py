"""The paths of a login by OpenID Connect: there, and back."""

import hmac
import html
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec
import structlog

from conduit.v1.administrator_session_pb2 import AdministratorSession
from conduit.v1.role_pb2 import ROLE_UNSPECIFIED, Role
from conduit_bridge.endpoints.builtin import AuditedEndpoint, BuiltinEndpoint
from conduit_bridge.endpoints.unary import Endpoint
from conduit_bridge.login.cookies import FLOW, SESSION, cookie, set_cookie
from conduit_bridge.login.exchanges import CodeExchanges
from conduit_bridge.login.provider import LoginFailed, OidcProvider
from conduit_bridge.metrics import Metrics
from conduit_kernel.addresses import subscriber_of
from conduit_kernel.auth_errors import LoginThrottled
from conduit_kernel.http import Answer, Field, Request
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.login_sessions import LoginSessions, Person
from conduit_kernel.roles import name_of
from conduit_kernel.sessions import Session, seal_session
from conduit_kernel.token_sessions import CREDENTIAL_SUBJECT

# From the beginning of a login to its end.
FLOW_SECONDS = 600
_HOUR = 3600
# In the audit log.
REFUSED = "LOGIN_REFUSED"
_MAX_NAME = 100
_PURPOSE = b"login flow v1"
_FRESH: Field = (b"cache-control", b"no-store")
_HTML: Field = (b"content-type", b"text/html; charset=utf-8")
# The page needs nothing, and nobody may show it within theirs.
_GUARD: Field = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_HOME = "/console"


class _Flow(msgspec.Struct, frozen=True):
    """A login that was begun, as the browser that began it keeps it, sealed."""

    state: str
    nonce: str
    verifier: str
    expires_at: int


class Login:
    """Lets administrators in whom the provider names."""

    def __init__(
        self,
        provider: OidcProvider,
        keys: KeyRing,
        clock: Callable[[], float],
        sessions: LoginSessions,
        *,
        exchanges: CodeExchanges,
        on_refused: Callable[[str, str], None],
    ) -> None:
        """Take a clock of seconds since 1970, where sessions are kept, and who counts refusals.

        `exchanges` bounds how often the provider is asked; `on_refused` is told the address and
        the reason.
        """
        self._exchanges = exchanges
        self._sessions = sessions
        self._on_refused = on_refused
        self._provider = provider
        self._settings = provider.settings
        self._keys = keys
        self._clock = clock
        self._log = structlog.get_logger("login")

    def endpoints(self, metrics: Metrics) -> list[Endpoint]:
        """Return all of its endpoints."""
        return [
            BuiltinEndpoint(metrics.add("GET", "/api/login"), self.begin),
            AuditedEndpoint(metrics.add("GET", "/api/login/callback"), self.finish),
        ]

    async def close(self) -> None:
        """Close the connections to the provider."""
        await self._provider.close()

    async def begin(self, _: Request) -> Answer:
        """Send a browser to the provider, with what only this browser has to come back with."""
        flow = _Flow(
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(48),
            int(self._clock()) + FLOW_SECONDS,
        )
        url = await self._provider.login_url(flow.state, flow.nonce, flow.verifier)
        sealed = self._keys.vault.seal_text(msgspec.json.encode(flow), _PURPOSE)
        # Not strict: the way back begins at the provider's site.
        kept = self._cookie(FLOW, sealed, FLOW_SECONDS, strict=False)
        return 302, ((b"location", url.encode()), kept, _FRESH), b""

    async def finish(self, request: Request, request_id: str) -> Answer:
        """Let somebody in who comes back from the provider, if it is the browser that began."""
        try:
            session = await self._begun(request, request_id)
        except LoginFailed as error:
            self._log.warning("login_refused", address=request.peer, reason=str(error))
            self._on_refused(subscriber_of(request.peer), REFUSED)
            return 403, (_HTML, _GUARD, _FRESH, self._forgotten(FLOW)), _page(str(error))
        except LoginThrottled as error:
            self._on_refused(subscriber_of(request.peer), error.reason)
            raise
        seconds = self._settings.session_hours * _HOUR
        who = {"actor": session.name, "role": name_of(session.role)}
        self._log.info("logged_in", address=request.peer, **who)
        token = seal_session(self._keys.vault, Session.of(session))
        fields = (
            *(_HTML, _GUARD, _FRESH, self._forgotten(FLOW)),
            self._cookie(SESSION, token, seconds, strict=True),
            # A redirect would still be the provider's, without the strict cookie.
            (b"refresh", f"0; url={_HOME}".encode()),
        )
        return 200, fields, _page("You are logged in.")

    async def _begun(self, request: Request, request_id: str) -> AdministratorSession:
        """Begin a session of whoever comes back. LoginFailed."""
        person = await self._confirmed(request)
        begun = await self._sessions.begin(
            person,
            self._settings.session_hours * _HOUR,
            address=request.peer,
            request_id=request_id,
        )
        if begun is None:
            raise LoginFailed("You are known, but none of your groups may do anything here")
        return begun

    async def _confirmed(self, request: Request) -> Person:
        """Return who somebody is, and what they may do. LoginFailed."""
        try:
            query = parse_qs(request.query, max_num_fields=20)
        except ValueError as error:
            raise LoginFailed("The way back from the login provider is none") from error
        flow = self._flow(request)
        state, code = _only(query, "state"), _only(query, "code")
        if flow is None or not hmac.compare_digest(state.encode(), flow.state.encode()):
            raise LoginFailed("This login was not begun here, or too long ago: begin again")
        issuer = _only(query, "iss") or self._settings.issuer
        if not code or issuer != self._settings.issuer:
            raise LoginFailed("The login provider did not let you in")
        async with self._exchanges.one(flow.state, request.peer):
            claims = await self._provider.claims(code, flow.verifier, flow.nonce)
        if claims["sub"].startswith(CREDENTIAL_SUBJECT):
            # It would have its role be that of whoever logs in with a key.
            raise LoginFailed("The login provider names somebody by a name of ours")
        return Person(claims["sub"], _name_of(claims), self._role_of(claims))

    def _flow(self, request: Request) -> _Flow | None:
        sealed = cookie(request, FLOW, is_secure=self._settings.is_secure)
        self._keys.refresh()
        content = self._keys.vault.open_text(sealed, _PURPOSE) if sealed else None
        if content is None:
            return None
        flow = msgspec.json.decode(content, type=_Flow)
        return flow if flow.expires_at > self._clock() else None

    def _role_of(self, claims: Mapping[str, Any]) -> Role.ValueType:
        given = claims.get(self._settings.groups_claim)
        groups = [given] if isinstance(given, str) else given if isinstance(given, list) else []
        found = (role for name, role in self._settings.roles.items() if name in groups)
        return next(found, ROLE_UNSPECIFIED)

    def _cookie(self, name: str, value: str, seconds: int, *, strict: bool) -> Field:
        is_secure = self._settings.is_secure
        return b"set-cookie", set_cookie(name, value, seconds, is_secure=is_secure, strict=strict)

    def _forgotten(self, name: str) -> Field:
        return self._cookie(name, "", 0, strict=name == SESSION)


def _name_of(claims: Mapping[str, Any]) -> str:
    """Return what the audit log says: the provider's own id, which is nobody else's, and a name."""
    shown = claims.get("email") or claims.get("preferred_username") or ""
    text = f"{claims['sub']} {shown}".strip()
    return "".join(each if each.isprintable() else "?" for each in text)[:_MAX_NAME]


def _only(query: Mapping[str, list[str]], name: str) -> str:
    found = query.get(name, [])
    return found[0] if len(found) == 1 else ""


def _page(text: str) -> bytes:
    return f"<!doctype html><title>Conduit</title><p>{html.escape(text)}</p>".encode()
