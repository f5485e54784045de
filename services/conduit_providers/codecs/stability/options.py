"""What the catalog says to Stability AI's dialect."""

from conduit_providers.model_rows import ImageModel as AnyImageModel


class ImageModel(AnyImageModel, frozen=True, forbid_unknown_fields=True):
    """The service that draws, of which some have several models."""

    service: str = "sd3"
    # Whether the service is told the model.
    names_model: bool = True
