"""The engines of Amazon Polly that have a voice in a region, as models.

https://docs.aws.amazon.com/polly/latest/dg/API_DescribeVoices.html
"""

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.aws.voices import CODEC as VOICES
from conduit_providers.codecs.shared.lists import ask_for_list
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class AwsModelsCodec:
    """Speaks `GET /v1/voices`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request for the first page."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Return the engine of each voice, once. UpstreamError if it is no list."""
        page = VOICES.from_upstream(response, endpoint)
        return ModelPage(list(dict.fromkeys(each.model for each in page.voices)), page.next_path)


CODEC = AwsModelsCodec()
