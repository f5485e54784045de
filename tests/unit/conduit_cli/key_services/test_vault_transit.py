"""Encryption keys that Vault's transit engine has wrapped."""

import json

import pytest
from tests.support.vault_service import TOKEN, VaultService, vault_service

from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed
from conduit_cli.key_services.vault_transit import PAUSES, VaultTransit

KEY = bytes(range(32))


def key_of(service: VaultService, waits: list[float] | None = None, **more: str) -> VaultTransit:
    """Return the key of a service, which waits as a list notes."""
    return VaultTransit(
        service.url,
        more.pop("token", TOKEN),
        "transit",
        more.pop("key", "conduit"),
        pause=(waits if waits is not None else []).append,
        **more,
    )


def test_a_key_comes_back() -> None:
    """By the paths and members of the documentation, with the namespace where there is one."""
    with vault_service() as service:
        vault = key_of(service, namespace="team")
        wrapped = vault.wrap(KEY)
        assert wrapped.startswith("vault:v1:")
        assert vault.unwrap(wrapped) == KEY
    paths = [each.path for each in service.asked]
    assert paths == ["/v1/transit/encrypt/conduit", "/v1/transit/decrypt/conduit"]
    assert {each.headers["x-vault-namespace"] for each in service.asked} == {"team"}


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"{}", "has no plaintext"),
        (200, b'{"data": {"plaintext": 3}}', "has no plaintext"),
        (200, b'{"data": {"plaintext": "%%"}}', "no base64"),
        (200, b"\xff", "has no plaintext"),
        (200, b"[" * 100_000, "has no plaintext"),
        (400, b'{"errors": ["invalid ciphertext"]}', "status 400: invalid ciphertext"),
        (403, b'{"errors": []}', "status 403"),
        (404, b"<html>", "status 404"),
    ],
)
def test_what_is_no_key_is_told_at_once(status: int, body: bytes, told: str) -> None:
    """It would be the same a second later."""
    waits: list[float] = []
    with vault_service() as service:
        service.first = [(status, body, "")]
        with pytest.raises(KeyServiceFailed, match=told):
            key_of(service, waits).unwrap("vault:v1:AAAA")
    assert (len(service.asked), waits) == (1, [])


def test_what_is_away_for_a_moment_is_asked_again() -> None:
    """As while it is unsealed, or another node takes over; then it is told."""
    waits: list[float] = []
    sealed = (503, b'{"errors": ["Vault is sealed"]}', "")
    with vault_service() as service:
        vault = key_of(service, waits)
        wrapped = vault.wrap(KEY)
        service.first = [sealed, sealed]
        assert vault.unwrap(wrapped) == KEY
        service.first = [sealed] * 3
        with pytest.raises(KeyServiceFailed, match="Vault is sealed"):
            vault.unwrap(wrapped)
    assert waits == [*PAUSES, *PAUSES]
    with pytest.raises(KeyServiceFailed, match="cannot be reached"):
        vault.unwrap(wrapped)


def test_the_token_goes_nowhere_else() -> None:
    """Where an answer says that it is elsewhere, nobody follows."""
    with vault_service() as other, vault_service() as service:
        service.first = [(307, b"", f"{other.url}/v1/transit/decrypt/conduit")]
        with pytest.raises(KeyServiceFailed, match="status 307"):
            key_of(service).unwrap("vault:v1:AAAA")
    assert other.asked == []


def test_no_secret_is_told() -> None:
    """Neither the token nor what was to be opened, whatever is refused."""
    with vault_service() as service:
        long = json.dumps({"errors": ["x" * 10_000]}).encode()
        service.first = [(400, long, "")]
        for token in ("wrong-token", TOKEN):
            with pytest.raises(KeyServiceFailed) as refused:
                key_of(service, token=token).unwrap("vault:v1:c2VjcmV0")
            assert len(str(refused.value)) < 300
            assert not any(each in str(refused.value) for each in (token, "c2VjcmV0"))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://vault.example:8200", "in clear"),
        ("http://10.0.0.1:8200", "in clear"),
        ("ftp://127.0.0.1", "not an http"),
        ("https://user:word@vault.example", "not an http"),
        ("127.0.0.1:8200", "not an http"),
        ("", "not set"),
    ],
)
def test_an_address_that_would_give_the_token_away_is_refused(address: str, told: str) -> None:
    """Before anything is sent."""
    with pytest.raises(KeyReferenceWrong, match=told):
        VaultTransit.of("transit/conduit", {"VAULT_ADDR": address, "VAULT_TOKEN": TOKEN})


@pytest.mark.parametrize(
    "where", ["", "conduit", "/conduit", "transit/", "a/../b", "tran sit/key", "a/b?c", "a/%2e/b"]
)
def test_a_key_has_a_plain_path(where: str) -> None:
    """It becomes a part of a URL."""
    with pytest.raises(KeyReferenceWrong, match="MOUNT/KEY"):
        VaultTransit.of(where, {"VAULT_ADDR": "http://127.0.0.1", "VAULT_TOKEN": TOKEN})
