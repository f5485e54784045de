"""A small private authority: certificates for the services and for callers."""

import datetime as dt
import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID

AUTHORITY, SERVER = "ca", "server"
# An authority outlives what it signs.
AUTHORITY_DAYS = 3650
# Clocks differ.
_EARLIER = dt.timedelta(hours=1)
_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


class CertificatesUnusable(Exception):
    """Certificates cannot be made; the message says why."""


class Authority:
    """The private authority of a folder, which signs certificates into it."""

    def __init__(self, folder: Path, now: dt.datetime) -> None:
        self._folder = folder
        self._now = now

    def create(self) -> None:
        """Make the authority. CertificatesUnusable if there is one already."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Conduit private authority")
        made = (
            self._builder(key.public_key(), name, name, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(**{**_USAGE, "key_cert_sign": True, "crl_sign": True}), critical=True
            )
            .sign(key, hashes.SHA256())
        )
        self._write(AUTHORITY, made, key)

    def issue(
        self, file: str, names: Iterable[str], *, days: int, serves: bool
    ) -> tuple[Path, Path]:
        """Sign a certificate for some names; return its file and its key's.

        Names are DNS names, addresses, e-mail addresses or URIs, as they look. What serves may
        also call, as services do each other. CertificatesUnusable without an authority, or if
        there is such a certificate.
        """
        authority, signing_key = self._authority()
        alternatives = [_alternative(name) for name in names]
        if not alternatives:
            raise CertificatesUnusable("A certificate needs a name.")
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [Usage.SERVER_AUTH, Usage.CLIENT_AUTH] if serves else [Usage.CLIENT_AUTH]
        made = (
            self._builder(key.public_key(), _name(file), authority.subject, days)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**{**_USAGE, "digital_signature": True}), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
                critical=False,
            )
            .sign(signing_key, hashes.SHA256())
        )
        return self._write(file, made, key)

    def _builder(
        self, key: ec.EllipticCurvePublicKey, subject: x509.Name, issuer: x509.Name, days: int
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _EARLIER)
            .not_valid_after(self._now + dt.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    def _authority(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        certificate, key = self._paths(AUTHORITY)
        try:
            found = x509.load_pem_x509_certificate(certificate.read_bytes())
            signing = serialization.load_pem_private_key(key.read_bytes(), None)
        except FileNotFoundError as error:
            message = f"{self._folder} has no authority: make one with conduit certs init."
            raise CertificatesUnusable(message) from error
        if not isinstance(signing, ec.EllipticCurvePrivateKey):
            raise CertificatesUnusable(f"{key} is no key of an authority made here.")
        return found, signing

    def _write(
        self, file: str, made: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> tuple[Path, Path]:
        certificate_path, key_path = self._paths(file)
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write_new(key_path, secret)
        _write_new(certificate_path, made.public_bytes(pem))
        return certificate_path, key_path

    def _paths(self, file: str) -> tuple[Path, Path]:
        return self._folder / f"{file}.pem", self._folder / f"{file}-key.pem"


def file_name(name: str) -> str:
    """Return what the files of a certificate are called: its name, as far as a file may be."""
    kept = "".join(
        c if c.isalnum() or c in ".-_" else "-" for c in name.partition("://")[2] or name
    )
    return kept.strip(".-") or "client"


def _write_new(path: Path, content: bytes) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CertificatesUnusable(f"{path} is there already, and stays as it is.") from error
    with os.fdopen(file, "wb") as opened:
        opened.write(content)


def _name(text: str) -> x509.Name:
    # No longer than the standard allows.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not name.isascii() or not name.isprintable() or not name.strip():
        raise CertificatesUnusable(f"{name!r} is no name of a certificate.")
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    return x509.RFC822Name(name) if "@" in name else x509.DNSName(name)
