"""The commands that make a configuration file of what another gateway has."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conduit_cli.private_file import open_private
from conduit_cli.terminal import say

if TYPE_CHECKING:
    # What a command imports when it runs, so that each starts fast.
    from conduit_cli.importers.draft import Draft

_MAX_BYTES = 16 * 1024 * 1024


@click.group("import")
def import_group() -> None:
    """Make a configuration file of what another gateway has, and say what has no place in it.

    Nothing is applied: look at the file, then use `conduit config apply`.
    """


def _writing(command: Callable[..., "Draft"]) -> Callable[..., None]:
    """Give a command the option of where its file goes, and write it."""

    @click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        help="The file to write, for its owner alone. Default: standard output.",
    )
    @wraps(command)
    def run(output: Path | None, **asked: object) -> None:
        _write(command(**asked), output)

    return run


_existing = click.Path(exists=True, dir_okay=False, path_type=Path)


@import_group.command()
@click.argument("file", type=_existing)
@click.option(
    "--database",
    envvar="LITELLM_DATABASE_URL",
    help="The address of LiteLLM's database, such as postgresql://user:password@host/litellm: its "
    "keys stay as they are for their holders, in their teams, with their budgets and limits.",
)
@_writing
def litellm(file: Path, database: str | None) -> "Draft":
    """Read FILE, a config.yaml of LiteLLM's, and the keys and teams of its database."""
    import asyncio  # noqa: PLC0415 # see above

    from conduit_cli.importers.litellm import LiteLLMImport  # noqa: PLC0415 # see above
    from conduit_cli.importers.litellm_database import DatabaseUnreadable, read_database  # noqa: PLC0415 # see above

    draft = LiteLLMImport(_read(file), os.environ).run()
    if database:
        try:
            asyncio.run(read_database(database, draft))
        except DatabaseUnreadable as error:
            raise click.ClickException(str(error)) from error
    return draft


@import_group.command()
@click.argument("file", type=_existing)
@_writing
def bifrost(file: Path) -> "Draft":
    """Read FILE, a config.json of Bifrost's."""
    from conduit_cli.importers.bifrost import BifrostImport  # noqa: PLC0415 # see above

    return BifrostImport(_read(file)).run()


@import_group.command()
@click.argument("file", type=_existing)
@click.option("--alias", help="The model that callers ask for in its place. Default: FILE's name.")
@_writing
def portkey(file: Path, alias: str | None) -> "Draft":
    """Read FILE, one config of Portkey's: it becomes a model that callers ask for."""
    from conduit_cli.importers.portkey import PortkeyImport  # noqa: PLC0415 # see above

    return PortkeyImport(_read(file), alias or file.stem).run()


@import_group.command("env")
@click.argument("file", type=_existing, required=False)
@_writing
def environment(file: Path | None) -> "Draft":
    """Read FILE, such as an .env, or this environment: keys under the names that SDKs look for."""
    from conduit_cli.importers.environment import imported, variables_of  # noqa: PLC0415 # see above

    return imported(os.environ if file is None else variables_of(_text(file)))


def _text(path: Path) -> str:
    try:
        # What is no regular file does not say its size.
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise click.ClickException(f"{path} has more than {_MAX_BYTES // 1024**2} MiB.")
        return content.decode("utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise click.ClickException(f"{path} cannot be read: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 # see above

    from conduit_cli.importers.yaml_size import TooMuch, check_size  # noqa: PLC0415 # see above

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = _text(path)
        check_size(text, loader)
        found = yaml.load(text, loader)  # noqa: S506 # a safe one
    except TooMuch as error:
        raise click.ClickException(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise click.ClickException(f"{path} is no YAML or JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.ClickException(f"{path} has no sections.")
    return found


def _write(draft: "Draft", output: Path | None) -> None:
    import yaml  # noqa: PLC0415 # see above

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump(draft.document(), Dumper=dumper, sort_keys=False, allow_unicode=True)
    for note in draft.notes:
        say(note, err=True)
    if output is None:
        say(text, nl=False)
        return
    with open_private(output) as file:
        file.write(text)
