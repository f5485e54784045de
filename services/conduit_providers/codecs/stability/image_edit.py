"""Stability AI's changes of images: services of one image each, and forms like all of its others.

What OpenAI does not know are the services' own members, and pass as they are: `search_prompt`,
`select_prompt`, `control_strength`, `fidelity`, `strength`, `grow_mask`, `seed` and so on.
https://platform.stability.ai/docs/api-reference
"""

from functools import partial
from typing import Any

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.shared.image_wishes import drop_others, one_image, own_members
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.codecs.stability.drawing import drawing_request, read_image
from conduit_providers.codecs.stability.options import ImageEditModel, ServiceModel
from conduit_providers.given_images import Picture, mask_of, pictures_of
from conduit_providers.images import ImageAnswer
from conduit_providers.operations.image_edit import ImageEditCall
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_TAKEN = frozenset({"images", "mask", "n", "output_format"})


class StabilityImageEditCodec:
    """Speaks `POST /v2beta/stable-image/{edit,control,generate}/{service}`."""

    def to_upstream(self, call: ImageEditCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Translate the wish. InvalidRequest if the service does not take what is given."""
        provider = target.provider_name
        one_image(call, provider)
        facts: ImageEditModel = endpoint.facts_of(call.model)
        pictures = pictures_for(call, facts, provider)
        model = call.model if facts.names_model else None
        members = {**members_of(call, facts, provider), "model": model}
        return drawing_request(
            target.fill(endpoint.path) + facts.service, endpoint, members, pictures
        )

    def from_upstream(
        self, response: HttpResponse, call: ImageEditCall, endpoint: Endpoint
    ) -> ImageAnswer:
        """Translate the answer. ContentPolicy if it says that the image was filtered."""
        return read_image(response, call)

    def decoder(self, call: ImageEditCall, endpoint: Endpoint) -> WholeImageDecoder:
        """Return what makes an event of the whole answer."""
        return WholeImageDecoder(call, "image_edit", partial(read_image, call=call))


def pictures_for(call: ImageEditCall, facts: ServiceModel, provider: str) -> dict[str, Picture]:
    """Return the image, and the mask. InvalidRequest if the service does not take what is given."""
    wish = call.typed
    if wish.HasField("mask") and not facts.takes_mask:
        message = f"The model {call.model!r} of {provider} takes no mask"
        raise UnsupportedCapability(message, capability="mask")
    found = {"image": pictures_of(wish, call.fetched)[0]}
    mask = mask_of(wish, call.fetched)
    return found if mask is None else {**found, "mask": mask}


def members_of(call: ImageEditCall, facts: ServiceModel, provider: str) -> dict[str, Any]:
    """Return what is said beside the images; what is None is not said."""
    wish = call.typed
    own = own_members(wish)
    drop_others(call, provider, _TAKEN | own.keys())
    if not facts.takes_prompt:
        call.drop("prompt", provider)
    return {
        "prompt": wish.prompt if facts.takes_prompt else None,
        "mode": facts.mode or None,
        "output_format": wish.output_format or "png",
        **own,
    }


CODEC = StabilityImageEditCodec()
