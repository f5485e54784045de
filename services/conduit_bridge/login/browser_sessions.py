"""The sessions of browsers: begun with a credential, shown, and ended.

What OpenID Connect begins is shown and ended here as well.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc
import msgspec
import orjson
import structlog

from conduit.v1.administrator_requests_pb2 import (
    GetCurrentAdministratorRequest,
    GetCurrentAdministratorResponse,
)
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit_bridge.endpoints.builtin import AuditedEndpoint
from conduit_bridge.endpoints.unary import Endpoint
from conduit_bridge.errors import JSON_FIELD
from conduit_bridge.login.cookies import SESSION, cookie, is_here, session_of, set_cookie
from conduit_bridge.metrics import Metrics
from conduit_bridge.request_metadata import Metadata
from conduit_kernel.administrators import TOKEN_START
from conduit_kernel.auth import CERTIFICATE_HEADER, MASTER_KEY_HEADER
from conduit_kernel.auth_errors import AdministratorTokenInvalid
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.http import Answer, Field, Request
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.login_sessions import CALL_SECONDS, LoginSessions, Person
from conduit_kernel.roles import name_of
from conduit_kernel.sessions import SESSION_START, Session, csrf_token, open_session
from conduit_kernel.token_sessions import (
    CREDENTIAL_SUBJECT,
    TOKEN_SESSION_START,
    TokenSession,
    master_key_digest,
    open_token_session,
    seal_token_session,
)

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.v1.registry_service_pb2_grpc import RegistryServiceAsyncStub

SESSION_SECONDS = 8 * 3600
SESSION_PATH, LOGOUT_PATH = "/api/session", "/api/logout"
MAX_CREDENTIAL = 1000
_FRESH: Field = (b"cache-control", b"no-store")


class _Credential(msgspec.Struct, frozen=True):
    """The body of a login."""

    # The master key, or an administrator's token.
    token: str


class BrowserSessions:
    """Lets in who shows the master key or an administrator's token."""

    def __init__(
        self,
        registry: grpc.aio.Channel,
        keys: KeyRing,
        clock: Callable[[], float],
        sessions: LoginSessions,
        *,
        vouched_by: Metadata,
    ) -> None:
        """Take a channel to the Registry, and what seals; the clock is of seconds since 1970.

        `sessions` are those that the Registry keeps; `vouched_by` is shown with the address of
        whoever logs in.
        """
        self._registry: RegistryServiceAsyncStub = RegistryServiceStub(registry)
        self._keys = keys
        self._clock = clock
        self._sessions = sessions
        self._vouched_by = vouched_by
        self._log = structlog.get_logger("login")

    def endpoints(self, metrics: Metrics) -> list[Endpoint]:
        """Return all of its endpoints."""
        return [
            AuditedEndpoint(metrics.add("POST", SESSION_PATH), self.begin),
            AuditedEndpoint(metrics.add("GET", SESSION_PATH), self.show),
            AuditedEndpoint(metrics.add("POST", LOGOUT_PATH), self.leave),
        ]

    async def begin(self, request: Request, request_id: str) -> Answer:
        """Begin a session of whoever shows a credential that is taken."""
        is_secure = _is_secure(request)
        credential = _credential_of(request)
        is_token = credential.startswith(TOKEN_START)
        if credential.startswith((SESSION_START, TOKEN_SESSION_START)):
            raise AdministratorTokenInvalid("This is a session's, not a token", header="Cookie")
        shown = (
            ("authorization", f"Bearer {credential}")
            if is_token
            else (MASTER_KEY_HEADER, credential)
        )
        who = await self._judged(shown, request, request_id)
        expires_at = int(self._clock()) + SESSION_SECONDS
        kept = await self._kept(who, request, request_id)
        session = (
            TokenSession(kept, expires_at, token=credential)
            if is_token
            else TokenSession(kept, expires_at, master_key_digest=master_key_digest(credential))
        )
        self._keys.refresh()
        token = seal_token_session(self._keys.vault, session)
        role = name_of(who.role)
        self._log.info("logged_in", address=request.peer, actor=who.name, role=role)
        field = set_cookie(SESSION, token, SESSION_SECONDS, is_secure=is_secure, strict=True)
        body = _body(who.name, role, expires_at, token)
        return 200, (JSON_FIELD, _FRESH, (b"set-cookie", field)), body

    async def show(self, request: Request, request_id: str) -> Answer:
        """Say who has logged in, and what their page shows with each change."""
        token = session_of(request)
        # Another worker may have begun since, with a new encryption key.
        self._keys.refresh()
        if found := open_token_session(self._keys.vault, token):
            shown = ("authorization", f"Bearer {token}")
            who = await self._judged(shown, request, request_id)
            body = _body(who.name, name_of(who.role), found.expires_at, token)
            return 200, (JSON_FIELD, _FRESH), body
        kept = open_session(self._keys.vault, token)
        session = await self._sessions.find(kept) if kept else None
        if session is None:
            raise _nobody()
        body = _body(session.name, name_of(session.role), session.expires_at.seconds, token)
        return 200, (JSON_FIELD, _FRESH), body

    async def leave(self, request: Request, request_id: str) -> Answer:
        """End a session, at every service; shown with the CSRF token, as each change is."""
        token = session_of(request)
        self._keys.refresh()
        shown = open_token_session(self._keys.vault, token)
        kept = shown.kept if shown is not None else open_session(self._keys.vault, token)
        if kept is None:
            raise _nobody()
        await self._sessions.end(kept, request.peer, request_id)
        is_secure = bool(cookie(request, SESSION, is_secure=True))
        gone = set_cookie(SESSION, "", 0, is_secure=is_secure, strict=True)
        return 204, ((b"set-cookie", gone), _FRESH), b""

    async def _kept(
        self, who: GetCurrentAdministratorResponse, request: Request, request_id: str
    ) -> Session:
        """Have the Registry keep a session of somebody, who ends it by logging out."""
        person = Person(f"{CREDENTIAL_SUBJECT}{who.name}", who.name, who.role)
        begun = await self._sessions.begin(
            person, SESSION_SECONDS, address=request.peer, request_id=request_id
        )
        if begun is None:
            raise _nobody()
        return Session.of(begun)

    async def _judged(
        self, shown: tuple[str, str], request: Request, request_id: str
    ) -> GetCurrentAdministratorResponse:
        """Return whose credential it is, as the Registry knows. RpcError if it refuses."""
        certificate = request.certificate
        metadata = (
            *self._vouched_by,
            shown,
            ("x-request-id", request_id),
            ("x-conduit-peer", request.peer),
            *(((CERTIFICATE_HEADER, certificate),) if certificate else ()),
        )
        return await self._registry.GetCurrentAdministrator(
            GetCurrentAdministratorRequest(), metadata=metadata, timeout=CALL_SECONDS
        )


