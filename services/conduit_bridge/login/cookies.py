"""The cookies of a login and of a session, and what is taken of them.

Where browsers reach us by TLS, the names have the prefix by which they hold them to this host.
"""

import hmac

from conduit_kernel.addresses import is_loopback
from conduit_kernel.http import Request
from conduit_kernel.sessions import csrf_token

SESSION, FLOW = "conduit-session", "conduit-login"
_PREFIX = "__Host-"
CSRF_FIELD = b"x-csrf-token"
# What no page of another site may do with a session that it does not see.
_HARMLESS = frozenset({"GET", "HEAD"})


def set_cookie(name: str, value: str, seconds: int, *, is_secure: bool, strict: bool) -> bytes:
    """Return the field that has a browser keep a cookie, which no script reads; 0 s forgets it."""
    same_site = "Strict" if strict else "Lax"
    secure = "; Secure" if is_secure else ""
    named = f"{_PREFIX}{name}" if is_secure else name
    return (
        f"{named}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={same_site}{secure}"
    ).encode()


def cookie(request: Request, name: str, *, is_secure: bool) -> str:
    """Return a cookie's value; empty if there is none, or more than one."""
    named = f"{_PREFIX}{name}" if is_secure else name
    pairs = request.fields.get(b"cookie", b"").decode("latin-1").split(";")
    found = [
        value for key, _, value in (each.strip().partition("=") for each in pairs) if key == named
    ]
    return found[0] if len(found) == 1 else ""


def is_here(request: Request) -> bool:
    """Return whether a browser of this machine reached us by its own address."""
    host = request.fields.get(b"host", b"").decode("latin-1")
    name = host.rpartition("]")[0].lstrip("[") if "[" in host else host.partition(":")[0]
    return name == "localhost" or is_loopback(name)


def session_of(request: Request) -> str:
    """Return the token of the session that a request may act by; empty if there is none.

    One that changes anything shows the session's CSRF token; one for a WebSocket comes from a page
    of ours.
    """
    token = cookie(request, SESSION, is_secure=True)
    if not token and is_here(request):
        # Elsewhere a neighbouring site could have set it, and have somebody act as its own user.
        token = cookie(request, SESSION, is_secure=False)
    if not token:
        return ""
    if b"sec-websocket-key" in request.fields:
        _, _, origin = request.fields.get(b"origin", b"").partition(b"://")
        return token if origin and origin == request.fields.get(b"host") else ""
    if request.method in _HARMLESS:
        return token
    shown = request.fields.get(CSRF_FIELD, b"").strip()
    return token if hmac.compare_digest(shown, csrf_token(token).encode()) else ""
