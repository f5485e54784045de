"""The commands that administer a running gateway: audit, keys, usage."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from conduit_cli.caller_commands import told
from conduit_cli.options import data_dir_option
from conduit_cli.private_file import open_private
from conduit_cli.terminal import printed, say

if TYPE_CHECKING:
    # What a command imports when it runs, so that each starts fast.
    from conduit_cli.gateway import Gateway

_FILTERS = {
    "actor": "Such as `master-key` or `administrator/1`.",
    "action": "Such as `Deleted`, or `Refused` for logins.",
    "resource-kind": "Such as `provider`, `model_cost` or `login`.",
    "since": "A time such as 2026-11-30T00:00:00Z: from then on.",
    "until": "A time: from before then.",
}


def administering(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options by which a gateway is found, and tell its errors in one line."""

    @click.option("--url", help="Where the gateway is. Default: CONDUIT_URL, else the local one.")
    @click.option(
        "--key",
        help="The master key or an administrator's token. Default: CONDUIT_MASTER_KEY, else the "
        "local one.",
    )
    @data_dir_option
    @wraps(command)
    def run(url: str | None, key: str | None, data_dir: Path, **asked: object) -> None:
        from conduit_cli.audit_log import NoCredential, find_gateway  # noqa: PLC0415 # as above
        from conduit_cli.keys import KeysUnusable  # noqa: PLC0415 # as above

        try:
            gateway = find_gateway(url, key, data_dir, os.environ)
        except (NoCredential, KeysUnusable, ValueError) as error:
            raise click.ClickException(str(error)) from error
        with told(gateway):
            command(gateway, **asked)

    return run


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    for name, text in reversed(_FILTERS.items()):
        command = click.option(f"--{name}", help=text)(command)
    return command


@click.group()
def audit() -> None:
    """Read and verify the audit log of a running gateway."""


@audit.command()
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A former export: whether the log still has its newest line.",
)
@administering
def verify(gateway: "Gateway", against: Path | None) -> None:
    """Say whether any line was taken out, changed or added. The exit code is 1 if one was."""
    from conduit_cli.audit_log import mark_of, problem_of  # noqa: PLC0415 # as above

    mark = None
    if against is not None:
        try:
            mark = mark_of(against)
        except (ValueError, KeyError, TypeError) as error:
            raise click.ClickException(f"{against} is no export of an audit log") from error
    problem, found = problem_of(gateway, mark)
    if problem:
        raise click.ClickException(f"The audit log is not whole: {problem}.")
    say(
        f"The audit log is whole: {found.get('entries')} lines, the last of revision "
        f"{found.get('lastRevision')} with the hash {found.get('headHash')}."
    )


@audit.command()
@_filtered
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, for its owner alone. Default: standard output.",
)
@administering
def export(gateway: "Gateway", output: Path | None, **filters: str | None) -> None:
    """Write the audit log as JSON Lines, newest first."""
    from conduit_cli.audit_log import lines  # noqa: PLC0415 # as above

    wanted = {_camel(name): value for name, value in filters.items() if value}
    with opened(output) as file:
        for line in lines(gateway, wanted):
            file.write(f"{json.dumps(line, ensure_ascii=False)}\n")


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


@contextmanager
def opened(path: Path | None) -> Iterator[TextIO]:
    """Open a file for its owner alone, or standard output."""
    if path is None:
        yield printed()
        return
    with open_private(path) as file:
        yield file


@click.group()
def keys() -> None:
    """Change the key that everything else is sealed with."""


@keys.command()
@administering
def rewrap(gateway: "Gateway") -> None:
    """Make a new encryption key and wrap all providers' keys with it, while calls go on.

    Breaks off where it must; called again, it first finishes what was begun.
    """
    from conduit_cli.keys import KeyFile, KeysUnusable  # noqa: PLC0415 # as above
    from conduit_cli.rewrapping import OtherKeyInUse, change_key  # noqa: PLC0415 # as above

    key_file = KeyFile(click.get_current_context().params["data_dir"])
    try:
        done = change_key(gateway, key_file)
    except (KeysUnusable, OtherKeyInUse) as error:
        raise click.ClickException(str(error)) from error
    what = "What was begun before is finished" if done.was_begun else "There is a new key"
    say(f"{what}: {done.rewrapped} providers' keys are wrapped with {done.encryption_key_id}.")
    if done.unreadable:
        say(f"{done.unreadable} could not be read, and stay as they are; the log has them.")
    say(f"Keep a copy of {key_file.path}: virtual keys made before need the former ones.")


