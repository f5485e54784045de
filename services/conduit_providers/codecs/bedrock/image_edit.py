"""Changes of images on Bedrock, by InvokeModel: Stability AI's services, and Nova Canvas.

https://docs.aws.amazon.com/bedrock/latest/userguide/stable-image-services.html
"""

from functools import partial
from typing import Any

from conduit_providers.codecs.bedrock import canvas
from conduit_providers.codecs.bedrock.image import invocation, read_images
from conduit_providers.codecs.bedrock.options import ImageEditModel
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.codecs.stability.image_edit import members_of, pictures_for
from conduit_providers.images import ImageAnswer
from conduit_providers.operations.image_edit import ImageEditCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse


class BedrockImageEditCodec:
    """Speaks `POST /model/{modelId}/invoke` with the models that change images."""

    def to_upstream(self, call: ImageEditCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if the service does not take what is given."""
        provider = target.provider_name
        facts: ImageEditModel = endpoint.facts_of(call.model)
        if facts.maker == "amazon":
            members = canvas.changing(call, provider)
        else:
            members = _members(call, facts, provider)
        return invocation(call, endpoint, target, facts, members)

    def from_upstream(
        self, response: HttpResponse, call: ImageEditCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate the answer. ContentPolicy if it says that the image was filtered."""
        return read_images(response, call, endpoint)

    def decoder(self, call: ImageEditCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes events of the whole answer."""
        read = partial(read_images, call=call, endpoint=endpoint)
        return WholeImageDecoder(call, "image_edit", read)


def _members(call: ImageEditCall, facts: ImageEditModel, provider: str) -> dict[str, Any]:
    pictures = pictures_for(call, facts, provider)
    members = members_of(call, facts, provider)
    return members | {name: picture.base64 for name, picture in pictures.items()}


CODEC = BedrockImageEditCodec()
