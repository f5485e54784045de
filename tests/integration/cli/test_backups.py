"""Backups of a gateway that runs, as docs/operating.md tells to make them."""

import base64
import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.gateways import Served, wait_for

from conduit_cli.commands import conduit
from conduit_cli.gateway import Gateway, GatewayError, Json

pytestmark = pytest.mark.slow

ROWS = {
    "registry.db": "SELECT count(*) FROM virtual_keys WHERE name = 'backed up'",
    "billing.db": "SELECT count(*) FROM billing_charges",
}
LISTS = ("providers", "model-provider-mappings", "virtual-keys", "usage/charges", "audit-log")


def copy_files(source: Path, target: Path) -> None:
    """Copy the databases, and nothing beside them, as `cp` does."""
    for path in source.glob("*.db"):
        shutil.copy(path, target)


def copy_online(source: Path, target: Path) -> None:
    """Copy the databases as `sqlite3 FILE ".backup ..."` does, by SQLite's own interface."""
    for path in source.glob("*.db"):
        with (
            contextlib.closing(sqlite3.connect(path)) as running,
            contextlib.closing(sqlite3.connect(target / path.name)) as copied,
        ):
            running.backup(copied)


def is_whole(folder: Path) -> bool:
    """Whether the files have what was made, read without anything beside them."""

    def count(name: str, query: str) -> int:
        address = f"file:{folder / name}?immutable=1"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            try:
                return int(connection.execute(query).fetchone()[0])
            except sqlite3.DatabaseError:
                # A copy made while the file was written.
                return 0

    return all(count(name, query) for name, query in ROWS.items())


def make_everything(admin: Gateway) -> str:
    """Make an instance with a key and an alias, and a virtual key; return that key."""
    simulator = admin.call("GET", "/api/providers")["providers"][0]
    spec = {key: simulator[key] for key in ("providerType", "baseUrl") if simulator.get(key)}
    made = admin.call("POST", "/api/providers", {**spec, "name": "Backed up"})
    admin.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "sk-backed-up"})
    mapping = {"modelAlias": "backed-up", "providerId": made["id"], "actualModelName": "echo"}
    admin.call("POST", "/api/model-provider-mappings", mapping)
    return str(admin.call("POST", "/api/virtual-keys", {"name": "backed up"})["key"])


def say(served: Served, key: str) -> Json:
    """Make one call, once the worker knows the key and the alias; return its answer."""
    caller = Gateway(served.url, {"authorization": f"Bearer {key}"}, 10)

    def is_known() -> bool:
        with contextlib.suppress(GatewayError):
            return "backed-up" in {each["id"] for each in caller.call("GET", "/v1/models")["data"]}
        return False

    wait_for(is_known)
    messages: list[Json] = [{"role": "user", "content": "hello"}]
    return caller.call("POST", "/v1/chat/completions", {"model": "backed-up", "messages": messages})


def everything(served: Served, provider_id: int = 2) -> list[Json]:
    """Return what an administrator sees."""
    admin = served.admin()
    paths = (*LISTS, f"providers/{provider_id}/keys")
    return [admin.call("GET", f"/api/{path}") for path in paths]


@pytest.mark.parametrize("copy", [copy_files, copy_online])
def test_a_backup_has_everything(tmp_path: Path, copy: Callable[[Path, Path], None]) -> None:
    """A quiet gateway's files need nothing beside them; restored, no row is missing."""
    source, target = tmp_path / "source", tmp_path / "backup"
    target.mkdir()
    with Served(source) as first:
        key = make_everything(first.admin())
        say(first, key)

        def is_copied() -> bool:
            copy(source, target)
            return is_whole(target)

        wait_for(is_copied)
        shutil.copy(source / "keys.toml", target)
        before = everything(first)
    with Served(target) as second:
        assert everything(second) == before
        assert say(second, key)["choices"][0]["message"]["content"] == "hello"


def test_a_backup_of_a_gateway_that_runs_is_restored_by_command(tmp_path: Path) -> None:
    """Made right after a call, whose charge Billing may not have yet; nothing is missing."""
    source, target, file = tmp_path / "source", tmp_path / "restored", tmp_path / "backup.zip"
    run = CliRunner().invoke
    with Served(source) as first:
        key = make_everything(first.admin())
        say(first, key)
        made = run(conduit, ["backup", str(file), "--data-dir", str(source)])
        assert made.exit_code == 0, made.output
        refused = run(conduit, ["restore", str(file), "--data-dir", str(source)])
        assert refused.exit_code == 1
        assert "not empty" in refused.output
    restored = run(conduit, ["restore", str(file), "--data-dir", str(target)])
    assert restored.exit_code == 0, restored.output
    with Served(target) as second:
        wait_for(lambda: _charges(second) == 1)
        assert say(second, key)["choices"][0]["message"]["content"] == "hello"


def test_a_backup_that_serve_makes_by_itself_serves_the_same_keys(tmp_path: Path) -> None:
    """On a fresh machine, which has the store and the backups' key, and nothing else."""
    source, target, store = tmp_path / "source", tmp_path / "restored", tmp_path / "store"
    env = {
        "CONDUIT_BACKUP_URL": f"file://{store}",
        "CONDUIT_BACKUP_KEY": base64.b64encode(bytes(32)).decode(),
    }
    with Served(source) as first:
        key = make_everything(first.admin())
        say(first, key)
    with Served(source, **env):
        wait_for(lambda: any(store.glob("*.backup")), 60)
    restored = CliRunner().invoke(
        conduit, ["restore", f"file://{store}", "--data-dir", str(target)], env=env
    )
    assert restored.exit_code == 0, restored.output
    with Served(target) as second:
        wait_for(lambda: _charges(second) == 1)
        assert say(second, key)["choices"][0]["message"]["content"] == "hello"


def test_backups_that_cannot_be_are_told_at_the_start(tmp_path: Path) -> None:
    """Rather than missed on the day when one is needed."""
    with pytest.raises(AssertionError, match="CONDUIT_BACKUP_KEY is missing"):
        Served(tmp_path / "data", CONDUIT_BACKUP_URL=f"file://{tmp_path}/store")


def _charges(served: Served) -> int:
    return len(served.admin().call("GET", "/api/usage/charges")["charges"])
