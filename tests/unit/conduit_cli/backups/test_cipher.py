"""Backups are encrypted in pieces."""

import io
import os
from collections.abc import Callable

import pytest

from conduit_cli.backups.cipher import MARK, WrongBackupKey, decrypt, encrypt

KEY = bytes(range(32))
PIECE = 64 * 1024


def sealed(content: bytes, key: bytes = KEY) -> bytes:
    """Encrypt."""
    out = io.BytesIO()
    encrypt(io.BytesIO(content), out, key, "a")
    return out.getvalue()


def opened(content: bytes, key: bytes = KEY, name: str = "a") -> bytes:
    """Decrypt."""
    out = io.BytesIO()
    decrypt(io.BytesIO(content), out, key, name)
    return out.getvalue()


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_is_decrypted_is_what_was_encrypted(size: int) -> None:
    """Whatever its size; twice the same is not the same twice."""
    content = os.urandom(size)
    first, second = sealed(content), sealed(content)
    assert opened(first) == opened(second) == content
    assert first != second
    if size > 16:
        assert content not in first


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c[:-1],
        lambda c: c + b"x",
        # The last piece, or any of the others, left out; two of them exchanged.
        lambda c: c[: len(MARK) + 32 + 2 * (PIECE + 16)],
        lambda c: c[: len(MARK) + 32] + c[len(MARK) + 32 + PIECE + 16 :],
        lambda c: (
            c[: len(MARK) + 32]
            + c[len(MARK) + 32 + PIECE + 16 : len(MARK) + 32 + 2 * (PIECE + 16)]
            + c[len(MARK) + 32 : len(MARK) + 32 + PIECE + 16]
            + c[len(MARK) + 32 + 2 * (PIECE + 16) :]
        ),
        lambda c: c[:100] + bytes([c[100] ^ 1]) + c[101:],
        lambda c: c[:20] + bytes([c[20] ^ 1]) + c[21:],
        lambda c: c[: len(MARK) + 32],
    ],
    ids=range(8),
)
def test_nothing_can_be_changed(spoil: Callable[[bytes], bytes]) -> None:
    """Neither a bit, nor the number or the order of pieces."""
    with pytest.raises(WrongBackupKey):
        opened(spoil(sealed(os.urandom(3 * PIECE))))


def test_another_key_opens_nothing() -> None:
    """And says that it may be the wrong one."""
    with pytest.raises(WrongBackupKey, match="another CONDUIT_BACKUP_KEY"):
        opened(sealed(b"secret"), bytes(32))
    with pytest.raises(WrongBackupKey, match="under another name"):
        opened(sealed(b"secret"), name="b")
    with pytest.raises(ValueError, match="no encrypted backup"):
        opened(b"PK" + bytes(100))
