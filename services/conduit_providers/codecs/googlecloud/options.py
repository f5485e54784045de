"""What the catalog says to Google Cloud's dialects of speech."""

import msgspec

from conduit_providers.model_rows import SpeakModel as AnySpeakModel


class SpeakModel(AnySpeakModel, frozen=True, forbid_unknown_fields=True):
    """Facts about a family of voices, or about a model whose voices are apart from it."""

    # Whether it is a model by itself: it is named beside the voice, and is told how to speak.
    is_model: bool = False


class TranscribeModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts about a family of models that hear."""

    # Whether it finds out by itself which language is spoken.
    detects_languages: bool = False


class ConverseModel(TranscribeModel, frozen=True, forbid_unknown_fields=True):
    """The same of live sound."""
