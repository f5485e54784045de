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
