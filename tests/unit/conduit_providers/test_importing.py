"""Modules that cannot be imported, wherever they are named."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.descriptors import no_descriptors

from conduit_kernel.errors import InvalidRequest, ServiceUnavailable
from conduit_providers.auth import has_auth, signer_for
from conduit_providers.auth.options import auth_options
from conduit_providers.catalog.codec_types import codec_types
from conduit_providers.codecs import codec_named, has_codec
from conduit_providers.spec import Auth
from conduit_providers.target import Target

TARGET = Target("P", "Acme", "https://a.example")
RAISING = "the module 'acme_broken.module' cannot be imported (LookupError: no licence)"


def sign(name: str) -> object:
    """Make a signer of a strategy."""
    return signer_for(Auth(name, "", options=()), "sk", TARGET)


NAMING: list[Callable[[str], object]] = [
    codec_named,
    sign,
    auth_options,
    lambda name: codec_types("chat", name),
]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a package of a third party's."""
    made = tmp_path / "acme_broken"
    made.mkdir()
    (made / "__init__.py").touch()
    (made / "empty.py").touch()
    (made / "module.py").write_text("raise LookupError('no licence')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, made.name, raising=False)
    return made


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("use", NAMING)
def test_module_that_raises_is_refused_with_the_cause(use: Callable[[str], object]) -> None:
    """By the same words in each place, as an error that a caller can be told."""
    with pytest.raises(InvalidRequest) as raised:
        use("acme_broken.module")
    assert raised.value.message == RAISING


@pytest.mark.parametrize("has", [has_codec, has_auth])
def test_package_that_raises_is_refused_with_the_cause(
    package: Path, has: Callable[[str], bool]
) -> None:
    """Looking for a module imports what it is in."""
    assert has("acme_broken.module")
    sys.modules.pop(package.name)
    (package / "__init__.py").write_text("raise LookupError('no licence')\n")
    with pytest.raises(InvalidRequest, match="LookupError: no licence"):
        has("acme_broken.module")


def test_module_that_cannot_be_read_now_is_no_fault_of_its_own(package: Path) -> None:
    """Without a descriptor nothing can be imported; with one it is, though it was refused once."""
    (package / "codec.py").write_text("CODEC = 1\n")
    with no_descriptors(), pytest.raises(ServiceUnavailable, match="no means left to load"):
        codec_named("acme_broken.codec")
    assert codec_named("acme_broken.codec") == 1


@pytest.mark.usefixtures("package")
def test_module_without_what_it_must_have_is_refused() -> None:
    """The error names what is missing."""
    with pytest.raises(InvalidRequest, match=r"'acme_broken\.empty' has no 'CODEC'"):
        codec_named("acme_broken.empty")
    with pytest.raises(InvalidRequest, match=r"'acme_broken\.empty' has no 'signer'"):
        sign("acme_broken.empty")
