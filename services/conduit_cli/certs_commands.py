"""The commands that make certificates."""

import datetime as dt
from pathlib import Path

import click

from conduit_cli.options import data_dir_option
from conduit_cli.terminal import say

DAYS = 365
LOCAL = ("localhost", "127.0.0.1", "::1")
_days = click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=DAYS,
    show_default=True,
    help="How long the certificate is valid.",
)


@click.group()
def certs() -> None:
    """Make certificates of a small private authority."""


@certs.command()
@data_dir_option
@click.option(
    "--name", "names", multiple=True, help="A name or address that callers reach us by. Repeatable."
)
@_days
def init(data_dir: Path, names: tuple[str, ...], days: int) -> None:
    """Make an authority, and a certificate for the services, in the folder `certs` of the data."""
    from conduit_cli.certificates import AUTHORITY, SERVER, Authority, CertificatesUnusable  # noqa: PLC0415 # cryptography takes its time

    folder = data_dir / "certs"
    authority = Authority(folder, dt.datetime.now(dt.UTC))
    try:
        authority.create()
        shown, key = authority.issue(
            SERVER, dict.fromkeys((*names, *LOCAL)), days=days, serves=True
        )
    except CertificatesUnusable as error:
        raise click.ClickException(str(error)) from error
    say(f"Keep {folder / AUTHORITY}-key.pem secret: whoever has it is believed to be anybody.")
    ca = folder / f"{AUTHORITY}.pem"
    say(f"conduit serve --tls-cert {shown} --tls-key {key} --tls-client-ca {ca}")


@certs.command()
@data_dir_option
@click.argument("name")
@_days
def client(data_dir: Path, name: str, days: int) -> None:
    """Make a certificate for a caller: NAME is a URI, a DNS name or an e-mail address."""
    from conduit_cli.certificates import Authority, CertificatesUnusable, file_name  # noqa: PLC0415 # as above

    authority = Authority(data_dir / "certs", dt.datetime.now(dt.UTC))
    try:
        shown, key = authority.issue(file_name(name), [name], days=days, serves=False)
    except CertificatesUnusable as error:
        raise click.ClickException(str(error)) from error
    say(f"{shown}\n{key}")
