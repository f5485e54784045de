"""Who made a change, as the audit log names them."""

from collections.abc import Sequence
from typing import Any

from conduit_kernel.audit.author import Author, author_of
from conduit_kernel.auth import Principal, PrincipalKind, set_principal
from conduit_kernel.rpc.auth_interceptor import MAX_REQUEST_ID


class Call:
    """The context of a call, as far as it is asked."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> Sequence[tuple[str, str]]:
        """Return what the caller sent along."""
        return self._metadata

    def auth_context(self) -> dict[str, list[bytes]]:
        """Have shown no certificate."""
        return {}


async def test_the_author_is_the_principal_of_the_call() -> None:
    """With the address at which it was seen; the request's id is the caller's, within bounds."""
    set_principal(Principal(PrincipalKind.ADMINISTRATOR, "administrator/1 anna", "203.0.113.7"))
    call: Any = Call(("x-request-id", "x" * 1000), ("x-conduit-peer", "192.0.2.1"))
    expected = Author("administrator/1 anna", "203.0.113.7", "x" * MAX_REQUEST_ID)
    assert author_of(call) == expected
    nameless: Any = Call()
    assert author_of(nameless).request_id == ""
