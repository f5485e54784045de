"""Stability AI's balance, by which keys are tested: there is no list of what draws.

https://platform.stability.ai/docs/api-reference#tag/User
"""

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.shared.lists import ask_for_list, no_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Balance(msgspec.Struct):
    credits: float | None = None


_DECODER = JsonReader(_Balance)
_BALANCE = "balance"


class StabilityModelsCodec:
    """Speaks `GET /v1/user/balance`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Return no names. UpstreamError if it is no balance."""
        found = read_list(_DECODER, response, _BALANCE)
        if found.credits is None:
            raise no_list(_BALANCE)
        return ModelPage(())


CODEC = StabilityModelsCodec()
