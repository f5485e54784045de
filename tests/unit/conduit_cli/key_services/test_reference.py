"""References to encryption keys, in the place of keys."""

import base64
import sys

import pytest
from tests.support.vault_service import TOKEN, VaultService, vault_service

from conduit_cli.key_services.reference import (
    is_reference,
    opened,
    reference,
    service_of,
    with_keys,
)
from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
NAME = "vault:transit/conduit"


def referred(service: VaultService, key: bytes = KEY) -> str:
    """Return a reference to a key."""
    return reference(NAME, service_of(NAME, service.environment), key)


def test_a_reference_stands_for_its_key() -> None:
    """It names the service, and has the key as that alone can open it."""
    with vault_service() as service:
        text = referred(service)
        assert text.startswith(f"{NAME}:vault:v1:")
        assert (is_reference(text), is_reference(base64.b64encode(KEY).decode())) == (True, False)
        assert base64.b64decode(opened(text, service.environment)) == KEY


def test_an_environment_gets_keys_in_the_place_of_references() -> None:
    """Former ones as well, beside plain ones; what opens them is not handed on."""
    plain = base64.b64encode(OTHER).decode()
    with vault_service() as service:
        env = {
            **service.environment,
            "CONDUIT_ENCRYPTION_KEY": referred(service),
            "CONDUIT_FORMER_ENCRYPTION_KEYS": f"{plain}, {referred(service, OTHER)}",
            "OTHER": "1",
        }
        found = with_keys(env)
    assert found == {
        "VAULT_ADDR": service.url,
        "CONDUIT_ENCRYPTION_KEY": base64.b64encode(KEY).decode(),
        "CONDUIT_FORMER_ENCRYPTION_KEYS": f"{plain},{plain}",
        "OTHER": "1",
    }


def test_an_environment_without_references_stays_as_it_is() -> None:
    """Nobody is asked, and nothing is taken out."""
    plain = base64.b64encode(KEY).decode()
    for env in (
        {},
        {"VAULT_TOKEN": TOKEN},
        {"CONDUIT_ENCRYPTION_KEY": plain, "CONDUIT_FORMER_ENCRYPTION_KEYS": f"{plain},"},
    ):
        assert with_keys(env) is env


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [
        ("gcpkms:projects/a", "google.cloud.kms_v1", "google-kms"),
        ("azurekeyvault:a.vault.azure.net/keys/b", "azure.keyvault.keys.crypto", "azure-key-vault"),
    ],
)
def test_a_library_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, library: str, extra: str
) -> None:
    """With what installs it."""
    for own in ("google_kms", "azure_key_vault"):
        monkeypatch.delitem(sys.modules, f"conduit_cli.key_services.{own}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(KeyReferenceWrong, match=rf"pip install 'conduit-suite\[{extra}\]'"):
        service_of(name, {})


def test_a_key_of_another_length_is_none() -> None:
    """Somebody else's secret, perhaps, that the same service has wrapped."""
    with vault_service() as service:
        text = f"{NAME}:{service_of(NAME, service.environment).wrap(b'short')}"
        with pytest.raises(KeyServiceFailed, match="5 bytes"):
            opened(text, service.environment)


def test_a_service_that_does_not_give_back_what_it_took_is_refused() -> None:
    """Before anything is sealed with a key that would be lost."""
    with vault_service() as service:
        other = service_of(NAME, service.environment).wrap(OTHER)
        answer = b'{"data": {"ciphertext": "%s"}}' % other.encode()
        service.first = [(200, answer, "")]
        with pytest.raises(KeyServiceFailed, match="does not give back"):
            referred(service)


@pytest.mark.parametrize("name", ["gcp:x", "vault", "", "awskms:conduit", "awskms:arn:aws:s3:::a"])
def test_a_service_that_is_none_is_told(name: str) -> None:
    """With what there is."""
    with pytest.raises(KeyReferenceWrong, match=r"vault:|awskms:|gcpkms:|azurekeyvault:"):
        service_of(name, {"VAULT_ADDR": "http://127.0.0.1", "VAULT_TOKEN": TOKEN})
