"""The commands. They import what they need when they run, so that each starts fast."""

import os
import shutil
import sys
from pathlib import Path

import click

from conduit_cli.admin_commands import ADMIN_COMMANDS
from conduit_cli.backup_commands import BACKUP_COMMANDS
from conduit_cli.caller_commands import CALLER_COMMANDS
from conduit_cli.certs_commands import certs
from conduit_cli.config_commands import config
from conduit_cli.doctor.command import doctor
from conduit_cli.live.commands import bench, top
from conduit_cli.network_options import listening_options, network_options
from conduit_cli.options import data_dir_option as _data_dir
from conduit_cli.prices_commands import prices
from conduit_cli.resources.commands import RESOURCE_COMMANDS, health_group, with_resources
from conduit_cli.terminal import SafeGroup, say

SERVICES = {
    "registry": "what exists: providers, keys, mappings, virtual keys",
    "router": "does the calls",
    "health": "who is well",
    "billing": "what it cost",
    "storage": "what calls leave behind",
    "bridge": "the HTTP edge",
}

_host = click.option(
    "--host",
    envvar="CONDUIT_HOST",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on. Others than loopback are open to the network.",
)
_grpc_host = click.option(
    "--grpc-host",
    envvar="CONDUIT_GRPC_HOST",
    default="127.0.0.1",
    show_default=True,
    help="The address that the gRPC ports listen on. Others than loopback are open to the network.",
)
_http_port = click.option(
    "--http-port",
    type=click.IntRange(0, 65535),
    envvar="CONDUIT_HTTP_PORT",
    default=8080,
    show_default=True,
    help="The port of the HTTP bridge; 0 takes a free one.",
)
_grpc_port = click.option(
    "--grpc-port",
    type=click.IntRange(0, 65530),
    envvar="CONDUIT_GRPC_PORT",
    default=50051,
    show_default=True,
    help="The Registry's port; Router, Health, Billing, Simulator and Storage take the next five. "
    "0 takes free ones.",
)


def _show_version(context: click.Context, _option: click.Parameter, is_asked: bool) -> None:  # noqa: FBT001 # as click calls it
    if is_asked:
        context.invoke(version)
        context.exit()


@click.group(cls=SafeGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Say which Conduit this is.",
)
def conduit() -> None:
    """One API in front of every AI provider."""


@conduit.command("help")
@click.argument("command", required=False)
@click.pass_context
def show_help(context: click.Context, command: str | None) -> None:
    """Show what there is, or what COMMAND takes."""
    parent = context.find_root()
    if command is None:
        say(parent.get_help())
        return
    found = conduit.get_command(parent, command)
    if found is None:
        raise click.UsageError(f"No such command '{command}'.", parent)
    with click.Context(found, info_name=command, parent=parent) as own:
        say(found.get_help(own))


@conduit.command()
@_data_dir
@_host
@_http_port
@_grpc_host
@_grpc_port
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    envvar="CONDUIT_WORKERS",
    default=1,
    show_default=True,
    help="How many processes answer requests; one keeps about one core busy.",
)
@click.option(
    "--show-keys",
    is_flag=True,
    envvar="CONDUIT_SHOW_KEYS",
    help="Have a first start print the keys that it makes also where that is no terminal.",
)
@listening_options
@network_options
def serve(
    *,
    data_dir: Path,
    host: str,
    http_port: int,
    grpc_host: str,
    grpc_port: int,
    workers: int,
    show_keys: bool,
) -> None:
    """Run a whole gateway on this machine.

    The first start makes keys, and a simulated provider that answers without any account.
    """
    from conduit_cli.serve import serve as run  # noqa: PLC0415 # see the module's docstring

    code = run(
        data_dir=data_dir,
        host=host,
        http_port=http_port,
        grpc_host=grpc_host,
        grpc_port=grpc_port,
        workers=workers,
        command=_own_name(),
        shows_keys=show_keys,
    )
    sys.exit(code)


@conduit.command()
def version() -> None:
    """Say which Conduit this is."""
    import importlib.metadata  # noqa: PLC0415 # as above
    import platform  # noqa: PLC0415 # as above

    own = importlib.metadata.version("conduit-suite")
    say(f"conduit {own} (Python {platform.python_version()})")


