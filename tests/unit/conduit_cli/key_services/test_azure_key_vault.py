"""Encryption keys that Azure Key Vault has wrapped, by Azure's library.

The server answers as the API's reference says, and as the library reads it, over TLS, as it sends
its token no other way; `make kms` installs the library.
"""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from tests.support.blocking_server import Answered, Asked, blocking_server
from tests.support.http_tls import Certificate

from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed

pytest.importorskip("azure.keyvault.keys", reason="`make kms` installs it")

from conduit_cli.key_services.azure_key_vault import AzureKeyVault

KEY = bytes(range(32))
TOKEN = "token-of-the-machine"  # of the test's own server
JSON = {"content-type": "application/json"}
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class Vault:
    """A vault with one key, of versions by name."""

    def __init__(self) -> None:
        self.address = ""
        self.versions = {"v1": rsa.generate_private_key(65537, 2048)}
        self.asked: list[Asked] = []
        self.may_get = True
        # Answers that come first, to those who show a token.
        self.first: list[Answered] = []

    def __call__(self, asked: Asked) -> Answered:
        """Answer a request."""
        self.asked.append(asked)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            challenge = (
                'Bearer authorization="https://login.microsoftonline.com/tenant", '
                'resource="https://vault.azure.net"'
            )
            return _refused(401, "Unauthorized", {"www-authenticate": challenge})
        if self.first:
            return self.first.pop(0)
        match asked.path.partition("?")[0].strip("/").split("/"):
            case ["keys", "conduit"]:
                return self._shown()
            case ["keys", "conduit", version, *rest] if version in self.versions:
                if not rest:
                    return self._shown(version)
                return self._unwrapped(version, json.loads(asked.body))
            case _:
                return _refused(404, "KeyNotFound")

    def _shown(self, version: str = "") -> Answered:
        if not self.may_get:
            return _refused(403, "Forbidden")
        version = version or list(self.versions)[-1]
        numbers = self.versions[version].public_key().public_numbers()
        key = {
            "kid": f"https://{self.address}/keys/conduit/{version}",
            "kty": "RSA",
            "key_ops": ["wrapKey", "unwrapKey"],
            "n": _text(numbers.n.to_bytes(256)),
            "e": _text(numbers.e.to_bytes(3)),
        }
        return 200, JSON, json.dumps({"key": key, "attributes": {"enabled": True}}).encode()

    def _unwrapped(self, version: str, given: dict[str, Any]) -> Answered:
        assert given["alg"] == "RSA-OAEP-256"
        sealed = base64.urlsafe_b64decode(given["value"] + "==")
        try:
            plain = self.versions[version].decrypt(sealed, OAEP)
        except ValueError:
            return _refused(400, "BadParameter")
        kid = f"https://{self.address}/keys/conduit/{version}"
        return 200, JSON, json.dumps({"kid": kid, "value": _text(plain)}).encode()


def _refused(status: int, code: str, fields: dict[str, str] | None = None) -> Answered:
    error = {"error": {"code": code, "message": "not you"}}
    return status, JSON | (fields or {}), json.dumps(error).encode()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Machine:
    """Who asks: as Entra would say."""

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        """Return a token for what the vault named."""
        assert scopes == ("https://vault.azure.net/.default",)
        return AccessToken(TOKEN, int(time.time()) + 3600)


@pytest.fixture
def vault() -> Vault:
    """Return what answers."""
    return Vault()


@pytest.fixture
def key(vault: Vault, tmp_path: Path) -> Iterator[AzureKeyVault]:
    """Run it; return its key."""
    certificate = Certificate(tmp_path)
    with blocking_server(vault, certificate.server()) as address:
        vault.address = address
        yield AzureKeyVault(
            f"https://{address}/keys/conduit",
            Machine(),
            # The test's own authority and name.
            connection_verify=str(certificate.ca_file),
            verify_challenge_resource=False,
            retry_backoff_factor=0,
        )


def test_a_key_comes_back_from_the_vault_that_wrapped_it(vault: Vault, key: AzureKeyVault) -> None:
    """It is wrapped by the vault's public key, and opened by the vault alone."""
    wrapped = key.wrap(KEY)
    assert wrapped.startswith("v1.")
    assert key.unwrap(wrapped) == KEY
    [unwrapping] = [each for each in vault.asked if each.body]
    assert unwrapping.path.startswith("/keys/conduit/v1/unwrapkey")
    assert base64.b64encode(KEY) not in unwrapping.body


