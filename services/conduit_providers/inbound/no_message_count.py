"""For providers that count no tokens beforehand."""

from typing import NoReturn

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.inbound.message_form import MessageCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse


class NoMessageCountCodec:
    """Has another candidate asked, and nobody where there is none."""

    def to_upstream(self, call: MessageCall, endpoint: Endpoint, target: Target) -> NoReturn:
        """Raise UnsupportedCapability."""
        message = f"{target.provider_name} counts no tokens beforehand"
        raise UnsupportedCapability(message, capability="token_counts")

    def from_upstream(
        self, response: HttpResponse, call: MessageCall, endpoint: Endpoint
    ) -> NoReturn:
        """Raise UnsupportedCapability: nothing was asked."""
        raise UnsupportedCapability("Nothing was asked", capability="token_counts")
