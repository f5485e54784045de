"""Secrets at rest, the hashes of virtual keys, and what clients keep for us.

A secret is sealed with AES-256-GCM under a data key of its own; the data key is wrapped, also with
AES-256-GCM, by the encryption key. Changing the encryption key re-wraps data keys and touches no
ciphertext. See https://csrc.nist.gov/pubs/sp/800/38/d/final for the mode.
"""

import base64
import binascii
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from conduit.internal.v1.snapshot_pb2 import SealedSecret
from conduit_kernel.errors import SecretUnreadable

KEY_BYTES = 32
NONCE_BYTES = 12
_CLIENT = "client secret"
_CLIENT_DATA = _CLIENT.encode()
_SIGNING = b"conduit signature v1"
_ANSWER = b"conduit kept answer v1"


class Vault:
    """Seals and opens secrets with one current and any number of former encryption keys."""

    def __init__(self, key: bytes, *former: bytes) -> None:
        """Take raw keys of 32 bytes each."""
        self.take(key, *former)

    def take(self, key: bytes, *former: bytes) -> None:
        """Work with these keys from now on: the first one seals, all of them open."""
        if any(len(k) != KEY_BYTES for k in (key, *former)):
            raise ValueError(f"an encryption key has {KEY_BYTES} bytes")
        self._current = key_id(key)
        self._ciphers = {key_id(k): AESGCM(k) for k in (key, *former)}
        self._signing_keys = tuple(_derived(k, _SIGNING) for k in (key, *former))
        self._hash_keys = tuple(_hash_key(k) for k in (key, *former))
        self._client_ciphers = tuple(AESGCM(_client_key(k)) for k in (key, *former))
        self._answer_ciphers = tuple(AESGCM(_derived(k, _ANSWER)) for k in (key, *former))

    def __repr__(self) -> str:
        """Name the current key, and nothing else of it."""
        return f"Vault({self._current})"

    def seal(self, secret: str, owner: str, destination: str = "") -> SealedSecret:
        """Encrypt a secret for its owner, such as `key_3`, and for where it may be sent.

        It opens for no other.
        """
        data_key, bound_to = AESGCM.generate_key(KEY_BYTES * 8), _bound_to(owner, destination)
        return SealedSecret(
            encryption_key_id=self._current,
            wrapped_data_key=_encrypt(self._ciphers[self._current], data_key, bound_to),
            ciphertext=_encrypt(AESGCM(data_key), secret.encode(), bound_to),
            destination=destination,
        )

    def open(self, sealed: SealedSecret, owner: str, destination: str = "") -> str:
        """Return the secret, which is to be sent to a destination.

        SecretUnreadable without its key, if it was tampered with, or is for another destination.
        """
        if sealed.destination not in {"", destination}:
            message = f"The value of {owner} is for {sealed.destination} alone; give it again"
            raise SecretUnreadable(message, key_id=owner)
        cipher = AESGCM(self._data_key(sealed, owner))
        bound_to = _bound_to(owner, sealed.destination)
        return _decrypt(cipher, sealed.ciphertext, owner, bound_to).decode()

    def rewrap(self, sealed: SealedSecret, owner: str) -> SealedSecret:
        """Return the same secret with its data key wrapped by the current encryption key."""
        return SealedSecret(
            encryption_key_id=self._current,
            wrapped_data_key=_encrypt(
                self._ciphers[self._current],
                self._data_key(sealed, owner),
                _bound_to(owner, sealed.destination),
            ),
            ciphertext=sealed.ciphertext,
            destination=sealed.destination,
        )

    def hash(self, virtual_key: str) -> bytes:
        """Return the 32 bytes by which a virtual key made now is known."""
        return self.hashes(virtual_key)[0]

    def hashes(self, virtual_key: str) -> tuple[bytes, ...]:
        """Return what a virtual key may be known by: one hash for each encryption key."""
        return tuple(hmac.digest(k, virtual_key.encode(), "sha256") for k in self._hash_keys)

    def sign(self, data: bytes) -> bytes:
        """Return what shows that one of our processes wrote these data; it says nothing else."""
        return hmac.digest(self._signing_keys[0], data, "sha256")

    def has_signed_now(self, data: bytes, signature: bytes) -> bool:
        """Return whether a signature of these data is one of the current key's."""
        return hmac.compare_digest(self.sign(data), signature)

    def has_signed(self, data: bytes, signature: bytes) -> bool:
        """Return whether a signature of these data is ours, of the current key or a former one."""
        made = (hmac.digest(key, data, "sha256") for key in self._signing_keys)
        return any(hmac.compare_digest(each, signature) for each in made)

    def seal_client_secret(self, content: bytes) -> str:
        """Return a text for clients, in letters of URLs, that only a vault of this key opens."""
        return self.seal_text(content, _CLIENT_DATA)

    def seal_text(self, content: bytes, purpose: bytes) -> str:
        """Return a text like those for clients, which opens for the same purpose alone."""
        return _text_of(_encrypt(self._client_ciphers[0], content, purpose))

    def open_client_secret(self, text: str) -> bytes | None:
        """Return the content; None if any character of the text was altered, or it is not ours."""
        return self.open_text(text, _CLIENT_DATA)

    def open_text(self, text: str, purpose: bytes) -> bytes | None:
        """Return the content of a text that was sealed for a purpose; None as above."""
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            return None
        # Several texts stand for the same bytes; one of them was handed out.
        if len(sealed) < NONCE_BYTES or _text_of(sealed) != text:
            return None
        for cipher in self._client_ciphers:
            try:
                return _decrypt(cipher, sealed, _CLIENT, purpose)
            except SecretUnreadable:
                continue
        return None

    def seal_answer(self, content: bytes, owner: str) -> bytes:
        """Return what an owner was answered, as it is kept; it opens for no other owner."""
        return _encrypt(self._answer_ciphers[0], content, owner.encode())

    def open_answer(self, sealed: bytes, owner: str) -> bytes | None:
        """Return what an owner was answered; None if it was altered, or is not that owner's."""
        for cipher in self._answer_ciphers:
            try:
                return _decrypt(cipher, sealed, owner, owner.encode())
            except SecretUnreadable:
                continue
        return None

    def _data_key(self, sealed: SealedSecret, owner: str) -> bytes:
        cipher = self._ciphers.get(sealed.encryption_key_id)
        if cipher is None:
            raise SecretUnreadable(
                f"The secret of {owner} was sealed with another encryption key",
                key_id=owner,
                encryption_key_id=sealed.encryption_key_id,
            )
        bound_to = _bound_to(owner, sealed.destination)
        return _decrypt(cipher, sealed.wrapped_data_key, owner, bound_to)


