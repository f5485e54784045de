"""Google Cloud KMS, by `google-cloud-kms`, with the credentials that the machine has by its rules.

Both ways are checked by CRC32C, as Google asks for: what was altered on its way is never kept.

https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/decrypt
https://cloud.google.com/kms/docs/data-integrity-guidelines
"""

import base64
import binascii
import re
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError, ServiceUnavailable
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud.kms_v1 import (  # pyright: ignore[reportMissingImports] # an extra
    DecryptRequest,
    EncryptRequest,
    KeyManagementServiceClient,
)

from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed

# Of each attempt, and of all of them.
TIMEOUT_SECONDS, ALL_SECONDS = 5.0, 15.0
# Without the same data nothing opens, so that no other thing that the key has wrapped does.
AUTHENTICATED = b"conduit encryption key"
_MAX_SHOWN = 200
_NAME = re.compile(
    r"projects/[a-z0-9.:-]+/locations/[a-z0-9-]+/keyRings/[\w-]{1,63}/cryptoKeys/[\w-]{1,63}",
    re.ASCII,
)
# What the library puts before a reason.
_ASKED = re.compile(r"^[A-Z]+ \S+: ")
# What its HTTP raises is an OSError.
_AWAY = if_exception_type(ServiceUnavailable, OSError)
# The polynomial of CRC32C, its bits reversed.
_CASTAGNOLI = 0x82F63B78


class GoogleKms:
    """A symmetric key of Cloud KMS; what it wraps says itself by which version."""

    def __init__(self, name: str, client: Any) -> None:  # noqa: ANN401 # there without the extra, too
        """Take a KeyManagementServiceClient."""
        self._name = name
        self._client = client
        self._retry = Retry(predicate=_AWAY, initial=0.5, maximum=2.0, timeout=ALL_SECONDS)

    @classmethod
    def of(cls, name: str) -> "GoogleKms":
        """Return the key of a resource name. KeyReferenceWrong if it is none, KeyServiceFailed."""
        if _NAME.fullmatch(name) is None:
            raise KeyReferenceWrong(
                f"gcpkms:{name} has no name of a key, such as "
                "gcpkms:projects/company/locations/europe-west3/keyRings/conduit/cryptoKeys/main"
            )
        try:
            # By HTTP: gRPC's threads would be those of a process that begins others.
            return cls(name, KeyManagementServiceClient(transport="rest"))
        except GoogleAuthError as error:
            raise KeyServiceFailed(f"Google KMS cannot be asked: {_line(error)}") from error

    def wrap(self, key: bytes) -> str:
        """Return what KMS makes of the key, in base64."""
        request = EncryptRequest(
            name=self._name,
            plaintext=key,
            additional_authenticated_data=AUTHENTICATED,
            plaintext_crc32c=crc32c(key),
            additional_authenticated_data_crc32c=crc32c(AUTHENTICATED),
        )
        answer = self._asked(self._client.encrypt, request)
        sealed = bytes(answer.ciphertext)
        if not answer.verified_plaintext_crc32c or answer.ciphertext_crc32c != crc32c(sealed):
            raise KeyServiceFailed("Google KMS's answer was altered on its way")
        return base64.b64encode(sealed).decode()

    def unwrap(self, wrapped: str) -> bytes:
        """Return the key of what KMS has made."""
        try:
            blob = base64.b64decode(wrapped, validate=True)
        except binascii.Error:
            raise KeyServiceFailed("what Google KMS is to open is no base64") from None
        request = DecryptRequest(
            name=self._name,
            ciphertext=blob,
            additional_authenticated_data=AUTHENTICATED,
            ciphertext_crc32c=crc32c(blob),
            additional_authenticated_data_crc32c=crc32c(AUTHENTICATED),
        )
        answer = self._asked(self._client.decrypt, request)
        key = bytes(answer.plaintext)
        if answer.plaintext_crc32c != crc32c(key):
            raise KeyServiceFailed("Google KMS's answer was altered on its way")
        return key

    def _asked(self, ask: Any, request: object) -> Any:  # noqa: ANN401 # of the client
        try:
            return ask(request=request, retry=self._retry, timeout=TIMEOUT_SECONDS)
        except GoogleAPICallError as error:
            told = f"{type(error).__name__} {_line(_ASKED.sub('', error.message))}"
            raise KeyServiceFailed(f"Google KMS refuses: {told}") from error
        except (GoogleAPIError, GoogleAuthError, OSError, ValueError) as error:
            raise KeyServiceFailed(f"Google KMS cannot be asked: {type(error).__name__}") from error


def crc32c(data: bytes) -> int:
    """Return the checksum of RFC 3720, appendix B.4."""
    found = 0xFFFFFFFF
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = (found >> 1) ^ (_CASTAGNOLI if found & 1 else 0)
    return found ^ 0xFFFFFFFF


def _line(told: object) -> str:
    return " ".join(str(told).split())[:_MAX_SHOWN]
