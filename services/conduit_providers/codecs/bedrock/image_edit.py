"""Changes of images on Bedrock, by InvokeModel: Stability AI's services, with bodies of JSON.

https://docs.aws.amazon.com/bedrock/latest/userguide/stable-image-services.html
"""

from functools import partial

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
    """Speaks `POST /model/{modelId}/invoke` with the services of Stability AI."""

    def to_upstream(self, call: ImageEditCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if the service does not take what is given."""
        provider = target.provider_name
        facts: ImageEditModel = endpoint.facts_of(call.model)
        pictures = pictures_for(call, facts, provider)
        members = members_of(call, facts, provider)
        shown = {name: picture.base64 for name, picture in pictures.items()}
        return invocation(call, endpoint, target, members | shown)

    def from_upstream(
        self, response: HttpResponse, call: ImageEditCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate the answer. ContentPolicy if it says that the image was filtered."""
        return read_images(response, call)

    def decoder(self, call: ImageEditCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes an event of the whole answer."""
        return WholeImageDecoder(call, "image_edit", partial(read_images, call=call))


CODEC = BedrockImageEditCodec()