def key_id(key: bytes) -> str:
    """Return the public name of an encryption key: 8 bytes of its SHA-256, in hex."""
    return hashlib.sha256(b"conduit encryption key id\0" + key).hexdigest()[:16]


def service_token(key: bytes) -> str:
    """Return what a service of ours shows to another, in hex; it tells nothing of the key."""
    return _derived(key, b"conduit service token v1").hex()


def _client_key(key: bytes) -> bytes:
    return _derived(key, b"conduit client secret v1")


def _text_of(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _hash_key(key: bytes) -> bytes:
    return _derived(key, b"conduit virtual key hash v1")


def _derived(key: bytes, label: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=label).derive(key)


def parse_key(text: str) -> bytes:
    """Read an encryption key from base64. ValueError, without the key in it, if it is none."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise ValueError("CONDUIT_ENCRYPTION_KEY is not base64") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"CONDUIT_ENCRYPTION_KEY has {len(key)} bytes instead of {KEY_BYTES}")
    return key


def _bound_to(owner: str, destination: str) -> bytes:
    # What was sealed before there were destinations is of its owner alone.
    return f"{owner} {destination}".encode() if destination else owner.encode()


def _encrypt(cipher: AESGCM, data: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, bound_to)


def _decrypt(cipher: AESGCM, data: bytes, owner: str, bound_to: bytes) -> bytes:
    try:
        return cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], bound_to)
    except InvalidTag as error:
        raise SecretUnreadable(
            f"The secret of {owner} was changed or belongs to something else", key_id=owner
        ) from error
