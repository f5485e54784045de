"""What a provider type says of models: rules, maps of values and facts, told by their names."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from conduit_providers.patience import Patience

# How many models' facts an endpoint keeps at hand; names come from mappings, so there are few.
MAX_KNOWN_MODELS = 1024

FoundT = TypeVar("FoundT")
_Text = Annotated[str, msgspec.Meta(min_length=1)]
Texts = _Text | Annotated[tuple[_Text, ...], msgspec.Meta(min_length=1)]


class ModelMatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tells models by their names: one of four tests, for one text or any of several.

    Without a test every model fits. Case counts.
    """

    equals: Texts = ()
    starts_with: Texts = ()
    ends_with: Texts = ()
    contains: Texts = ()

    def fits(self, model: str) -> bool:
        """Return whether a model is meant."""
        return (
            self == EVERY_MODEL
            or model in _texts(self.equals)
            or model.startswith(self.starts_with)
            or model.endswith(self.ends_with)
            or any(part in model for part in _texts(self.contains))
        )


def _texts(given: Texts) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given


EVERY_MODEL = ModelMatch()


class ValueMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Maps values of a parameter, such as `reasoning_effort`, to those that some models know."""

    parameter: str
    match: ModelMatch = EVERY_MODEL
    # A value that means the same.
    exact: Mapping[str, str] = {}
    # The closest value, where something is lost, which callers are told; empty where there is none.
    # `*` is for all other values.
    closest: Mapping[str, str] = {}
    # The members that replace the parameter.
    replace: Mapping[str, Mapping[str, Any]] = {}


class ModelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters that some models take by another name, or not at all."""

    match: ModelMatch
    rename: Mapping[str, str] = {}
    drop: frozenset[str] = frozenset()


class ModelRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts about a family of models; of several rows the first that fits a model holds."""

    match: ModelMatch = EVERY_MODEL
    # When the provider turns the family off. Data alone: nothing refuses such a model.
    retires_on: date | None = None
    # Whether an answer goes on from a message of the model's own at the end of a conversation, or
    # repeats that message first.
    prefill: Literal["none", "continued", "repeated"] = "none"
    # How long the family may be silent; None where its names say enough.
    patience: Patience | None = None
    # The codec's own struct of facts; in the file they stand beside `match`.
    facts: Any = None


class EmbedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts that every dialect requires of a model of embeddings."""

    # The most inputs of one request; None where nobody says. Larger calls become several requests.
    max_inputs: Annotated[int, msgspec.Meta(ge=1)] | None = None


class ImageModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts that every dialect requires of a model that draws."""

    # The most images of one request; None where nobody says. More become several requests.
    max_images: Annotated[int, msgspec.Meta(ge=1)] | None = None


class ModerateModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts that every dialect requires of a model that judges."""

    # Whether its provider charges nothing for it.
    is_free: bool = False


class SpeakModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts that every dialect requires of a model that speaks."""

    # What its provider charges for, where an answer does not say how much that was.
    unit: Literal["character", "token"] = "character"
    # The most characters of one text; None where nobody says.
    max_characters: Annotated[int, msgspec.Meta(ge=1)] | None = None
    # The voices that it brings, where the provider has no list that could be asked for.
    voices: tuple[str, ...] = ()


# By operation: the facts about models that its codecs have at least; the others have none.
MODEL_FACTS: Mapping[str, type[msgspec.Struct]] = {
    "embed": EmbedModel,
    "image": ImageModel,
    "image_edit": ImageModel,
    "moderate": ModerateModel,
    "speak": SpeakModel,
}


class ByModel(dict[str, FoundT]):
    """Findings about models, kept by name once they were asked for."""

    def __init__(self, find: Callable[[str], FoundT]) -> None:
        self._find = find

    def __missing__(self, model: str) -> FoundT:
        """Find it."""
        if len(self) >= MAX_KNOWN_MODELS:
            self.clear()
        found = self[model] = self._find(model)
        return found
