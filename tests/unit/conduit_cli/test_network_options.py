"""Options about the network."""

import os

import click
import pytest
from click.testing import CliRunner, Result

from conduit_cli.network_options import network_options
from conduit_kernel.settings import environment
from conduit_kernel.trusted_proxies import PROXY_PROTOCOL, WAYS, read_trusted_proxies


@click.command()
@network_options
def listen() -> None:
    """Say what was understood."""
    found = read_trusted_proxies(environment())
    click.echo(f"{found.way} {' '.join(map(str, found.networks))}")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what options set within the test."""
    monkeypatch.setattr(os, "environ", dict(os.environ))


def run(*options: str, **env: str) -> Result:
    """Run the command, which must not fail."""
    os.environ.update(env)
    done = CliRunner().invoke(listen, options)
    assert done.exit_code == 0, done.output
    return done


def test_each_sets_its_variable() -> None:
    """The processes read nothing else."""
    done = run(
        *("--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "fd00::1"),
        *("--real-ip-header", "Proxy_Protocol"),
    )
    assert done.output == f"{PROXY_PROTOCOL} 10.0.0.0/8 fd00::1/128\n"


def test_without_them_the_variables_hold() -> None:
    """Several networks in one variable are parted by commas."""
    assert run(CONDUIT_TRUSTED_PROXIES="10.0.0.1,10.0.0.2").output.split()[1:] == [
        "10.0.0.1/32",
        "10.0.0.2/32",
    ]


def test_an_option_wins_over_its_variable() -> None:
    """As everywhere."""
    done = run("--trusted-proxy", "192.0.2.1", CONDUIT_TRUSTED_PROXIES="10.0.0.1")
    assert done.output.split()[1:] == ["192.0.2.1/32"]


def test_the_ways_are_those_of_the_settings() -> None:
    """Which cost too much to import for an option."""
    help_text = CliRunner().invoke(listen, ["--help"]).output
    assert f"[{'|'.join(WAYS)}]" in help_text.replace("\n", "").replace(" ", "")
