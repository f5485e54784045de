"""Stability AI's balance, by which keys are tested: there is no list of what draws.

https://platform.stability.ai/docs/api-reference#tag/User
"""

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Balance(msgspec.Struct):
    credits: float | None = None


_DECODER = JsonReader(_Balance)


class StabilityModelsCodec:
    """Speaks `GET /v1/user/balance`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request."""
        return HttpRequest("GET", target.fill(endpoint.path), tuple(endpoint.headers.items()))

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Return no names. UpstreamError if it is no balance."""
        try:
            found = _DECODER.decode(response.body)
        except msgspec.DecodeError as error:
            raise malformed("", "it is not a balance") from error
        if found.credits is None:
            raise malformed("", "it is not a balance")
        return ModelPage(())


CODEC = StabilityModelsCodec()