def _credential_of(request: Request) -> str:
    try:
        shown = msgspec.json.decode(request.body, type=_Credential)
    except msgspec.MsgspecError as error:
        message = 'A login is {"token": ...}: the master key, or an administrator\'s token'
        raise InvalidRequest(message, field="token") from error
    token = shown.token.strip()
    if not (0 < len(token) <= MAX_CREDENTIAL and token.isascii() and token.isprintable()):
        raise InvalidRequest("This is no credential", field="token")
    return token


def _is_secure(request: Request) -> bool:
    """Return whether the browser reached us by TLS. InvalidRequest if it may not log in so."""
    origin = request.fields.get(b"origin", b"")
    scheme, _, host = origin.partition(b"://")
    if origin and host != request.fields.get(b"host"):
        raise InvalidRequest("Only pages of this host log in here", field="origin")
    if scheme == b"https":
        return True
    if origin and not is_here(request):
        message = "Log in over TLS, or from this machine: the key would cross the network in clear"
        raise InvalidRequest(message, field="origin")
    # Without a page's origin it is no browser, which would hold the cookie to anything.
    return not is_here(request)


def _body(name: str, role: str, expires_at: int, token: str) -> bytes:
    body = {"name": name, "role": role, "expiresAt": expires_at, "csrfToken": csrf_token(token)}
    return orjson.dumps(body)


def _nobody() -> AdministratorTokenInvalid:
    return AdministratorTokenInvalid("Nobody has logged in", header="Cookie")
