"""The cookies of logins and sessions."""

import pytest

from conduit_bridge.login.cookies import SESSION, cookie, session_of, set_cookie
from conduit_kernel.http import Request
from conduit_kernel.sessions import csrf_token

TOKEN = "condt_admin_session_x"


def request(method: str = "GET", **fields: str) -> Request:
    """Return a request with some fields."""
    made = Request()
    made.method = method
    made.fields = {k.replace("_", "-").encode(): v.encode("latin-1") for k, v in fields.items()}
    return made


def test_a_cookie_is_held_to_this_host_and_hidden_from_scripts() -> None:
    """And to TLS where that is how browsers come."""
    assert set_cookie(SESSION, "x", 60, is_secure=True, strict=True) == (
        b"__Host-conduit-session=x; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
    )
    assert set_cookie(SESSION, "", 0, is_secure=False, strict=False) == (
        b"conduit-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("conduit-session=a", "a"),
        ("x=1; conduit-session=a; y=2", "a"),
        ("conduit-session=a=b", "a=b"),
        ("conduit-session=a; conduit-session=b", ""),
        ("xconduit-session=a", ""),
        ("__Host-conduit-session=a", ""),
        ("conduit-session", ""),
        (";;=;\xff", ""),
        ("", ""),
    ],
)
def test_a_cookie_is_read_by_its_whole_name_and_once(field: str, value: str) -> None:
    """Of two nobody knows which one is ours."""
    assert cookie(request(cookie=field), SESSION, is_secure=False) == value


@pytest.mark.parametrize(
    ("method", "fields", "is_taken"),
    [
        ("GET", {}, True),
        ("HEAD", {}, True),
        ("POST", {}, False),
        ("DELETE", {"x_csrf_token": "wrong"}, False),
        ("OPTIONS", {}, False),
        ("POST", {"x_csrf_token": csrf_token(TOKEN)}, True),
        ("GET", {"sec_websocket_key": "x"}, False),
        ("GET", {"sec_websocket_key": "x", "origin": "https://a", "host": "a"}, True),
        ("GET", {"sec_websocket_key": "x", "origin": "https://b", "host": "a"}, False),
        ("GET", {"sec_websocket_key": "x", "origin": "null", "host": "null"}, False),
    ],
)
def test_a_session_acts_for_its_own_pages_alone(
    method: str, fields: dict[str, str], *, is_taken: bool
) -> None:
    """Browsers send cookies for all that leads here, whoever asked."""
    given = request(method, cookie=f"__Host-{SESSION}={TOKEN}", **fields)
    assert session_of(given) == (TOKEN if is_taken else "")


@pytest.mark.parametrize(
    ("host", "is_taken"),
    [
        ("localhost:8080", True),
        ("127.0.0.1", True),
        ("[::1]:8080", True),
        ("conduit.example", False),
        ("localhost.example", False),
        ("[", False),
        ("", False),
    ],
)
def test_a_cookie_that_others_could_set_counts_on_this_machine_alone(
    host: str, *, is_taken: bool
) -> None:
    """A neighbouring site could give a browser its own user's session otherwise."""
    given = request(cookie=f"{SESSION}={TOKEN}", host=host)
    assert session_of(given) == (TOKEN if is_taken else "")
