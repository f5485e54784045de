"""Azure's keys: of a resource, or of Entra, which the key's form tells.

Plain text is a key of the resource, sent in a header. What else a key can be, `azure_entra` says;
its library is loaded only for those.

Options: `AzureOptions`.
"""

from msgspec.structs import replace

from conduit_providers.auth import HeaderSigner, Signer, header_value, invalid_key, signer_for
from conduit_providers.spec import Auth
from conduit_providers.target import Target

IDENTITY = "identity"


def signer(auth: Auth, secret: str, target: Target) -> Signer:
    """Return a signer for this key. InvalidApiKey, saying why, if it cannot be one."""
    if not secret:
        raise invalid_key(target)
    if secret == IDENTITY or secret.startswith("{"):
        return signer_for(replace(auth, kind="azure_entra"), secret, target)
    return HeaderSigner(((auth.options.name, header_value(secret, target)),))
