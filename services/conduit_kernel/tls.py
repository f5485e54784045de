"""TLS as a process serves and speaks it: its certificate, and the authority of those who call."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

# A certificate that is put in the place of another is noticed within this time.
RELOAD_SECONDS = 10.0
# The names of a certificate in the order in which `CallerSecurity` takes them.
_NAMES = ("URI", "DNS", "email")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The places of the certificate that is shown, of its key, and of callers' authority."""

    certificate: Path
    key: Path
    # Without one, callers are asked for no certificate.
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """The content of those files at one time."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None = None


class WatchedTls:
    """Reads the files again when they have changed; what makes no sense is not taken."""

    def __init__(self, files: TlsFiles) -> None:
        """Read them. ValueError if they make no sense, OSError if they cannot be read."""
        self._files = files
        self._signature = _signature(files)
        self.material = read_material(files)
        # Why others were not taken, as it was told last.
        self._told = ""
        self._log = structlog.get_logger("tls")

    def refresh(self) -> bool:
        """Look whether the files have changed; return whether there is other material now.

        It may wait for a disk. While the files are being replaced they may not fit together: that
        is tried again, and told once.
        """
        signature = self._signature
        try:
            signature = _signature(self._files)
            if signature == self._signature:
                return False
            material = read_material(self._files)
        except ValueError as error:
            # As these files are, they stay of no use.
            self._signature = signature
            self._tell(error)
            return False
        except OSError as error:
            # They may be well, and could not be read just now: for lack of a descriptor or a right.
            self._tell(error)
            return False
        self._signature, self._told = signature, ""
        if material == self.material:
            return False
        self.material = material
        self._log.info("certificate_reloaded")
        return True

    def _tell(self, error: Exception) -> None:
        if self._told != str(error):
            self._told = str(error)
            self._log.warning("certificate_not_reloaded", reason=self._told)

    def server_context(self) -> ssl.SSLContext:
        """Return what a server shows the certificate by. Raises as the constructor does."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # A renegotiation costs the server more than whoever asks for it.
        context.options |= ssl.OP_NO_RENEGOTIATION
        try:
            context.load_cert_chain(self._files.certificate, self._files.key, _no_password)
        except ssl.SSLError as error:
            raise ValueError(_unfit(self._files)) from error
        if self.material.client_ca is not None:
            context.load_verify_locations(cadata=self.material.client_ca.decode())
            # Which callers need one is said by their rules.
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


def read_material(files: TlsFiles) -> TlsMaterial:
    """Read the files. ValueError if they make no sense, OSError if they cannot be read."""
    certificate, key = files.certificate.read_bytes(), files.key.read_bytes()
    try:
        shown = x509.load_pem_x509_certificates(certificate)[0]
        fits = shown.public_key() == load_pem_private_key(key, None).public_key()
    except (ValueError, TypeError) as error:
        raise ValueError(_unfit(files)) from error
    if not fits:
        raise ValueError(
            f"the key {files.key} is not the one of the certificate {files.certificate}"
        )
    return TlsMaterial(certificate, key, _authority(files.client_ca))


def certificate_name(shown: Mapping[str, object] | None) -> str:
    """Return the name of a verified certificate, as `ssl` describes one; empty if there is none."""
    if not shown:
        return ""
    others = _pairs(shown.get("subjectAltName"))
    for kind in _NAMES:
        for found, name in others:
            if found == kind and name:
                return name
    parts = shown.get("subject")
    names = [pair for part in parts for pair in _pairs(part)] if isinstance(parts, tuple) else []
    return next((name for kind, name in names if kind == "commonName"), "")


def read_tls(env: Mapping[str, str]) -> TlsFiles | None:
    """Read the settings; None for plain text. ValueError if they make no sense."""
    certificate, key = env.get("CONDUIT_TLS_CERT"), env.get("CONDUIT_TLS_KEY")
    authority = env.get("CONDUIT_TLS_CLIENT_CA")
    if bool(certificate) != bool(key):
        raise ValueError("CONDUIT_TLS_CERT and CONDUIT_TLS_KEY belong together")
    if not (certificate and key):
        if authority:
            raise ValueError("CONDUIT_TLS_CLIENT_CA needs a certificate: CONDUIT_TLS_CERT")
        return None
    return TlsFiles(Path(certificate), Path(key), Path(authority) if authority else None)


def _authority(path: Path | None) -> bytes | None:
    if path is None:
        return None
    data = path.read_bytes()
    try:
        x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise ValueError(f"{path} is no PEM file of certificates") from error
    return data


def _signature(files: TlsFiles) -> tuple[tuple[int, int, int], ...]:
    """Return what changes when a file does, also where it is a link to another one."""
    paths = [path for path in (files.certificate, files.key, files.client_ca) if path is not None]
    stats = [os.stat(path) for path in paths]  # noqa: PTH116 # short
    return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in stats)


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    return value if isinstance(value, tuple) else ()


def _unfit(files: TlsFiles) -> str:
    return f"{files.certificate} and {files.key} are no PEM certificate with its unencrypted key"


def _no_password() -> str:
    raise ValueError("the key has a password")
