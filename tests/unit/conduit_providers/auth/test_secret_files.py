"""Which files keys may name, and what is read of them."""

import os
import threading
from pathlib import Path

import orjson
import pytest

from conduit_kernel.errors import SecretUnreadable
from conduit_providers.auth import resolve_secret
from conduit_providers.auth.secret_files import (
    IDENTITY_FOLDERS,
    MAX_BYTES,
    SecretFiles,
    files_named,
)

OUTSIDE = "CONDUIT_SECRET_DIRS"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make the folder of secrets, with one in it, beside a file that is none."""
    made = tmp_path / "secrets"
    made.mkdir()
    (made / "openai").write_text("sk-inside\n")
    (tmp_path / "passwd").write_text("root")
    return made


def test_files_of_the_folders_are_read(folder: Path) -> None:
    """Also those below them, and those that a link within leads to, as Kubernetes mounts them."""
    data = folder / "..2026_11"
    data.mkdir()
    (data / "key").write_text("sk-mounted")
    (folder / "..data").symlink_to(data.name)
    (folder / "key").symlink_to("..data/key")
    files = SecretFiles([folder.parent / "nowhere", folder])
    assert [files.read(str(folder / name)) for name in ("openai", "key")] == [
        "sk-inside\n",
        "sk-mounted",
    ]
    assert files.may_read(str(folder / "key"))


def test_folder_may_be_a_link_itself(folder: Path, tmp_path: Path) -> None:
    """`/var/run/secrets` is one on most machines."""
    alias = tmp_path / "alias"
    alias.symlink_to(folder)
    for files, name in [(SecretFiles([alias]), folder), (SecretFiles([folder]), alias)]:
        assert files.read(str(name / "openai")) == "sk-inside\n"


def test_files_outside_are_not_read(folder: Path) -> None:
    """However their path is written; the reason names the setting, not what is there."""
    (folder / "link").symlink_to("../passwd")
    (folder.parent / "secrets-too").mkdir()
    (folder.parent / "secrets-too" / "key").write_text("sk")
    files = SecretFiles([folder])
    for path in (
        "/etc/passwd",
        f"{folder}/../passwd",
        f"{folder}-too/key",
        f"{folder}",
        "openai",
        "/proc/self/environ",
    ):
        assert not files.may_read(path), path
        with pytest.raises(OSError, match=OUTSIDE):
            files.read(path)
    with pytest.raises(OSError, match=OUTSIDE):
        files.read(f"{folder}/link")


@pytest.mark.parametrize("name", sorted(IDENTITY_FOLDERS))
def test_machines_own_proofs_are_no_keys(folder: Path, name: str) -> None:
    """They are mounted among the secrets; one who names their folder itself may have them."""
    tokens = folder / name / "serviceaccount"
    tokens.mkdir(parents=True)
    (tokens / "token").write_text("proof")
    files = SecretFiles([folder])
    assert not files.may_read(f"{tokens}/token")
    with pytest.raises(OSError, match=OUTSIDE):
        files.read(f"{tokens}/token")
    assert SecretFiles([folder, tokens]).read(f"{tokens}/token") == "proof"


async def test_many_are_read_at_once(folder: Path) -> None:
    """Each has its text or its reason."""
    paths = [str(folder / "openai"), "/etc/passwd", "\0"]
    found = await SecretFiles([folder]).read_all(paths, 5)
    assert found.texts == {paths[0]: "sk-inside\n"}
    assert OUTSIDE in str(found.errors["/etc/passwd"])
    assert "malformed" in str(found.errors["\0"])


def test_files_are_small(folder: Path) -> None:
    """Up to 64 KiB, and no more of a larger one is kept than shows that it is."""
    (folder / "small").write_text("x" * MAX_BYTES)
    (folder / "large").write_text("x" * (MAX_BYTES + 1))
    files = SecretFiles([folder])
    assert len(files.read(str(folder / "small"))) == 65_536
    with pytest.raises(OSError, match="more than 64 KiB"):
        files.read(str(folder / "large"))


def test_a_large_file_is_not_read_whole(folder: Path) -> None:
    """One may say that it has a TiB, which no memory has."""
    with (folder / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="more than 64 KiB"):
        SecretFiles([folder]).read(str(folder / "huge"))


def test_files_are_regular_ones(folder: Path) -> None:
    """A pipe is not waited for, though somebody may write into it."""
    os.mkfifo(folder / "pipe")
    files = SecretFiles([folder])
    with pytest.raises(OSError, match="no regular file"):
        files.read(str(folder / "pipe"))
    writer = os.open(folder / "pipe", os.O_RDWR)
    try:
        os.write(writer, b"sk-piped")
        with pytest.raises(OSError, match="no regular file"):
            files.read(str(folder / "pipe"))
    finally:
        os.close(writer)


def test_what_is_no_text_is_not_quoted(folder: Path) -> None:
    """Python's own error has the bytes in it."""
    (folder / "bytes").write_bytes(b"sk-\xff-secret")
    with pytest.raises(OSError, match="no text") as refused:
        SecretFiles([folder]).read(str(folder / "bytes"))
    assert "secret" not in f"{refused.value!r}{refused.value.__cause__!r}"


async def test_a_share_that_hangs_keeps_nobody(folder: Path) -> None:
    """Others are read meanwhile; what is not there in time is an error, and the loop goes on."""
    goes_on = threading.Event()

    class Hanging(SecretFiles):
        """Folders of which one does not answer."""

        def read(self, path: str) -> str:
            """Wait for what does not come."""
            if path == "hangs":
                goes_on.wait(20)
            return super().read(path)

    paths = [str(folder / "openai"), "hangs"]
    try:
        found = await Hanging([folder]).read_all(paths, 0.2)
    finally:
        goes_on.set()
    assert found.texts == {paths[0]: "sk-inside\n"}
    assert "not read within 0.2 s" in str(found.errors["hangs"])


def test_key_that_names_the_file_of_a_token_needs_it_within_the_folders(folder: Path) -> None:
    """Google's library would read any; however deep and however spelled the member is."""
    files = SecretFiles([folder])

    def key(path: str) -> str:
        inner = {"type": "external_account", "credential_source": {"file": path}}
        outer = {"type": "impersonated_service_account", "source_credentials": inner}
        return orjson.dumps(outer).decode().replace("credential_source", "\\u0063redential_source")

    assert files_named(key("/etc/passwd")) == ("/etc/passwd",)
    for text in ("sk-1", "{", "[]", "{}", '{"credential_source": "file"}', "file:"):
        assert files_named(text) == ()
    good = key(f"{folder}/openai")
    assert resolve_secret(good, {}, files.read) == good
    with pytest.raises(SecretUnreadable, match=OUTSIDE):
        resolve_secret(key("/etc/passwd"), {}, files.read)
