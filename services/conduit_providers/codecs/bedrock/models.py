"""Bedrock's foundation models that can be called as they are, and its inference profiles.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html
"""

from urllib.parse import quote

import msgspec

from conduit_providers.codec import ModelPage
from conduit_providers.codecs.shared.lists import ask_for_list, no_list, read_list
from conduit_providers.json_reading import JsonReader
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

# Many models are called through a profile only, or when capacity was bought for them.
CALLABLE = "ON_DEMAND"


class _Model(msgspec.Struct, rename="camel"):
    model_id: str
    inference_types_supported: list[str] | None = None


class _Profile(msgspec.Struct, rename="camel"):
    inference_profile_id: str
    status: str = "ACTIVE"


class _Page(msgspec.Struct, rename="camel"):
    model_summaries: list[_Model] | None = None
    inference_profile_summaries: list[_Profile] | None = None
    next_token: str | None = None


_DECODER = JsonReader(_Page)


class BedrockModelsCodec:
    """Speaks `GET /foundation-models` and `GET /inference-profiles`."""

    def to_upstream(self, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Ask for the foundation models, which come in one page."""
        return ask_for_list(endpoint, target)

    def from_upstream(self, response: HttpResponse, endpoint: Endpoint) -> ModelPage:
        """Read a page of either list."""
        page = read_list(_DECODER, response)
        then: str = endpoint.options.then
        if page.model_summaries is not None:
            return ModelPage([m.model_id for m in page.model_summaries if _is_callable(m)], then)
        if page.inference_profile_summaries is None:
            raise no_list()
        profiles = page.inference_profile_summaries
        following = f"{then}&nextToken={quote(page.next_token, safe='')}" if page.next_token else ""
        names = [each.inference_profile_id for each in profiles if each.status == "ACTIVE"]
        return ModelPage(names, following if then else "")


def _is_callable(model: _Model) -> bool:
    types = model.inference_types_supported
    return types is None or CALLABLE in types


CODEC = BedrockModelsCodec()
