"""Signing, and keeping the secret."""

from pathlib import Path

import pytest
from tests.support.sending import unsent

from conduit_kernel.errors import InvalidApiKey, SecretUnreadable
from conduit_providers.auth import resolve_secret, signer_for
from conduit_providers.auth.options import BearerOptions, HeaderOptions
from conduit_providers.catalog import load_catalog
from conduit_providers.spec import Auth, ProviderSpec
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

SECRET = "canary-5ecret"
TARGET = Target("P", "Acme", "https://a.example", organization="org-1", project="proj-1")
REQUEST = HttpRequest("GET", "/x", (("a", "b"),))
CATALOG = load_catalog()


def test_bearer_carries_key_and_organization() -> None:
    """Organization and project go where the type has headers for them."""
    options = BearerOptions(organization_header="x-org", project_header="x-proj")
    signed = signer_for(Auth("bearer", "", options=options), SECRET, TARGET).sign(REQUEST)
    assert signed.headers == (
        ("a", "b"),
        ("authorization", f"Bearer {SECRET}"),
        ("x-org", "org-1"),
        ("x-proj", "proj-1"),
    )


def test_header_carries_key_under_its_name() -> None:
    """The option says which header."""
    signer = signer_for(Auth("header", "", options=HeaderOptions(name="api-key")), SECRET, TARGET)
    assert signer.sign(REQUEST).headers[-1] == ("api-key", SECRET)


def test_none_adds_nothing() -> None:
    """A key that nobody asked for stays here."""
    assert signer_for(Auth("none", ""), SECRET, TARGET).sign(REQUEST) == REQUEST


@pytest.mark.parametrize(
    ("kind", "options"),
    [("bearer", BearerOptions()), ("header", HeaderOptions(name="api-key"))],
)
def test_missing_key_matters_only_where_one_is_needed(kind: str, options: object) -> None:
    """Optional keys may be empty; needed ones may not."""
    optional = signer_for(Auth(kind, "", is_optional=True, options=options), "", TARGET)
    assert optional.sign(REQUEST) == REQUEST
    with pytest.raises(InvalidApiKey, match=r"^Invalid API key for provider P$"):
        signer_for(Auth(kind, "", options=options), "", TARGET)


@pytest.mark.parametrize("key", ["a\r\nx: y", "ключ", "a\0b", "a\nb"])
def test_key_that_no_header_can_hold_is_invalid(key: str) -> None:
    """A key cannot smuggle headers, and the error does not quote it."""
    with pytest.raises(InvalidApiKey) as raised:
        signer_for(Auth("bearer", "", options=BearerOptions()), key, TARGET)
    assert key not in str(raised.value)


# Token strategies hold other secrets, and have tests of their own.
STATIC = [spec for spec in CATALOG.specs if spec.auth.kind in {"bearer", "header"}]


@pytest.mark.parametrize("spec", STATIC, ids=lambda spec: spec.name)
async def test_signers_show_no_secret(spec: ProviderSpec) -> None:
    """Neither repr nor str of any such type's signer holds the key."""
    signer = signer_for(spec.auth, SECRET, TARGET)
    assert SECRET not in f"{signer!r} {signer}"
    assert any(SECRET in value for _, value in signer.sign(REQUEST).headers)
    assert signer.is_static
    await signer.refresh(0, unsent)


def read(path: str) -> str:
    """Read a key file."""
    return Path(path).read_text()


def test_secret_is_itself_or_what_it_refers_to(tmp_path: Path) -> None:
    """`env:` and `file:` are resolved, white space around keys is not part of them."""
    file = tmp_path / "key"
    file.write_text(f"{SECRET}\n")
    assert resolve_secret(f" {SECRET} ", {}, read) == SECRET
    assert resolve_secret("env:KEY", {"KEY": f"{SECRET} "}, read) == SECRET
    assert resolve_secret(f"file:{file}", {}, read) == SECRET


@pytest.mark.parametrize(
    "name",
    ["CONDUIT_MASTER_KEY", "conduit_encryption_key", "HTTPS_PROXY", "http_proxy", "PGPASSWORD"],
)
def test_gateways_own_variables_are_no_keys(name: str) -> None:
    """Whoever can add a provider could have them sent to himself."""
    with pytest.raises(SecretUnreadable, match="is no key of a provider") as raised:
        resolve_secret(f"env:{name}", {name: SECRET}, read)
    assert SECRET not in str(raised.value)


def test_missing_reference_is_named_not_quoted(tmp_path: Path) -> None:
    """The error says which variable or file is missing."""
    with pytest.raises(SecretUnreadable, match="KEY"):
        resolve_secret("env:KEY", {"OTHER": SECRET}, read)
    with pytest.raises(SecretUnreadable, match="gone"):
        resolve_secret(f"file:{tmp_path}/gone", {}, read)
