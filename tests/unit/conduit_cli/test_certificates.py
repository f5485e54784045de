"""A small private authority."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509

from conduit_cli.certificates import Authority, CertificatesUnusable, file_name

NOW = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)


def read(path: Path) -> x509.Certificate:
    """Return a certificate."""
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_an_authority_signs_what_serves_and_what_calls(tmp_path: Path) -> None:
    """What calls does not serve; nobody but the owner reads a key."""
    authority = Authority(tmp_path / "certs", NOW)
    authority.create()
    ca = read(tmp_path / "certs" / "ca.pem")
    names = ["gateway.example.org", "10.0.0.7", "::1"]
    served, key = authority.issue("server", names, days=30, serves=True)
    found = read(served)
    found.verify_directly_issued_by(ca)
    assert found.not_valid_after_utc == NOW + dt.timedelta(days=30)
    alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternatives.get_values_for_type(x509.DNSName) == ["gateway.example.org"]
    assert len(alternatives.get_values_for_type(x509.IPAddress)) == 2
    for path in (key, served, tmp_path / "certs" / "ca-key.pem"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "certs").stat().st_mode & 0o777 == 0o700
    called, _ = authority.issue("caller", ["spiffe://example.org/a"], days=30, serves=False)
    usages = read(called).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [usage._name for usage in usages] == ["clientAuth"]  # noqa: SLF001 # its public name


def test_what_there_is_stays(tmp_path: Path) -> None:
    """Nobody loses an authority by a second `init`."""
    authority = Authority(tmp_path, NOW)
    authority.create()
    before = (tmp_path / "ca-key.pem").read_bytes()
    with pytest.raises(CertificatesUnusable, match="stays as it is"):
        authority.create()
    assert (tmp_path / "ca-key.pem").read_bytes() == before
    authority.issue("a", ["a"], days=1, serves=False)
    with pytest.raises(CertificatesUnusable, match="stays as it is"):
        authority.issue("a", ["a"], days=1, serves=False)


@pytest.mark.parametrize("names", [[], [""], ["ä.example"], ["a\nb"]])
def test_what_is_no_name_is_refused(tmp_path: Path, names: list[str]) -> None:
    """Rather than signed."""
    authority = Authority(tmp_path, NOW)
    authority.create()
    with pytest.raises(CertificatesUnusable):
        authority.issue("x", names, days=1, serves=False)


def test_without_an_authority_nothing_is_signed(tmp_path: Path) -> None:
    """And it is said how to make one."""
    with pytest.raises(CertificatesUnusable, match="conduit certs init"):
        Authority(tmp_path, NOW).issue("x", ["x"], days=1, serves=False)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("spiffe://example.org/billing", "example.org-billing"),
        ("../../etc/passwd", "etc-passwd"),
        ("a@b.org", "a-b.org"),
        ("..", "client"),
    ],
)
def test_a_file_is_named_within_its_folder(name: str, file: str) -> None:
    """Whatever the certificate is for."""
    assert file_name(name) == file
