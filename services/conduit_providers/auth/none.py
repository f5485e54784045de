"""No proof at all, for upstreams that ask for none."""

from conduit_providers.auth import HeaderSigner, Signer
from conduit_providers.spec import Auth
from conduit_providers.target import Target


def signer(_auth: Auth, _secret: str, _target: Target) -> Signer:
    """Return a signer that adds nothing, whatever the key."""
    return HeaderSigner(())
