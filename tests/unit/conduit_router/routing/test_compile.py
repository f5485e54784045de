"""What becomes of configured instances, and of those of which nothing can become."""

import importlib
import sys
from pathlib import Path

import pytest
from tests.support.snapshots import (
    ALIAS,
    ENCRYPTION_KEY,
    compile_table,
    compiled,
    key,
    provider,
    snapshot,
)

from conduit.internal.v1.snapshot_pb2 import SnapshotKey
from conduit.v1 import decision_pb2 as pb
from conduit.v1.provider_pb2 import Provider, ProviderSecurity
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.catalog import Catalog, load_catalog
from conduit_providers.operation import Requirements
from conduit_router.routing.compile import Compiler
from conduit_router.routing.decide import decide
from conduit_router.routing.health_view import HEALTHY

TYPE = """
name = "{name}"
display_name = "{name}"
base_url = "https://example.com/{{region}}"
sources = ["https://example.com"]
checked_on = "2026-11-28"

[auth]
kind = "{auth}"
description = "Perhaps a key"
is_optional = true

[[settings]]
name = "region"
description = "Where it is"
is_required = {is_required}
default = "{default}"

[endpoints.chat]
codec = "{codec}"
path = "/chat"

[endpoints.embed]
codec = "openai_embed"
path = "/embed"
"""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """Return a catalog with types that were right when their instances were made."""
    package = tmp_path / "modules" / "broken_dialect"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    modules = {"chat": "from conduit_providers.codecs.openai.chat import CODEC", "auth": ""}
    (package / "signer.py").write_text("def signer(auth, secret, target):\n    raise KeyError\n")
    for name, source in modules.items():
        (package / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    folder = tmp_path / "catalog"
    folder.mkdir()
    usual = {"auth": "bearer", "is_required": "false", "default": "x", "codec": "openai_chat"}
    for name, other in {
        "Demanding": {"is_required": "true", "default": ""},
        "BrokenCodec": {"codec": "broken_dialect.chat"},
        "BrokenAuth": {"auth": "broken_dialect.auth"},
        "BrokenSigner": {"auth": "broken_dialect.signer"},
    }.items():
        text = TYPE.format(name=name, **usual | other)
        (folder / f"{name.lower()}.toml").write_text(text)
    loaded = load_catalog(folder)
    for name in modules:
        # As after an upgrade that went wrong; the source is longer, so that no bytecode is taken.
        (package / f"{name}.py").write_text(
            "raise RuntimeError('half installed, and so no good')\n"
        )
        sys.modules.pop(f"{package.name}.{name}", None)
    importlib.invalidate_caches()
    return loaded


def sealed(text: str) -> SnapshotKey:
    """Return a key of the instance with a text."""
    entry = key(1, 1)
    entry.secret.CopyFrom(Vault(ENCRYPTION_KEY).seal(text, "key_1"))
    return entry


def foreign() -> SnapshotKey:
    """Return a key that only another gateway can open."""
    entry = key(1, 1)
    entry.secret.CopyFrom(Vault(bytes(32)).seal("sk-1", "key_1"))
    return entry


def changed() -> SnapshotKey:
    """Return a key that somebody changed in the database."""
    entry = key(1, 1)
    last = entry.secret.ciphertext[-1]
    entry.secret.ciphertext = entry.secret.ciphertext[:-1] + bytes([last ^ 1])
    return entry


def of_type(name: str, **fields: object) -> Provider:
    """Return the instance, of a type, at the type's address."""
    return provider(1, "", provider_type=name, **fields)


MISCONFIGURED = pb.REJECTION_REASON_MISCONFIGURED
UNREADABLE = pb.REJECTION_REASON_KEY_UNREADABLE


@pytest.mark.parametrize(
    ("instance", "keys", "reason", "detail"),
    [
        (of_type("Nowhere"), [key(1, 1)], pb.REJECTION_REASON_TYPE_UNKNOWN, "provider type"),
        (of_type("Demanding"), [], MISCONFIGURED, "needs the setting 'region'"),
        (of_type("Demanding"), [key(1, 1)], MISCONFIGURED, "needs the setting 'region'"),
        (of_type("BrokenCodec"), [key(1, 1)], MISCONFIGURED, "RuntimeError: half installed"),
        (of_type("BrokenAuth"), [key(1, 1)], MISCONFIGURED, "RuntimeError: half installed"),
        (of_type("BrokenSigner"), [key(1, 1)], MISCONFIGURED, "cannot be set up: KeyError"),
        (
            of_type("OpenAI", security=ProviderSecurity(allowed_ips=["10.0.0.0/99"])),
            [key(1, 1)],
            MISCONFIGURED,
            "'10.0.0.0/99', which is no network",
        ),
        (of_type("OpenAI"), [foreign()], UNREADABLE, "another encryption key"),
        (of_type("OpenAI"), [changed()], UNREADABLE, "was changed"),
        (of_type("OpenAI"), [sealed("env:NOT_THERE")], UNREADABLE, "variable NOT_THERE"),
        (of_type("OpenAI"), [sealed("env:CONDUIT_MASTER_KEY")], UNREADABLE, "is no key of"),
        (of_type("OpenAI"), [sealed("file:/not/there")], UNREADABLE, "/not/there cannot be read"),
        (of_type("OpenAI"), [sealed("sk\u00fc")], UNREADABLE, "Invalid API key"),
    ],
)
def test_instance_that_cannot_be_used_is_explained(
    catalog: Catalog,
    instance: Provider,
    keys: list[SnapshotKey],
    reason: pb.RejectionReason.ValueType,
    detail: str,
) -> None:
    """Its alias says why; the instance beside it serves on."""
    source = snapshot([instance, provider(2)], keys=[*keys, key(2, 2)])
    env = {"CONDUIT_MASTER_KEY": "m"}
    compiler = Compiler(catalog, Vault(ENCRYPTION_KEY), env)
    table = compile_table(SnapshotState.of(source), compiler)
    decision = decide(table.routes[ALIAS], Requirements(ALIAS, "chat"), HEALTHY, 1)
    assert [c.candidate.provider_id for c in decision.candidates] == [2]
    why = decision.rejections[0]
    assert (why.provider_id, why.provider_name, why.reason) == (1, "provider-1", reason)
    assert detail in why.detail


def test_key_that_cannot_be_used_leaves_its_siblings() -> None:
    """Only that key is left out, with its name."""
    [instance] = compiled(snapshot([provider(1)], keys=[foreign(), key(2, 1)])).instances.values()
    assert [k.key_id for k in instance.keys] == ["key_2"]
    assert [(r.key_id, r.reason) for r in instance.rejections] == [("key_1", UNREADABLE)]


def test_codec_that_cannot_be_imported_takes_its_operation_only(catalog: Catalog) -> None:
    """Embeddings go on where chats cannot; once the module is mended, chats do, too."""
    instance = of_type("BrokenCodec")
    compiler = Compiler(catalog, Vault(ENCRYPTION_KEY), {})
    source = snapshot([instance, provider(2)], keys=[key(1, 1), key(2, 2)])
    table = compile_table(SnapshotState.of(source), compiler)
    route = table.routes[ALIAS]
    found = {}
    for operation in ("chat", "embed"):
        decision = decide(route, Requirements(ALIAS, operation), HEALTHY, 1)
        found[operation] = sorted(c.candidate.provider_id for c in decision.candidates)
        assert len(decision.rejections) == 2 - len(found[operation])
    assert found == {"chat": [2], "embed": [1, 2]}
    again = compile_table(SnapshotState.of(source), compiler).instances
    assert again[1] is not table.instances[1]
    assert again[2] is table.instances[2]
