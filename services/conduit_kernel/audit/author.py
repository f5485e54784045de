"""Who made a change, as the audit log names them."""

from typing import NamedTuple

from conduit_kernel.auth import current_principal
from conduit_kernel.rpc.auth_interceptor import MAX_REQUEST_ID, Context, metadata_of


class Author(NamedTuple):
    """The author of a change, for the audit log."""

    actor: str
    peer: str = ""
    request_id: str = ""


def author_of(context: Context) -> Author:
    """Return who makes the RPC that is being served."""
    principal = current_principal()
    request_id = metadata_of(context).get("x-request-id", "")
    return Author(principal.name, principal.address, request_id[:MAX_REQUEST_ID])
