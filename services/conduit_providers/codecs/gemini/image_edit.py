"""Changes of images by Gemini, which draws what it is shown anew, and by Imagen.

https://ai.google.dev/gemini-api/docs/image-generation#image-editing
"""

from functools import partial

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.gemini import imagen
from conduit_providers.codecs.gemini.image import drawing_request, read_image
from conduit_providers.codecs.gemini.options import ImageEditModel
from conduit_providers.codecs.shared.image_wishes import drop_others
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.given_images import pictures_of
from conduit_providers.images import ImageAnswer
from conduit_providers.operations.image_edit import ImageEditCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_TAKEN = frozenset({"images", "n", "size"})


class GeminiImageEditCodec:
    """Speaks `POST .../{model}:generateContent` with images, and Imagen's `:predict`."""

    def to_upstream(self, call: ImageEditCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if its size is none, or an image cannot be had."""
        facts: ImageEditModel = endpoint.facts_of(call.model)
        if facts.method == "predict":
            return imagen.changing_request(call, endpoint, target, facts)
        if call.typed.HasField("mask"):
            message = f"The model {call.model!r} of {target.provider_name} takes no mask"
            raise UnsupportedCapability(message, capability="mask")
        drop_others(call, target.provider_name, _TAKEN)
        shown = [
            {"inlineData": {"mimeType": each.media_type, "data": each.base64}}
            for each in pictures_of(call.typed, call.fetched)
        ]
        return drawing_request(call, endpoint, target, shown, {})

    def from_upstream(
        self, response: HttpResponse, call: ImageEditCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate the answer. ContentPolicy if the image was kept back."""
        return read_image(response, call, endpoint)

    def decoder(self, call: ImageEditCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes events of the whole answer."""
        read = partial(read_image, call=call, endpoint=endpoint)
        return WholeImageDecoder(call, "image_edit", read)


CODEC = GeminiImageEditCodec()
