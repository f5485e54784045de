"""What the catalog says to Replicate's dialect."""

import msgspec

from conduit_providers.model_rows import ImageModel as AnyImageModel


class PredictionOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options for making predictions."""

    # Where those of a certain version are.
    version_path: str = "/predictions"
    # How long the first exchange of a whole answer waits for it; it is polled after.
    wait_seconds: int = 5
    # After which time Replicate gives up on a prediction, where the caller's deadline is not known.
    cancel_after: str = "10m"
    # Addresses besides the instance's own that its answers may refer to.
    origins: tuple[str, ...] = ()


class ChatOptions(PredictionOptions, frozen=True, forbid_unknown_fields=True):
    """Options for predictions that are chats."""


class ImageOptions(PredictionOptions, frozen=True, forbid_unknown_fields=True):
    """Options for predictions that draw."""


class ImageEditOptions(PredictionOptions, frozen=True, forbid_unknown_fields=True):
    """Options for predictions that change images."""

    # Where files go that are too large for an input.
    files_path: str = "/files"


class ChatModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The input names of one maker's models; empty names are inputs that they lack."""

    # The longest output, in tokens, and the least that it may be.
    limit: str = "max_tokens"
    least_limit: int = 1
    system: str = "system_prompt"
    # The list of pictures; empty where there is one at most, as `image`.
    images: str = ""
    # Whether longer conversations go as messages; if not, as a transcript.
    takes_messages: bool = False
    # The sequences to stop at, with commas between them.
    stop: str = "stop_sequences"
    # What else of OpenAI's parameters they have, by the same name.
    parameters: tuple[str, ...] = (
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "seed",
    )


class ImageModel(AnyImageModel, frozen=True, forbid_unknown_fields=True):
    """The inputs of one family of models that draw; empty names are inputs that they lack."""

    # How many images, where a prediction can have several: `max_images` of them.
    count: str = ""
    # The ratios of sides that are taken as `aspect_ratio`; without any, a size is that in pixels.
    ratios: tuple[str, ...] = (
        "1:1",
        "16:9",
        "21:9",
        "3:2",
        "2:3",
        "4:5",
        "5:4",
        "3:4",
        "4:3",
        "9:16",
        "9:21",
    )
    # What images can be written as.
    formats: tuple[str, ...] = ("png", "jpg", "webp")
    # How much of the quality is kept, in percent.
    compression: str = "output_quality"
    # What else of our parameters they have, by the same name.
    parameters: tuple[str, ...] = ("seed",)


class ImageEditModel(ImageModel, frozen=True, forbid_unknown_fields=True):
    """The inputs of one family of models that change images."""

    # The image, or the list of those that there may be.
    image: str = "image"
    takes_several: bool = False
    # The mask, white where the image may change.
    mask: str = ""
