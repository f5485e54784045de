"""Encryption keys that Google Cloud KMS has wrapped, by Google's library.

The server answers as the API's reference says, and as the library reads it; `make kms` installs it.
"""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.support.blocking_server import Answered, Asked, blocking_server

from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed

pytest.importorskip("google.cloud.kms_v1", reason="`make kms` installs it")

from google.auth.credentials import AnonymousCredentials
from google.cloud.kms_v1 import KeyManagementServiceClient
from google.cloud.kms_v1.services.key_management_service.transports.rest import (
    KeyManagementServiceRestTransport,
)

from conduit_cli.key_services.google_kms import AUTHENTICATED, GoogleKms, crc32c

KEY = bytes(range(32))
NAME = "projects/example.com:company/locations/europe-west3/keyRings/conduit/cryptoKeys/main"


class Kms:
    """A KMS with one key of two versions."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        # Put over the answers that follow.
        self.altered: dict[str, Any] = {}
        # Statuses that come first.
        self.first: list[int] = []
        self._cipher = AESGCM(AESGCM.generate_key(256))

    def __call__(self, asked: Asked) -> Answered:
        """Answer a request."""
        self.asked.append(asked)
        if self.first:
            return _refused(self.first.pop(0), "UNAVAILABLE", "not now")
        path = unquote(asked.path.partition("?")[0])
        given = json.loads(asked.body)
        known = {
            f"/v1/{NAME}:encrypt": self._encrypted,
            f"/v1/{NAME}:decrypt": self._decrypted,
        }
        if path not in known:
            return _refused(404, "NOT_FOUND", "no such key")
        try:
            return _found(known[path](given) | self.altered)
        except InvalidTag:
            return _refused(400, "INVALID_ARGUMENT", "Decryption failed")

    def _encrypted(self, given: dict[str, Any]) -> dict[str, Any]:
        plain = base64.b64decode(given["plaintext"])
        data = base64.b64decode(given["additionalAuthenticatedData"])
        nonce = os.urandom(12)
        sealed = nonce + self._cipher.encrypt(nonce, plain, data)
        return {
            "name": f"{NAME}/cryptoKeyVersions/2",
            "ciphertext": base64.b64encode(sealed).decode(),
            "ciphertextCrc32c": str(crc32c(sealed)),
            "verifiedPlaintextCrc32c": given["plaintextCrc32c"] == str(crc32c(plain)),
            "verifiedAdditionalAuthenticatedDataCrc32c": True,
            "protectionLevel": "SOFTWARE",
        }

    def _decrypted(self, given: dict[str, Any]) -> dict[str, Any]:
        sealed = base64.b64decode(given["ciphertext"])
        assert given["ciphertextCrc32c"] == str(crc32c(sealed))
        data = base64.b64decode(given["additionalAuthenticatedData"])
        plain = self._cipher.decrypt(sealed[:12], sealed[12:], data)
        return {
            "plaintext": base64.b64encode(plain).decode(),
            "plaintextCrc32c": str(crc32c(plain)),
            "usedPrimary": True,
        }


def _found(answer: dict[str, Any]) -> Answered:
    return 200, {"content-type": "application/json"}, json.dumps(answer).encode()


def _refused(status: int, name: str, message: str) -> Answered:
    error = {"error": {"code": status, "status": name, "message": message}}
    return status, {"content-type": "application/json"}, json.dumps(error).encode()


@pytest.fixture
def kms() -> Kms:
    """Return what answers."""
    return Kms()


@pytest.fixture
def key(kms: Kms) -> Iterator[GoogleKms]:
    """Run it; return its key."""
    with blocking_server(kms) as address:
        yield GoogleKms(NAME, client_of(address))


def client_of(address: str) -> KeyManagementServiceClient:
    """Return the library's client of an address."""
    transport = KeyManagementServiceRestTransport(
        host=address, credentials=AnonymousCredentials(), url_scheme="http"
    )
    return KeyManagementServiceClient(transport=transport)


