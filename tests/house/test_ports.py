"""What is written down twice says the same twice."""

from conduit_cli import layout
from conduit_kernel import settings


def test_the_supervisor_knows_the_services_ports() -> None:
    """It does not import the settings, which would make every start slower."""
    assert layout.PORT_OFFSETS == settings.PORT_OFFSETS
