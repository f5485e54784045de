"""What the catalog says to Stability AI's dialect."""

from conduit_providers.model_rows import ImageModel as AnyImageModel


class ImageModel(AnyImageModel, frozen=True, forbid_unknown_fields=True):
    """The service that draws, of which some have several models."""

    service: str = "sd3"
    # Whether the service is told the model.
    names_model: bool = True


class ServiceModel(AnyImageModel, frozen=True, forbid_unknown_fields=True):
    """The facts about a service that changes images."""

    # What tells it to begin with an image, where it does not anyway.
    mode: str = ""
    takes_mask: bool = False
    takes_prompt: bool = True


class ImageEditModel(ServiceModel, frozen=True, forbid_unknown_fields=True):
    """The service that changes images."""

    service: str = "generate/sd3"
    # Whether the service is told the model.
    names_model: bool = False
