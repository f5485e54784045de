"""An edge of tests before a Router in process."""

from collections.abc import Callable
from typing import Any

from tests.support.credentials import Metadata

from conduit_kernel.auth import Authorizer
from conduit_kernel.rpc.methods import METHODS
from conduit_router.service import SERVICE, RouterStub


class RouterEdge:
    """Calls the Router as the bridge does: authorizes the caller, and says who it is."""

    def __init__(self, stub: RouterStub, master_key: str) -> None:
        self._stub = stub
        self._authorizer = Authorizer(
            METHODS,
            master_key=master_key,
            virtual_keys=stub.identify,
            session_holders=stub.identify_session,
        )

    def __getattr__(self, rpc: str) -> Callable[..., Any]:
        """Return an RPC of the contract, as a gRPC stub has it."""

        def call(request: object, metadata: Metadata) -> Any:  # noqa: ANN401 # of each RPC its own
            given = dict(metadata)
            principal = self._authorizer.authorize(f"/{SERVICE.full_name}/{rpc}", given)
            request_id = given.get("x-request-id", "")
            return getattr(self._stub, rpc)(request, principal=principal, request_id=request_id)

        return call
