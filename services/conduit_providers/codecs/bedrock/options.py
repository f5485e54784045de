"""What the catalog says to Bedrock's dialects."""

from typing import Literal

import msgspec

from conduit_providers.codecs.stability.options import ServiceModel
from conduit_providers.model_rows import EmbedModel as AnyEmbedModel
from conduit_providers.model_rows import ImageModel as AnyImageModel


class ModelsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options for listing models."""

    # The path of the list of inference profiles, which follows the list of `path`; empty for none.
    then: str = ""


class ChatModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The abilities of a model; the defaults are those of models of which nothing is known."""

    # Whether it answers by a schema, and keeps to those of strict tools.
    takes_schemas: bool = False
    # Whether it can be told by name which tool to call.
    takes_named_tools: bool = False
    # Whether it caches prompts; the others refuse to be told where.
    caches_prompts: bool = False
    # How an effort is said to it: as Claude's `effort` or `budget` (see Anthropic's `ChatModel`,
    # also for the five below), as a `reasoning_effort`, as Nova's `reasoningConfig`, or not at all.
    thinking: Literal["none", "effort", "budget", "reasoning_effort", "reasoningConfig"] = "none"
    takes_budget: bool = False
    least_thinking: Literal["disabled", "between_tools", "low"] = "disabled"
    knows_xhigh: bool = True
    takes_forced_tools: bool = True
    takes_sampling: bool = True
    # Where `top_k` goes in the body's `additionalModelRequestFields`.
    top_k: tuple[str, ...] = ("top_k",)


class EmbedModel(AnyEmbedModel, frozen=True, forbid_unknown_fields=True):
    """The form of the body of a maker's embeddings."""

    maker: Literal["titan", "cohere", "unknown"] = "unknown"
    # Where the number of dimensions goes in Titan's; not at all if empty.
    dimensions: tuple[str, ...] = ()
    # Whether Titan's has `normalize`.
    takes_normalize: bool = False


class ImageModel(AnyImageModel, frozen=True, forbid_unknown_fields=True):
    """The maker of a model that draws, by which the form of the body goes."""

    maker: Literal["amazon", "stability", "unknown"] = "unknown"


class ImageEditModel(ServiceModel, frozen=True, forbid_unknown_fields=True):
    """The maker of a model that changes images, and what it takes."""

    maker: Literal["amazon", "stability", "unknown"] = "unknown"
