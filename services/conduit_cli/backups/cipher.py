"""Encrypts a backup for a place that others may read: in pieces, so that any size passes.

A file has a mark, a salt of 32 bytes, and pieces of 64 KiB, each sealed with AES-256-GCM under a
key of that file's own (HKDF of the backup key, the salt, and the name under which it is stored, so
that an older one under the name of a newer one does not open). Nonces count the pieces, and say
which one is the last, so that no piece can be left out, moved or added: the construction is STREAM,
as age has it (https://age-encryption.org/v1, and https://eprint.iacr.org/2015/189).
"""

import os
from collections.abc import Iterator
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MARK = b"conduit backup 1\n"
KEY_BYTES = 32
_SALT_BYTES = 32
_PIECE_BYTES = 64 * 1024
_TAG_BYTES = 16
_COUNTER_BYTES = 11
_LABEL = b"conduit backup v1"


class WrongBackupKey(Exception):
    """A file was encrypted with another key, or is not what was written."""


def encrypt(source: IO[bytes], out: IO[bytes], key: bytes, name: str) -> None:
    """Write what a file holds, so that nobody reads, changes or renames it without the key."""
    salt = os.urandom(_SALT_BYTES)
    out.write(MARK + salt)
    cipher = AESGCM(_file_key(key, salt, name))
    for number, (piece, is_last) in enumerate(_pieces(source, _PIECE_BYTES)):
        out.write(cipher.encrypt(_nonce(number, is_last=is_last), piece, MARK))


def decrypt(source: IO[bytes], out: IO[bytes], key: bytes, name: str) -> None:
    """Write what was encrypted under a name.

    WrongBackupKey if any of it is not so; ValueError for no backup.
    """
    if source.read(len(MARK)) != MARK:
        raise ValueError("it is no encrypted backup of a gateway")
    cipher = AESGCM(_file_key(key, source.read(_SALT_BYTES), name))
    for number, (piece, is_last) in enumerate(_pieces(source, _PIECE_BYTES + _TAG_BYTES)):
        try:
            out.write(cipher.decrypt(_nonce(number, is_last=is_last), piece, MARK))
        except InvalidTag:
            key_or_name = "with another CONDUIT_BACKUP_KEY or under another name"
            message = f"it was encrypted {key_or_name}, or is damaged"
            raise WrongBackupKey(message) from None


def _pieces(source: IO[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield pieces, each with whether it is the last; there is one at least."""
    piece = source.read(size)
    while True:
        following = source.read(size)
        yield piece, not following
        if not following:
            return
        piece = following


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(_COUNTER_BYTES, "big") + bytes([is_last])


def _file_key(key: bytes, salt: bytes, name: str) -> bytes:
    info = _LABEL + b"\0" + name.encode()
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=salt, info=info).derive(key)
