"""The engines of Amazon Polly that have a voice in a region, as models.

https://docs.aws.amazon.com/polly/latest/dg/API_DescribeVoices.html
"""

from urllib.parse import quote

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.aws.speak import ENGINE_PREFIX
from conduit_providers.codecs.shared.model_lists import ask_for_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class _Voice(msgspec.Struct, rename="pascal"):
    supported_engines: list[str] | None = None


class _Page(msgspec.Struct, rename="pascal"):
    voices: list[_Voice]
    next_token: str | None = None


_DECODER = JsonReader(_Page)


class AwsModelsCodec:
    """Speaks `GET /v1/voices`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Return the engine of each voice, once. UpstreamError if it is no list."""
        page = read_list(_DECODER, response)
        engines = dict.fromkeys(
            engine for voice in page.voices for engine in voice.supported_engines or ()
        )
        token = quote(page.next_token or "", safe="")
        return ModelPage(
            [ENGINE_PREFIX + engine for engine in engines],
            f"{endpoint.path}?NextToken={token}" if token else "",
        )


CODEC = AwsModelsCodec()
