"""The keys of a gateway, as a key service has wrapped them."""

import base64
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.key_files import key_file
from tests.support.vault_service import vault_service

from conduit_cli.commands import conduit
from conduit_cli.key_services.reference import with_keys
from conduit_cli.key_services.service import KeyReferenceWrong
from conduit_cli.key_services.wrapping import references
from conduit_cli.keys import KeyFile

ONE, TWO = bytes(range(32)), bytes(range(1, 33))
NAME = "vault:transit/conduit"


def plain(key: bytes) -> str:
    """Return a key as it is configured."""
    return base64.b64encode(key).decode()


def test_the_files_keys_are_wrapped_and_open_to_the_same(tmp_path: Path) -> None:
    """Former ones as well: hashes of virtual keys need them."""
    with vault_service() as service:
        found = references(NAME, key_file(tmp_path, TWO, ONE), service.environment)
        opened = with_keys(service.environment | found)
    assert opened["CONDUIT_ENCRYPTION_KEY"] == plain(TWO)
    assert opened["CONDUIT_FORMER_ENCRYPTION_KEYS"] == plain(ONE)
    assert not any(plain(key) in str(found) for key in (ONE, TWO))


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    """As where the gateway starts."""
    with vault_service() as service:
        env = service.environment | {"CONDUIT_ENCRYPTION_KEY": plain(ONE)}
        found = references(NAME, key_file(tmp_path, TWO), env)
        assert with_keys(env | found)["CONDUIT_ENCRYPTION_KEY"] == plain(ONE)
        for key in (found["CONDUIT_ENCRYPTION_KEY"], "short", plain(b"short")):
            with pytest.raises(KeyReferenceWrong):
                references(NAME, KeyFile(tmp_path), env | {"CONDUIT_ENCRYPTION_KEY": key})


def test_the_command_prints_variables_alone(tmp_path: Path) -> None:
    """To be taken by a shell; what to do with them goes to who reads."""
    with vault_service() as service:
        words = ["keys", "wrap", NAME, "--data-dir", str(tmp_path)]
        found = CliRunner().invoke(conduit, words, env=service.environment)
        assert found.exit_code == 0
        name, _, value = found.stdout.strip().partition("=")
        key = with_keys(service.environment | {name: value})[name]
    assert len(base64.b64decode(key)) == 32
    assert key not in found.output
    refused = CliRunner().invoke(conduit, words, env={"VAULT_ADDR": "http://10.0.0.1"})
    assert refused.exit_code == 1
    assert "VAULT_TOKEN is not set" in refused.output
