"""What the catalog says to Deepgram's dialect."""

import msgspec


class TranscribeModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters that a family of models has."""

    # By which it is told words that are likely to be said.
    terms: str = "keywords"
    # By which it is told several languages that may be spoken; empty where it takes none.
    languages: str = ""
