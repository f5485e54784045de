"""For providers that make no conversation shorter."""

from typing import NoReturn

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.inbound.response_form import ResponseCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

CAPABILITY = "compaction"


class NoCompactionCodec:
    """Has another candidate asked, and tells the way where there is none."""

    def to_upstream(self, call: ResponseCall, endpoint: Endpoint, target: Target) -> NoReturn:
        """Raise UnsupportedCapability."""
        message = (
            f"{target.provider_name} has no compaction: ask the model for a summary, and begin the"
            " next `input` with it"
        )
        raise UnsupportedCapability(message, capability=CAPABILITY)

    def from_upstream(
        self, response: HttpResponse, call: ResponseCall, endpoint: Endpoint
    ) -> NoReturn:
        """Raise UnsupportedCapability: nothing was asked."""
        raise UnsupportedCapability("Nothing was asked", capability=CAPABILITY)
