"""What the catalog says to Google's dialects."""

from typing import Literal

import msgspec

from conduit_providers.model_rows import EmbedModel as AnyEmbedModel
from conduit_providers.model_rows import ImageModel as AnyImageModel
from conduit_providers.model_rows import SpeakModel as AnySpeakModel


class ChatOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options that hold for all models of an endpoint."""

    # Whether there is the parameter `store`.
    takes_store: bool = False


class ChatModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's thinking; the defaults are those of Gemini 3 and later."""

    # Whether it is told a level, has a budget of tokens, or does not think.
    thinking: Literal["level", "budget", "none"] = "level"
    # Whether a budget may be zero.
    can_stop_thinking: bool = True
    # The lowest level.
    least_level: Literal["MINIMAL", "LOW"] = "LOW"
    # Whether it takes tools and a JSON format at once.
    takes_json_with_tools: bool = True


class EmbedModel(AnyEmbedModel, frozen=True, forbid_unknown_fields=True):
    """The form of requests for vectors."""

    # Always by `batchEmbedContents`, each request of which names the model (the Gemini API); on
    # Vertex AI by `embedContent`, or `batchEmbedContents` for several texts; or by `predict`.
    method: Literal["batchEmbedContents", "embedContent", "predict"] = "batchEmbedContents"


class ImageOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options that hold for all models that draw."""

    # Where models that are asked by `predict` are, if elsewhere.
    predict_path: str = ""


class ImageEditOptions(ImageOptions, frozen=True, forbid_unknown_fields=True):
    """The same for models that change images."""


class ImageModel(AnyImageModel, frozen=True, forbid_unknown_fields=True):
    """The form of requests for images."""

    # The answer of a chat has one image; a prediction, which Imagen makes, has several.
    method: Literal["generateContent", "predict"] = "generateContent"
    # Parameters of predictions that only some of Google's services take, by Google's names.
    parameters: tuple[str, ...] = ()


class ImageEditModel(ImageModel, frozen=True, forbid_unknown_fields=True):
    """The same for changes of images."""


class SpeakModel(AnySpeakModel, frozen=True, forbid_unknown_fields=True):
    """The form of requests for speech."""

    # Whether the text says how it is spoken; newer models are told apart from it.
    is_directed_in_text: bool = False


class ModelsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options for listing models."""

    # How many to ask for at once.
    page_size: int = 100
    # The path of the list that follows the list of `path`, for another publisher; empty for none.
    then: str = ""
