"""Checks a file without any gateway, by what a fresh one would say of it."""

import asyncio
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

from conduit_cli.configuration.file import COSTS, ConfigFile, FileProblems, Problem
from conduit_cli.configuration.listed import KINDS, changes_of
from conduit_kernel.audit.author import Author
from conduit_kernel.database import open_database
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.secrets import KEY_BYTES, Vault
from conduit_kernel.settings import Settings
from conduit_providers.auth.secret_files import SecretFiles
from conduit_providers.catalog import load_catalog
from conduit_registry.bootstrap import MIGRATIONS
from conduit_registry.configuration import document
from conduit_registry.configuration.editor import Editor
from conduit_registry.configuration.importing import Import
from conduit_registry.configuration.plan import plan_of
from conduit_registry.configuration.problems import Problems
from conduit_registry.rules.addresses import Addresses
from conduit_registry.store import BulkTransaction, Store

# Of keys without a value: a gateway may have it already.
_SOME_KEY = "env:KEY"
# A gateway has its own one, wherever that listens.
_SIMULATOR = {"Simulator": "http://127.0.0.1:50055/v1"}
_ANYWHERE = Path("/")


def problems_of(file: ConfigFile) -> list[Problem]:
    """Return all that is wrong with a file, as far as nobody has to be asked for it."""
    found = asyncio.run(_registry_problems(file)) if file.sections else []
    ids = {name.strip().casefold(): 1 for name in file.provider_names}
    if "providers" not in file.sections:
        # They may be in the gateway.
        costs = file.listed.get(COSTS, ())
        ids |= {str(each.get("provider", "")).strip().casefold(): 1 for each in costs}
    for kind in KINDS:
        try:
            changes_of(kind, file.listed.get(kind.section, []), [], ids, prunes=False)
        except FileProblems as error:
            found += error.problems
    return found


async def _registry_problems(file: ConfigFile) -> list[Problem]:
    problems = Problems(collects=True)
    try:
        wanted = _with_keys(document.read(file.registry_document))
    except InvalidRequest as error:
        return [Problem(error.metadata.get("field", "").removeprefix("yaml"), error.message)]
    catalog = load_catalog(base_urls=_SIMULATOR)
    with tempfile.TemporaryDirectory() as folder:
        plan = await plan_of(wanted, catalog, Addresses(allow_private=True), problems)
        key = secrets.token_bytes(KEY_BYTES)
        settings = Settings(data_dir=Path(folder), master_key=key.hex(), encryption_key=key)
        engine = await open_database(settings, "registry", MIGRATIONS)
        try:
            vault = Vault(key)
            store = Store(engine, time.time, vault)
            async with store.rehearse(Author("validation", ""), BulkTransaction) as changing:
                editor = Editor(
                    changing,
                    catalog=catalog,
                    vault=vault,
                    secret_files=SecretFiles([_ANYWHERE]),
                )
                work = Import(editor, plan, is_rehearsal=True, problems=problems)
                await work.run()
        finally:
            await engine.dispose()
    return [Problem(each.path, each.message) for each in problems.found]


def _with_keys(sections: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    for provider in sections.get("providers", ()):
        keys = provider.get("keys")
        for key in keys if isinstance(keys, list) else ():
            if isinstance(key, dict):
                key.setdefault("apiKey", _SOME_KEY)
    return sections
