"""The commands about the shipped prices. They import what they need when they run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from conduit_cli.options import data_dir_option

if TYPE_CHECKING:
    from conduit_billing.pricing.catalog_file import Change

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def prices() -> None:
    """Show and take over newer prices than the shipped ones; operators' own rules stay."""


@prices.command()
@_file
@data_dir_option
def diff(file: Path, data_dir: Path) -> None:
    """Show how the prices of FILE differ from those in use, and change nothing.

    FILE is the data.json that genai-prices publishes.
    """
    _show(_changes(file, data_dir))


@prices.command()
@_file
@click.option("--yes", is_flag=True, help="Take it over without asking.")
@data_dir_option
def update(file: Path, data_dir: Path, *, yes: bool) -> None:
    """Show how the prices of FILE differ, and use them from the next start of Billing on.

    Operators' rules and the price book win over them as before; charges stay as they were made.
    """
    from conduit_billing.pricing.catalog_file import install  # noqa: PLC0415 # see the top

    found = _changes(file, data_dir)
    _show(found)
    if not found:
        return
    if not yes:
        click.confirm("Use these prices?", abort=True)
    try:
        install(file, data_dir)
    except OSError as error:
        raise click.ClickException(f"They cannot be kept in {data_dir}: {error}") from error
    click.echo(f"Billing uses them once it is started again with {data_dir}.")


def _changes(file: Path, data_dir: Path) -> "list[Change]":
    from conduit_billing.pricing.catalog_file import (  # noqa: PLC0415 # see the top
        CatalogUnreadable,
        catalog_in_use,
        changes,
        read_catalog,
    )

    try:
        return list(changes(catalog_in_use(data_dir), read_catalog(file)))
    except CatalogUnreadable as error:
        raise click.ClickException(str(error)) from error


def _show(found: "list[Change]") -> None:
    for change in found:
        click.echo(f"{change.model} {change.unit}: {change.before or '-'} -> {change.after or '-'}")
    models = len({change.model for change in found})
    told = f"Prices that differ: {len(found)}, of models: {models}."
    click.echo(told if found else "Nothing differs.")
