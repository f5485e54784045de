"""TLS as a process serves it."""

import shutil
import ssl
from errno import EMFILE
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.certificates import PrivateAuthority, renew

from conduit_kernel.tls import TlsFiles, WatchedTls, certificate_name, read_tls

NAMES = (("DNS", "billing.example.org"), ("URI", "spiffe://example.org/billing"), ("URI", "b"))
SUBJECT = ((("organizationName", "Example"),), (("commonName", "billing"),))


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        (None, ""),
        ({}, ""),
        ({"subjectAltName": NAMES, "subject": SUBJECT}, "spiffe://example.org/billing"),
        ({"subjectAltName": NAMES[:1], "subject": SUBJECT}, "billing.example.org"),
        ({"subjectAltName": (("email", "a@b.org"),), "subject": SUBJECT}, "a@b.org"),
        ({"subjectAltName": (("IP Address", "10.0.0.1"),), "subject": SUBJECT}, "billing"),
        ({"subject": SUBJECT}, "billing"),
        ({"subject": SUBJECT[:1]}, ""),
        ({"subject": ()}, ""),
    ],
)
def test_a_certificate_has_one_name(shown: dict[str, object] | None, name: str) -> None:
    """In the order of the contract, so that two certificates are never taken for one."""
    assert certificate_name(shown) == name


def test_settings_name_files_that_belong_together() -> None:
    """Without any, nothing is encrypted."""
    pair = {"CONDUIT_TLS_CERT": "/c.pem", "CONDUIT_TLS_KEY": "/k.pem"}
    assert read_tls({}) is None
    assert read_tls(pair) == TlsFiles(Path("/c.pem"), Path("/k.pem"))
    asking = {**pair, "CONDUIT_TLS_CLIENT_CA": "/ca.pem"}
    assert read_tls(asking) == TlsFiles(Path("/c.pem"), Path("/k.pem"), Path("/ca.pem"))
    for name in pair:
        with pytest.raises(ValueError, match="belong together"):
            read_tls({name: "/c.pem"})
    with pytest.raises(ValueError, match="CONDUIT_TLS_CERT"):
        read_tls({"CONDUIT_TLS_CLIENT_CA": "/ca.pem"})


def test_files_that_do_not_fit_together_are_told(tmp_path: Path) -> None:
    """By their names, and without the key."""
    authority = PrivateAuthority(tmp_path)
    files, others = authority.files(), authority.files("other")
    with pytest.raises(ValueError, match="is not the one of"):
        WatchedTls(TlsFiles(files.certificate, others.key))
    with pytest.raises(ValueError, match="no PEM certificate"):
        WatchedTls(TlsFiles(files.key, files.key))
    with pytest.raises(ValueError, match="no PEM file of certificates"):
        WatchedTls(TlsFiles(files.certificate, files.key, files.key))
    with pytest.raises(FileNotFoundError):
        WatchedTls(TlsFiles(files.certificate, tmp_path / "none.pem"))
    assert "PRIVATE" not in repr(WatchedTls(files).material)


def test_what_is_put_in_its_place_is_noticed(tmp_path: Path) -> None:
    """Once; a half of it is not taken, and what was there stays."""
    authority = PrivateAuthority(tmp_path)
    files, others = authority.files(), authority.files("other")
    watched = WatchedTls(files)
    first = watched.material
    assert not watched.refresh()
    shutil.copy(files.key, tmp_path / "kept")
    others.key.rename(files.key)
    assert not watched.refresh()
    assert watched.material == first
    others.certificate.rename(files.certificate)
    assert watched.refresh()
    assert watched.material != first
    assert not watched.refresh()


def test_a_folder_of_links_that_is_replaced_whole_is_noticed(tmp_path: Path) -> None:
    """As Kubernetes renews a mounted secret: by one link, which all files lead through."""
    authority, mount = PrivateAuthority(tmp_path / "ca"), tmp_path / "tls"
    mount.mkdir()
    pairs = [authority.files(name) for name in ("first", "second")]
    for number, pair in enumerate(pairs):
        folder = mount / f"..{number}"
        folder.mkdir()
        shutil.copy(pair.certificate, folder / "tls.crt")
        shutil.copy(pair.key, folder / "tls.key")
    (mount / "..data").symlink_to("..0")
    for name in ("tls.crt", "tls.key"):
        (mount / name).symlink_to(Path("..data", name))
    watched = WatchedTls(TlsFiles(mount / "tls.crt", mount / "tls.key"))
    assert watched.material.certificate == pairs[0].certificate.read_bytes()
    (mount / "..data_tmp").symlink_to("..1")
    (mount / "..data_tmp").replace(mount / "..data")
    assert watched.refresh()
    assert watched.material.certificate == pairs[1].certificate.read_bytes()
    assert watched.material.key == pairs[1].key.read_bytes()


def test_files_that_cannot_be_read_for_a_moment_are_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though they are the same ones then, as where descriptors were lacking; it is told once."""
    authority = PrivateAuthority(tmp_path)
    files, others = authority.files(), authority.files("other")
    watched = WatchedTls(files)
    renew(files, others)

    def refuse(path: Path) -> bytes:
        raise OSError(EMFILE, "Too many open files", str(path))

    with monkeypatch.context() as lacking, capture_logs() as logs:
        lacking.setattr(Path, "read_bytes", refuse)
        assert [watched.refresh() for _ in range(3)] == [False] * 3
    assert [each["event"] for each in logs] == ["certificate_not_reloaded"]
    assert watched.refresh()
    assert not watched.refresh()


def test_files_that_vanish_leave_what_there_was(tmp_path: Path) -> None:
    """Until there are others."""
    authority = PrivateAuthority(tmp_path)
    files, others = authority.files(), authority.files("other")
    watched = WatchedTls(files)
    files.key.unlink()
    assert not watched.refresh()
    renew(files, others)
    assert watched.refresh()


def test_nobody_has_a_server_begin_a_handshake_anew(tmp_path: Path) -> None:
    """It would cost the server more than whoever asks for it."""
    context = WatchedTls(PrivateAuthority(tmp_path).files()).server_context()
    assert context.options & ssl.OP_NO_RENEGOTIATION
