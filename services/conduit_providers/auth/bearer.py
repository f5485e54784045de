"""`Authorization: Bearer <key>`, or with another word before the key.

Options: `BearerOptions`.
"""

from conduit_providers.auth import HeaderSigner, Signer, header_value, identity_headers, invalid_key
from conduit_providers.spec import Auth
from conduit_providers.target import Target


def signer(auth: Auth, secret: str, target: Target) -> Signer:
    """Return a signer for this key, or without one where the type needs none."""
    if not secret and not auth.is_optional:
        raise invalid_key(target)
    key = f"{auth.options.scheme} {header_value(secret, target)}"
    proof = (("authorization", key),) if secret else ()
    return HeaderSigner(proof + identity_headers(auth, target))
