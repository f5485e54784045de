"""Azure Key Vault, by `azure-keyvault-keys`, as whom `azure-identity` finds the machine to be.

The library shows its token over TLS alone, and to no host but that of the vault that asks for it.

https://learn.microsoft.com/en-us/rest/api/keyvault/keys/unwrap-key/unwrap-key
"""

import base64
import binascii
import re
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.keyvault.keys.crypto import (  # pyright: ignore[reportMissingImports] # an extra
    CryptographyClient,
    KeyWrapAlgorithm,
)

from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed

# Of each attempt; there are three.
CONNECT_SECONDS, READ_SECONDS, RETRIES = 3, 4, 2
ALGORITHM = KeyWrapAlgorithm.rsa_oaep_256
_MAX_SHOWN = 200
_PATH = re.compile(r"[a-z0-9][a-z0-9.-]*/keys/[A-Za-z0-9-]{1,127}", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)


class AzureKeyVault:
    """An RSA key of a vault or of a managed HSM; what it wraps names the version that did."""

    def __init__(self, address: str, credential: Any, **options: Any) -> None:  # noqa: ANN401 # of the library
        """Take the key's address without a version, who asks, and options of the library."""
        self._address = address
        self._credential = credential
        self._options = {
            "connection_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retry_total": RETRIES,
            **options,
        }

    @classmethod
    def of(cls, where: str) -> "AzureKeyVault":
        """Return the key of `HOST/keys/NAME`. KeyReferenceWrong if it is none."""
        if _PATH.fullmatch(where) is None:
            raise KeyReferenceWrong(
                f"azurekeyvault:{where} has no key, such as "
                "azurekeyvault:company.vault.azure.net/keys/conduit"
            )
        return cls(f"https://{where}", DefaultAzureCredential())

    def wrap(self, key: bytes) -> str:
        """Return the version by which it is wrapped now, and what that makes of the key."""
        done = self._asked(self._address, "wrap_key", key)
        version = str(done.key_id).removeprefix(f"{self._address}/")
        if _VERSION.fullmatch(version) is None:
            # What it has wrapped could not be opened once there is another version.
            raise KeyServiceFailed("Key Vault does not say by which version it wraps: grant `get`")
        return f"{version}.{base64.b64encode(done.encrypted_key).decode()}"

    def unwrap(self, wrapped: str) -> bytes:
        """Return the key of what the vault has made."""
        version, _, text = wrapped.partition(".")
        try:
            blob = base64.b64decode(text, validate=True)
        except binascii.Error:
            blob = b""
        if not (blob and _VERSION.fullmatch(version)):
            raise KeyServiceFailed("what Key Vault is to open is no version and base64")
        found = self._asked(f"{self._address}/{version}", "unwrap_key", blob).key
        if not isinstance(found, bytes):
            raise KeyServiceFailed("Key Vault's answer has no key")
        return found

    def _asked(self, address: str, name: str, content: bytes) -> Any:  # noqa: ANN401 # of the library
        try:
            with CryptographyClient(address, self._credential, **self._options) as client:
                return getattr(client, name)(ALGORITHM, content)
        except HttpResponseError as error:
            told = getattr(error.error, "code", None) or ""
            reason = f"status {error.status_code} {told} {_line(error.message)}"
            raise KeyServiceFailed(f"Key Vault refuses: {reason}") from error
        except (AzureError, ValueError) as error:
            raise KeyServiceFailed(f"Key Vault cannot be asked: {_line(error)}") from error


def _line(told: object) -> str:
    return " ".join(str(told).split())[:_MAX_SHOWN]