@conduit.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=50055, show_default=True, help="The port; 0 takes a free one.")
def simulator(host: str, port: int) -> None:
    """Run the simulated provider alone."""
    _become("conduit_simulator", "--host", host, "--port", str(port))


def _give_keys(data_dir: Path) -> None:
    """Put the keys of a data directory into the environment, and those that a service opens."""
    from conduit_cli.key_services.reference import with_keys  # noqa: PLC0415 # as above
    from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed  # noqa: PLC0415 # as above
    from conduit_cli.keys import ENCRYPTION, MASTER, KeyFile, KeysUnusable  # noqa: PLC0415 # as above

    try:
        stored, given = KeyFile(data_dir).read(), with_keys(os.environ)
    except (KeysUnusable, KeyReferenceWrong, KeyServiceFailed) as error:
        raise click.ClickException(str(error)) from error
    for name in os.environ.keys() - given.keys():
        del os.environ[name]
    os.environ |= given
    if ENCRYPTION in stored and not os.environ.get("CONDUIT_ENCRYPTION_KEY"):
        os.environ.setdefault("CONDUIT_KEY_FILE", str(KeyFile(data_dir).path))
    for name in (MASTER, ENCRYPTION):
        if name in stored:
            os.environ.setdefault(f"CONDUIT_{name.upper()}", str(stored[name]))


def _alone(service: str, purpose: str) -> click.Command:
    def run(
        data_dir: Path,
        grpc_host: str,
        grpc_port: int,
        host: str | None = None,
        http_port: int | None = None,
    ) -> None:
        if click.get_current_context().invoked_subcommand is not None:
            return
        _give_keys(data_dir)
        os.environ |= {
            "CONDUIT_DATA_DIR": str(data_dir),
            "CONDUIT_GRPC_HOST": grpc_host,
            "CONDUIT_GRPC_PORT": str(grpc_port),
        }
        if host is not None:
            os.environ |= {"CONDUIT_HOST": host, "CONDUIT_HTTP_PORT": str(http_port)}
        _become(f"conduit_{service}")

    told = f"Run the {service.capitalize()} alone: {purpose}."
    command = click.command(service, help=told)
    if service == "billing":
        command = click.group(service, help=told, invoke_without_command=True)
    if service == "health":
        command = health_group(f"{told} Its commands ask a running gateway.")
    # The bridge alone has the port; all find each other by those of gRPC.
    ports = listening_options(_grpc_host(_grpc_port(run)))
    if service == "bridge":
        ports = _host(_http_port(network_options(ports)))
    return command(_data_dir(ports))


conduit.add_command(certs)
conduit.add_command(doctor)
conduit.add_command(top)
conduit.add_command(bench)
conduit.add_command(config)
for _command in (*CALLER_COMMANDS, *ADMIN_COMMANDS, prices):
    conduit.add_command(with_resources(_command))
for _command in (*BACKUP_COMMANDS, *RESOURCE_COMMANDS):
    conduit.add_command(_command)
for _service, _purpose in SERVICES.items():
    conduit.add_command(_alone(_service, _purpose))


@click.command()
@_data_dir
def verify(data_dir: Path) -> None:
    """Check the ledger, also while it is in use: what is held, spent and charged must add up.

    CONDUIT_DATABASE_URL names a ledger in PostgreSQL. Exits with 1 if anything does not hold.
    """
    from conduit_cli.verification import LedgerUnreadable, ledger_breaches  # noqa: PLC0415 # as above

    try:
        found = ledger_breaches(data_dir, os.environ.get("CONDUIT_DATABASE_URL", ""))
    except LedgerUnreadable as error:
        raise click.ClickException(str(error)) from error
    for breach in found:
        say(str(breach))
    if found:
        sys.exit(1)
    say("The ledger is sound.")


_billing = conduit.commands["billing"]
assert isinstance(_billing, click.Group)  # noqa: S101 # as it was made above
_billing.add_command(verify)


def _become(module: str, *arguments: str) -> None:
    """Go on as `python -m module`; signals and the exit code are then its own."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 # our own


def _own_name() -> str:
    """Return what to type to get this command again."""
    found = shutil.which("conduit")
    own = Path(sys.argv[0])
    if found and own.exists() and Path(found).samefile(own):
        return "conduit"
    return os.path.relpath(own) if own.name == "conduit" else f"{sys.executable} -m conduit_cli"