def test_a_key_comes_back_from_the_service_that_wrapped_it(kms: Kms, key: GoogleKms) -> None:
    """Within our own data alone, which neither a caller nor another program of theirs gives."""
    wrapped = key.wrap(KEY)
    assert base64.b64decode(wrapped)
    assert key.unwrap(wrapped) == KEY
    for asked in kms.asked:
        given = json.loads(asked.body)
        assert base64.b64decode(given["additionalAuthenticatedData"]) == AUTHENTICATED
        assert given["additionalAuthenticatedDataCrc32c"] == str(crc32c(AUTHENTICATED))


def test_the_checksum_is_the_one_of_the_standard() -> None:
    """RFC 3720, appendix B.4: zeros, ones, and counting up."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(KEY) == 0x46DD794E


@pytest.mark.parametrize(
    "altered",
    [{"ciphertextCrc32c": "1"}, {"verifiedPlaintextCrc32c": False}, {"ciphertext": "AAAA"}],
)
def test_what_was_altered_on_its_way_is_not_kept(
    kms: Kms, key: GoogleKms, altered: dict[str, Any]
) -> None:
    """Or a gateway would be started with a reference that nobody can open."""
    kms.altered = altered
    with pytest.raises(KeyServiceFailed, match="altered"):
        key.wrap(KEY)


def test_a_key_that_was_altered_on_its_way_back_is_none(kms: Kms, key: GoogleKms) -> None:
    """It would seal what no other process could open."""
    wrapped = key.wrap(KEY)
    kms.altered = {"plaintext": base64.b64encode(bytes(32)).decode()}
    with pytest.raises(KeyServiceFailed, match="altered"):
        key.unwrap(wrapped)


def test_a_service_that_is_away_is_asked_again(kms: Kms, key: GoogleKms) -> None:
    """It is back soon, mostly."""
    kms.first = [503]
    assert key.unwrap(key.wrap(KEY)) == KEY
    assert len(kms.asked) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 429])
def test_a_refusal_is_told_at_once(kms: Kms, key: GoogleKms, status: int) -> None:
    """With the reason; asking again changes nothing."""
    kms.first = [status]
    with pytest.raises(KeyServiceFailed, match=r"refuses: \w+ not now"):
        key.unwrap("AAAA")
    assert len(kms.asked) == 1


def test_a_service_that_stays_away_ends_the_wait(kms: Kms, key: GoogleKms) -> None:
    """The operator learns of it, rather than of a gateway that hangs."""
    kms.first = [503] * 1000
    key._retry = key._retry.with_timeout(0.2)  # noqa: SLF001 # no test waits 15 s
    with pytest.raises(KeyServiceFailed):
        key.unwrap("AAAA")


def test_nobody_at_the_address_is_told() -> None:
    """By the kind of failure, without anything that was to be sent."""
    with blocking_server(Kms()) as address:
        pass
    key = GoogleKms(NAME, client_of(address))
    key._retry = key._retry.with_timeout(0.2)  # noqa: SLF001 # as above
    with pytest.raises(KeyServiceFailed) as refused:
        key.wrap(KEY)
    assert base64.b64encode(KEY).decode() not in str(refused.value)


def test_what_is_no_base64_is_not_sent(kms: Kms, key: GoogleKms) -> None:
    """A reference that was cut, perhaps."""
    with pytest.raises(KeyServiceFailed, match="no base64"):
        key.unwrap("AQ%")
    assert kms.asked == []


@pytest.mark.parametrize(
    "name",
    ["", "main", f"{NAME}/cryptoKeyVersions/1", f"/{NAME}", f"{NAME}/../x", NAME.upper()],
)
def test_what_is_no_name_of_a_key_is_told(name: str) -> None:
    """A version would wrap with a key that is not rotated."""
    with pytest.raises(KeyReferenceWrong, match="no name of a key"):
        GoogleKms.of(name)


def test_a_machine_without_credentials_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before anything is asked."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(KeyServiceFailed, match="cannot be asked"):
        GoogleKms.of(NAME)
