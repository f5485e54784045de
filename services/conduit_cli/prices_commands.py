"""The commands about the shipped prices. They import what they need when they run."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conduit_cli.admin_commands import administering
from conduit_cli.options import data_dir_option
from conduit_cli.terminal import say

if TYPE_CHECKING:
    from conduit_billing.pricing.catalog_file import Change
    from conduit_cli.gateway import Gateway

_file = click.argument("source", metavar="FILE")
DIFFERS = 2


@click.group()
def prices() -> None:
    """Show and take over newer prices than the shipped ones; operators' own rules stay."""


@prices.command()
@_file
@click.option("--exit-code", is_flag=True, help="Exit with 2 if any price differs.")
@data_dir_option
def diff(source: str, data_dir: Path, *, exit_code: bool) -> None:
    """Show how the prices of FILE differ from those in use, and change nothing.

    FILE is the data.json that genai-prices publishes, or its https address.
    """
    with _fetched(source) as file:
        found = _changes(file, data_dir)
    _show(found)
    if found and exit_code:
        sys.exit(DIFFERS)


@prices.command()
@_file
@click.option("--yes", is_flag=True, help="Take it over without asking.")
@data_dir_option
def update(source: str, data_dir: Path, *, yes: bool) -> None:
    """Show how the prices of FILE differ, and use them from the next start of Billing on.

    Operators' rules and the price book win over them as before; charges stay as they were made.
    """
    from conduit_billing.pricing.catalog_file import install  # noqa: PLC0415 # see the top

    with _fetched(source) as file:
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
    say(f"Billing uses them once it is started again with {data_dir}.")


@contextmanager
def _fetched(source: str) -> Iterator[Path]:
    from conduit_cli.price_fetching import FetchFailed, as_file  # noqa: PLC0415 # see the top

    try:
        with as_file(source) as file:
            yield file
    except FetchFailed as error:
        raise click.ClickException(str(error)) from error


@prices.command()
@click.option("--from", "start", required=True, help="The first day, such as 2026-11-01, UTC.")
@click.option("--to", "end", required=True, help="The last day.")
@click.option("--provider", type=click.IntRange(1), help="Only charges of this instance.")
@click.option("--model", help="Only of models that the provider calls so; * is any text.")
@click.option("--reason", help="Why, for the audit log.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@administering
def reprice(gateway: "Gateway", start: str, end: str, **given: str | int | bool | None) -> None:
    """Price the charges of a period by the prices that hold for it now.

    What they cost more or less is posted as adjustments; charges stay as they are. Of one that
    broke off the rest is done by the same command once more.
    """
    from conduit_cli.repricing import reprice as reprice_all  # noqa: PLC0415 # see the top

    names = {"provider": "providerId", "model": "modelPattern", "reason": "reason"}
    asked = {names[key]: value for key, value in given.items() if key in names and value}
    is_dry = bool(given.get("dry_run"))
    found = reprice_all(gateway, {"startDate": start, "endDate": end, "dryRun": is_dry, **asked})
    verb = "would be adjusted" if is_dry else "were adjusted"
    say(
        f"Of {found.charges} charges {found.adjusted} {verb}: from ${found.before} to "
        f"${found.after}, ${found.after - found.before:+} in all."
    )
    if found.unpriced:
        say(f"{found.unpriced} have no known price now, and stay as they are.", err=True)


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
        say(f"{change.model} {change.unit}: {change.before or '-'} -> {change.after or '-'}")
    models = len({change.model for change in found})
    told = f"Prices that differ: {len(found)}, of models: {models}."
    say(told if found else "Nothing differs.")