@keys.command()
@click.argument("service")
@data_dir_option
def wrap(service: str, data_dir: Path) -> None:
    """Have a key service wrap the encryption key.

    SERVICE is vault:MOUNT/KEY, awskms:ARN, gcpkms:projects/.../cryptoKeys/KEY or
    azurekeyvault:HOST/keys/KEY; the last two take a library more (see docs/operating.md).

    Prints what to set in the key's place. Without an encryption key a new one is made.
    """
    from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed  # noqa: PLC0415 # as above
    from conduit_cli.key_services.wrapping import references  # noqa: PLC0415 # as above
    from conduit_cli.keys import KeyFile, KeysUnusable  # noqa: PLC0415 # as above

    try:
        found = references(service, KeyFile(data_dir), os.environ)
    except (KeysUnusable, KeyReferenceWrong, KeyServiceFailed) as error:
        raise click.ClickException(str(error)) from error
    for name, value in found.items():
        say(f"{name}={value}")
    say(
        f"Start with these in the environment. Then take the encryption keys out of {data_dir}.",
        err=True,
    )


_CHARGES = {
    "start-date": "The first day, such as 2026-11-01, UTC.",
    "end-date": "The last day.",
    "virtual-key-id": "Charges of this virtual key alone.",
    "provider-id": "Of this instance.",
    "key-id": "Of this key of a provider.",
    "provider-account-group": "Of keys of this account group.",
    "model-alias": "Of this alias.",
}


def _of_charges(command: Callable[..., None]) -> Callable[..., None]:
    for name, text in reversed(_CHARGES.items()):
        command = click.option(f"--{name}", help=text)(command)
    return command


@click.group()
def usage() -> None:
    """Export what a running gateway charged, and hold it against providers' bills."""


@usage.command(name="export")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "focus"]),
    default="jsonl",
    show_default=True,
    help="JSON Lines, a table, or a table in the columns of FOCUS.",
)
@_of_charges
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, for its owner alone. Default: standard output.",
)
@administering
def export_charges(
    gateway: "Gateway", form: str, output: Path | None, **filters: str | None
) -> None:
    """Write the charges that are asked for, newest first."""
    from conduit_cli.charge_export import FORMATS, charges  # noqa: PLC0415 # as above

    wanted = {_camel(name): value for name, value in filters.items() if value}
    with opened(output) as file:
        left_out = FORMATS[form](charges(gateway, wanted), file)
    if left_out:
        many = "charge" if left_out == 1 else "charges"
        say(f"{left_out} {many} without a price: left out, as FOCUS has none.", err=True)


ADMIN_COMMANDS = (audit, keys, usage)


@usage.command()
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@click.option(
    "--format",
    "form",
    type=click.Choice(["openai", "anthropic"]),
    help="Whose export of costs it is. Others are told by their columns.",
)
@click.option("--day-column", help="The column of the day.")
@click.option("--model-column", help="The column of the model, if there is one.")
@click.option("--cost-column", help="The column of the cost in dollars.")
@click.option(
    "--tolerance", default="0.01", show_default=True, help="Dollars a day and model may differ by."
)
@_of_charges
@administering
def reconcile(gateway: "Gateway", file: TextIO, form: str | None, **asked: str | None) -> None:
    """Hold a provider's own export of costs, FILE, against what was charged, by day and model.

    The exit code is 1 if a day and model differs by more than is allowed.
    """
    from conduit_cli.reconciling import UnclearExport, reconciled  # noqa: PLC0415 # as above

    given = {name: value for name, value in asked.items() if value}
    wanted = {_camel(name): given.pop(name) for name in _charge_filters() & given.keys()}
    try:
        report = reconciled(gateway, file, form, given, wanted)
    except UnclearExport as error:
        raise click.ClickException(str(error)) from error
    for row in report.rows:
        say("\t".join(row))
    if report.unpriced:
        say(f"{report.unpriced} charges have no price: they are not in it.", err=True)
    if report.differing:
        raise click.ClickException(f"{report.differing} of these differ.")


def _charge_filters() -> set[str]:
    return {name.replace("-", "_") for name in _CHARGES}
