"""The commands' own words."""

import pytest
from click.testing import CliRunner

from conduit_cli.commands import SERVICES, conduit


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_alone_takes_the_ports_that_it_uses(service: str) -> None:
    """That of HTTP is the bridge's."""
    text = CliRunner().invoke(conduit, [service, "--help"]).output
    assert ("--http-port" in text) == (service == "bridge")
    assert "--grpc-port" in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_options(shell: str) -> None:
    """As docs/operating.md sets it up."""

    def asked(mode: str, words: str = "", place: str = "") -> str:
        # Fish says the word itself rather than its place.
        last = words.rpartition(" ")[2] if shell == "fish" else place
        variables = {"COMP_WORDS": words, "COMP_CWORD": last}
        variables["_CONDUIT_COMPLETE"] = f"{shell}_{mode}"
        run = CliRunner().invoke(conduit, [], prog_name="conduit", env=variables)
        return run.output

    assert "_CONDUIT_COMPLETE" in asked("source")
    assert "serve" in asked("complete", "conduit se", "1")
    assert "--data-dir" in asked("complete", "conduit backup --da", "2")
