"""Certificates of a private authority, made on the spot."""

import datetime as dt
import ssl
from pathlib import Path

from conduit_cli.certificates import Authority
from conduit_kernel.tls import TlsFiles

LOCAL = ("localhost", "127.0.0.1", "::1")


class PrivateAuthority:
    """An authority in a folder of a test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._authority = Authority(folder, dt.datetime.now(dt.UTC))
        self._authority.create()
        self.ca_file = folder / "ca.pem"

    def files(self, file: str = "server", *, asks: bool = False) -> TlsFiles:
        """Make a certificate for this machine; with `asks`, callers are asked for theirs."""
        certificate, key = self._authority.issue(file, LOCAL, days=1, serves=True)
        return TlsFiles(certificate, key, self.ca_file if asks else None)

    def caller(self, *names: str) -> ssl.SSLContext:
        """Return a caller's context, with a certificate of its own if it has names."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if names:
            file = f"caller-{len([*self.folder.iterdir()])}"
            context.load_cert_chain(*self._authority.issue(file, names, days=1, serves=False))
        return context

    def pair(self, name: str) -> tuple[bytes, bytes]:
        """Return a caller's key and certificate, as gRPC takes them."""
        file = f"caller-{len([*self.folder.iterdir()])}"
        certificate, key = self._authority.issue(file, [name], days=1, serves=False)
        return key.read_bytes(), certificate.read_bytes()


def renew(files: TlsFiles, others: TlsFiles) -> None:
    """Put another certificate and its key in the place of one, as cert-manager does."""
    for old, new in ((files.key, others.key), (files.certificate, others.certificate)):
        new.rename(old)
