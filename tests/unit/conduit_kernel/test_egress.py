"""Which proxy requests leave by."""

import pytest

from conduit_kernel.egress import Proxy, read_egress

SQUID = "http://squid:3128"


def asked(no_proxy: str, host: str, port: int = 443) -> bool:
    """Whether a host is asked through the proxy, given exceptions."""
    egress = read_egress({"HTTPS_PROXY": SQUID, "NO_PROXY": no_proxy})
    return egress.proxy_for("https", host, port) is not None


def test_each_scheme_has_its_variable() -> None:
    """In capitals or not; the ones in small letters win, as with curl."""
    egress = read_egress({"http_proxy": "plain:1", "HTTPS_PROXY": SQUID, "HTTP_PROXY": "other:2"})
    assert egress.proxy_for("http", "a.example", 80) == Proxy("plain", 1)
    assert egress.proxy_for("https", "a.example", 443) == Proxy("squid", 3128)
    assert read_egress({}).proxy_for("https", "a.example", 443) is None
    assert read_egress({"HTTPS_PROXY": "  "}).proxy_for("https", "a.example", 443) is None


def test_credentials_are_of_the_url_and_shown_nowhere() -> None:
    """Percent-encoded as URLs have them; the proxy is named without them."""
    proxy = read_egress({"HTTPS_PROXY": "http://joe:p%40ss@squid:3128/"}).https
    assert proxy is not None
    assert proxy.authorization == b"Basic am9lOnBAc3M="
    assert proxy.where == "squid:3128"
    assert "am9l" not in repr(proxy)
    assert "p@ss" not in repr(proxy)


@pytest.mark.parametrize(
    ("no_proxy", "host", "is_proxied"),
    [
        ("", "api.openai.com", True),
        ("*", "api.openai.com", False),
        ("openai.com", "openai.com", False),
        ("openai.com", "api.openai.com", False),
        (".openai.com", "API.OpenAI.com.", False),
        ("*.openai.com", "api.openai.com", False),
        ("openai.com", "notopenai.com", True),
        ("a.example, openai.com", "api.openai.com", False),
        ("openai.com:443", "api.openai.com", False),
        ("openai.com:8443", "api.openai.com", True),
        ("10.0.0.0/8", "10.1.2.3", False),
        ("10.0.0.0/8", "11.1.2.3", True),
        ("10.0.0.0/8", "ten.example", True),
        ("203.0.113.7", "203.0.113.7", False),
        ("203.0.113.7", "203.0.113.70", True),
        ("2001:db8::/32", "2001:db8::1", False),
        ("[2001:db8::1]:443", "2001:db8::1", False),
        ("2001:db8::1", "2001:db8::2", True),
    ],
)
def test_exceptions_are_read_as_curl_reads_them(
    no_proxy: str, host: str, *, is_proxied: bool
) -> None:
    """Names with all below them, addresses, networks; at a port or any."""
    assert asked(no_proxy, host) is is_proxied


@pytest.mark.parametrize(
    "host",
    ["localhost", "x.localhost", "127.0.0.1", "::1", "169.254.169.254", "metadata.google.internal"],
)
def test_the_machine_itself_is_never_asked_through_a_proxy(host: str) -> None:
    """Nor what its cloud offers to it alone."""
    assert not asked("", host)


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTPS_PROXY": "socks5://joe:p4ss@squid:1080"},
        {"HTTPS_PROXY": "https://joe:p4ss@squid"},
        {"HTTP_PROXY": "http://joe:p4ss@squid:port"},
        {"HTTP_PROXY": "http://"},
        {"HTTPS_PROXY": SQUID, "NO_PROXY": "10.0.0.0/99"},
    ],
)
def test_what_makes_no_sense_is_refused_without_its_password(variables: dict[str, str]) -> None:
    """A proxy that cannot be used is no reason to go around it."""
    with pytest.raises(ValueError, match="PROXY") as raised:
        read_egress(variables)
    assert "p4ss" not in f"{raised.value!r} {raised.value.__cause__!r}"
