"""What other gateways call the providers."""

from conduit_cli.importers.providers import BY_MODEL, ENVIRONMENT, LITELLM


def test_names_are_said_once() -> None:
    """No variable is of two providers, and models lead to providers that are known."""
    variables = [name for _, names in ENVIRONMENT for name in names]
    assert len(variables) == len(set(variables))
    assert {provider for _, provider in BY_MODEL} <= LITELLM.keys()
