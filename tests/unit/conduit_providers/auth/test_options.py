"""The options of strategies, ours and third parties'."""

from pathlib import Path
from pkgutil import iter_modules

import msgspec
import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers import auth
from conduit_providers.auth import has_auth
from conduit_providers.auth.options import (
    OPTIONS,
    AzureOptions,
    HeaderOptions,
    NoOptions,
    auth_options,
)

THIRD_PARTY = """
import msgspec

class Options(msgspec.Struct):
    realm: str = "x"

def signer(auth, secret, target):
    raise NotImplementedError
"""
# Modules of the package that are no strategies.
OTHERS = {"aws_credentials", "options", "secret_files"}


def test_every_strategy_has_its_options() -> None:
    """A catalog file is read without importing the strategy."""
    strategies = {module.name for module in iter_modules(auth.__path__)} - OTHERS
    assert strategies == OPTIONS.keys()
    assert all(auth_options(name) is OPTIONS[name] for name in strategies)
    assert all(map(has_auth, strategies))


@pytest.mark.parametrize("kind", [each for each in OPTIONS if each != "header"])
def test_options_have_defaults(kind: str) -> None:
    """But the name of a header, which nobody can guess; misspelt ones are refused."""
    auth_options(kind)()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"heder": "x"}, auth_options(kind))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({}, HeaderOptions)


def test_azures_options_are_entras_too() -> None:
    """A key tells which of the two it is."""
    found = msgspec.convert({"scope": "s", "name": "k"}, AzureOptions)
    assert (found.scope, found.name, found.authority) == ("s", "k", "")


def test_a_third_partys_options_are_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None, if it has none."""
    package = tmp_path / "acme_options"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "realm.py").write_text(THIRD_PARTY)
    (package / "plain.py").write_text("x = 1")
    monkeypatch.syspath_prepend(tmp_path)
    assert auth_options("acme_options.realm")().realm == "x"  # type: ignore[attr-defined] # its own
    assert auth_options("acme_options.plain") is NoOptions
    with pytest.raises(InvalidRequest, match="cannot be imported"):
        auth_options("acme_options.gone")
