"""The commands that make and restore backups."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conduit_cli.options import data_dir_option
from conduit_cli.terminal import say

if TYPE_CHECKING:
    from conduit_cli.backup import Backup


@click.command()
@click.argument("target", metavar="FILE")
@data_dir_option
def backup(target: str, data_dir: Path) -> None:
    """Copy the data of a gateway into a new FILE, also while it runs.

    FILE may be s3://BUCKET/PREFIX or file:///FOLDER: it is encrypted then, with
    CONDUIT_BACKUP_KEY. `conduit serve` does the same by itself, where CONDUIT_BACKUP_URL is set.
    """
    from conduit_cli.backup import BackupFailed  # noqa: PLC0415 # each starts fast

    try:
        told, has_key = _store(target, data_dir) if "://" in target else _copy(target, data_dir)
    except BackupFailed as error:
        raise click.ClickException(str(error)) from error
    say(told)
    if not has_key:
        say("The encryption key is not among them: it comes from the environment. Keep it.")
    if os.environ.get("CONDUIT_DATABASE_URL"):
        say("Databases in PostgreSQL are not among them: copy them with pg_dump.")


@click.command()
@click.argument("source", metavar="FILE")
@data_dir_option
def restore(source: str, data_dir: Path) -> None:
    """Put the data of a backup into an empty data directory.

    FILE may be s3://BUCKET/PREFIX or file:///FOLDER, whose newest backup is taken, or one of them
    by its name behind that. CONDUIT_BACKUP_KEY opens it.
    """
    from conduit_cli.backup import BackupFailed  # noqa: PLC0415 # as above
    from conduit_cli.backup import restore as run  # noqa: PLC0415 # as above

    try:
        if "://" in source:
            name, made = _fetch(source, data_dir)
            say(f"{name} is restored.")
        elif not Path(source).is_file():
            raise click.UsageError(f"File {source!r} does not exist.")
        else:
            made = run(Path(source), data_dir)
    except BackupFailed as error:
        raise click.ClickException(str(error)) from error
    say(f"{data_dir} has {len(made.files)} files. Start with --data-dir {data_dir}.")
    if not made.has_encryption_key:
        say("The encryption key is not among them: set CONDUIT_ENCRYPTION_KEY to it first.")


def _copy(target: str, data_dir: Path) -> tuple[str, bool]:
    from conduit_cli.backup import back_up  # noqa: PLC0415 # as above

    made = back_up(data_dir, Path(target))
    told = f"{target} holds {len(made.files)} files. Keep it as secret as {data_dir}."
    return told, made.has_encryption_key


def _store(url: str, data_dir: Path) -> tuple[str, bool]:
    from conduit_cli.backups.configuration import URL, backup_settings  # noqa: PLC0415 # as above
    from conduit_cli.backups.schedule import store_backup  # noqa: PLC0415 # as above
    from conduit_cli.backups.stores import StoreFailed  # noqa: PLC0415 # as above
    from conduit_cli.keys import ENCRYPTION, KeyFile  # noqa: PLC0415 # as above

    try:
        settings = backup_settings({**os.environ, URL: url})
        assert settings is not None  # noqa: S101 # the URL is there
        stored = store_backup(data_dir, settings, time.time())
    except (ValueError, StoreFailed, OSError) as error:
        raise click.ClickException(str(error)) from error
    told = f"{stored.name} is stored, {stored.size:,} bytes; older ones removed: "
    told += f"{len(stored.removed)}."
    return told, ENCRYPTION in KeyFile(data_dir).read()


def _fetch(url: str, data_dir: Path) -> "tuple[str, Backup]":
    from conduit_cli.backups.configuration import backup_key  # noqa: PLC0415 # as above
    from conduit_cli.backups.schedule import restore_backup  # noqa: PLC0415 # as above
    from conduit_cli.backups.stores import StoreFailed, is_name, store_of  # noqa: PLC0415 # as above

    place, _, name = url.rpartition("/")
    if not is_name(name):
        place, name = url, ""
    try:
        return restore_backup(store_of(place), name, backup_key(os.environ), data_dir)
    except (ValueError, StoreFailed, OSError) as error:
        raise click.ClickException(str(error)) from error


BACKUP_COMMANDS = (backup, restore)
