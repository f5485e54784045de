"""What the catalog says to ElevenLabs' dialect."""

import msgspec


class TranscribeModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters that a family of models has."""

    # Whether it is told more languages than one that may be spoken.
    takes_languages: bool = False
