"""Where requests go, and whose certificates are trusted there."""

import errno
import os

import pytest
from tests.support.disk import refuse

from conduit_kernel.http import Origin, SystemTrust


@pytest.mark.parametrize(
    ("origin", "authority"),
    [
        (Origin("https", "api.example", 443), b"api.example"),
        (Origin("http", "api.example", 80), b"api.example"),
        (Origin("https", "api.example", 80), b"api.example:80"),
        (Origin("http", "api.example", 443), b"api.example:443"),
        (Origin("http", "::1", 80), b"[::1]"),
        (Origin("https", "2001:db8::1", 8443), b"[2001:db8::1]:8443"),
    ],
)
def test_the_host_field_names_a_port_that_is_not_the_schemes_own(
    origin: Origin, authority: bytes
) -> None:
    """Addresses of IPv6 stand in brackets."""
    assert origin.authority == authority


def test_certificates_are_read_once() -> None:
    """Every origin has the same context, which checks names and who signed."""
    trust = SystemTrust()
    context = trust(Origin("https", "a.example", 443))
    assert trust(Origin("https", "b.example", 443)) is context
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"


def test_without_a_descriptor_no_context_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """One made then would trust nobody for ever; the next call makes a good one."""
    trust, origin = SystemTrust(), Origin("https", "a.example", 443)
    with monkeypatch.context() as patch:
        refuse(patch, "open", errno.EMFILE, module=os)
        with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
            trust(origin)
    assert trust(origin).cert_store_stats()["x509_ca"] > 0