def test_a_key_opens_by_the_version_that_wrapped_it(vault: Vault, key: AzureKeyVault) -> None:
    """Also when there is a newer one: vaults rotate keys by themselves."""
    wrapped = key.wrap(KEY)
    vault.versions["v2"] = rsa.generate_private_key(65537, 2048)
    assert key.unwrap(wrapped) == KEY
    assert key.wrap(KEY).startswith("v2.")
    with pytest.raises(KeyServiceFailed, match="status 400 BadParameter"):
        key.unwrap(wrapped.replace("v1.", "v2."))


def test_a_version_that_is_not_known_wraps_nothing(vault: Vault, key: AzureKeyVault) -> None:
    """What it wraps could not be opened after the next rotation."""
    vault.may_get = False
    with pytest.raises(KeyServiceFailed):
        key.wrap(KEY)


def test_no_token_is_shown_to_who_asks_for_another_resource(vault: Vault, tmp_path: Path) -> None:
    """A host that is no vault could use it at one."""
    folder = tmp_path / "other"
    folder.mkdir()
    certificate = Certificate(folder)
    with blocking_server(vault, certificate.server()) as address:
        verify = str(certificate.ca_file)
        strange = AzureKeyVault(
            f"https://{address}/keys/conduit", Machine(), connection_verify=verify
        )
        with pytest.raises(KeyServiceFailed, match="does not match the requested domain"):
            strange.wrap(KEY)
    assert all("authorization" not in each.headers for each in vault.asked)


def test_nothing_is_shown_in_clear(vault: Vault) -> None:
    """The token would be anybody's."""
    with blocking_server(vault) as address:
        plain = AzureKeyVault(f"http://{address}/keys/conduit", Machine())
        with pytest.raises(KeyServiceFailed, match="non-TLS"):
            plain.wrap(KEY)
    assert vault.asked == []


@pytest.mark.parametrize(("status", "code"), [(403, "Forbidden"), (404, "KeyNotFound")])
def test_a_refusal_is_told_at_once(
    vault: Vault, key: AzureKeyVault, status: int, code: str
) -> None:
    """With the vault's reason, and without the machine's token."""
    wrapped = key.wrap(KEY)
    vault.first = [_refused(status, code)] * 2
    with pytest.raises(KeyServiceFailed, match=f"status {status} {code}") as refused:
        key.unwrap(wrapped)
    assert TOKEN not in str(refused.value)


def test_a_vault_that_is_away_is_asked_again(vault: Vault, key: AzureKeyVault) -> None:
    """It is back soon, mostly."""
    wrapped = key.wrap(KEY)
    vault.first = [_refused(503, "ServiceUnavailable")]
    assert key.unwrap(wrapped) == KEY


@pytest.mark.parametrize("wrapped", ["", "v1", "v1.", "v1.AQ%", ".AAAA", "../v1.AAAA", "v1/x.AAAA"])
def test_what_is_no_wrapped_key_is_not_sent(vault: Vault, key: AzureKeyVault, wrapped: str) -> None:
    """A reference that was cut, perhaps; nothing of it leads elsewhere."""
    with pytest.raises(KeyServiceFailed, match="no version and base64"):
        key.unwrap(wrapped)
    assert vault.asked == []


@pytest.mark.parametrize(
    "where",
    [
        "",
        "company.vault.azure.net",
        "https://company.vault.azure.net/keys/conduit",
        "company.vault.azure.net/keys/conduit/v1",
        "company.vault.azure.net/secrets/conduit",
        "user@company.vault.azure.net/keys/conduit",
        "company.vault.azure.net\\@evil.example/keys/conduit",
        "company.vault.azure.net/keys/conduit?x=1",
    ],
)
def test_what_is_no_key_of_a_vault_is_told(where: str) -> None:
    """A version would wrap with a key that is not rotated."""
    with pytest.raises(KeyReferenceWrong, match="has no key"):
        AzureKeyVault.of(where)


def test_a_key_of_a_vault_is_known_by_its_host() -> None:
    """Nobody is asked before it is used."""
    assert AzureKeyVault.of("company.vault.azure.net/keys/conduit")
