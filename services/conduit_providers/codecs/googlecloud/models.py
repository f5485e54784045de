"""The families of Google Cloud's voices, each once.

https://docs.cloud.google.com/text-to-speech/docs/reference/rest/v1/voices/list
"""

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.googlecloud.voices import CODEC as VOICES
from conduit_providers.codecs.shared.lists import ask_for_list
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class GoogleCloudModelsCodec:
    """Speaks `GET /v1/voices`; models that hear have no list."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Return each family once. UpstreamError if it is no list."""
        voices = VOICES.from_upstream(response, endpoint).voices
        # A voice is a model, too; there are thousands of them, in all locales.
        families = (each.model for each in voices if each.model != each.voice.id)
        return ModelPage(list(dict.fromkeys(families)))


CODEC = GoogleCloudModelsCodec()
