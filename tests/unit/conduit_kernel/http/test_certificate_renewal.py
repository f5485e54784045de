"""Certificates that are put in the place of others, as a server shows them."""

import errno
import os
from pathlib import Path

import pytest
from tests.support.certificates import PrivateAuthority, renew
from tests.support.http_peers import both_loops, serving
from tests.unit.conduit_kernel.http.test_certified import said, say_name

from conduit_kernel.http.certificate_renewal import CertificateRenewal
from conduit_kernel.tls import WatchedTls


@both_loops
async def test_a_certificate_is_shown_once_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be shown at once, for lack of descriptors, is tried again."""
    first, second = PrivateAuthority(tmp_path / "first"), PrivateAuthority(tmp_path / "second")
    files = first.files()
    watched = WatchedTls(files)
    async with serving(say_name, ssl_context=watched.server_context()) as server:
        renewal = CertificateRenewal(watched, server)
        await renewal.run()
        renew(files, second.files())

        def refuse(_: int) -> int:
            raise OSError(errno.EMFILE, "Too many open files")

        with monkeypatch.context() as lacking:
            lacking.setattr(os, "dup", refuse)
            with pytest.raises(OSError, match="Too many"):
                await renewal.run()
        assert await said(server, first.caller()) == ""
        await renewal.run()
        assert await said(server, second.caller()) == ""


@both_loops
async def test_halves_of_a_new_pair_are_not_shown(tmp_path: Path) -> None:
    """Whichever of them comes first, cut anywhere; then the pair is."""
    first, second = PrivateAuthority(tmp_path / "first"), PrivateAuthority(tmp_path / "second")
    files, others = first.files(), second.files()
    watched = WatchedTls(files)
    async with serving(say_name, ssl_context=watched.server_context()) as server:
        renewal = CertificateRenewal(watched, server)
        certificate = others.certificate.read_bytes()
        for part in (b"", certificate[: len(certificate) // 2], certificate):
            files.certificate.write_bytes(part)
            await renewal.run()
            assert await said(server, first.caller()) == ""
        files.key.unlink()
        await renewal.run()
        assert await said(server, first.caller()) == ""
        others.key.rename(files.key)
        await renewal.run()
        assert await said(server, second.caller()) == ""
