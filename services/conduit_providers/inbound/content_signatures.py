"""What other providers want back of a turn, in the signatures of Google's parts.

Clients hand parts back as they came. A signature is bytes in base64; one of Conduit's own is what
was sealed, behind its mark, in base64 once more.
"""

import binascii
from base64 import b64decode, b64encode
from typing import Any

from conduit_providers.inbound.sealed_thoughts import MARK_BYTES, sealed

Json = dict[str, Any]

# How each of them begins: the mark's last bytes depend on what follows them.
SIGNED = b64encode(MARK_BYTES)[:8].decode()


def signature_of(members: Json) -> str:
    """Return the signature that stands for members of a turn; empty for none."""
    return b64encode(sealed(members).encode()).decode() if members else ""


def sealed_in(signature: object) -> str:
    """Return what is sealed in a signature; empty where it is another's."""
    if not isinstance(signature, str) or not signature.startswith(SIGNED):
        return ""
    try:
        return b64decode(signature, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
