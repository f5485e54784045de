"""What the catalog says to Deepgram's dialect."""

import msgspec


class TranscribeModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters that a family of models has."""

    # By which it is told words that are likely to be said.
    terms: str = "keywords"
    # By which it is told several languages that may be spoken; empty where it takes none.
    languages: str = ""


class ConverseOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The path of models that hear turns."""

    flux_path: str = "/v2/listen"


class ConverseModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The protocol of a family of models, and its parameters."""

    # Whether it finds the turns by itself, and says so: Flux.
    is_flux: bool = False
    terms: str = "keywords"
    # By which it is told several languages that may be spoken; empty where it takes none.
    languages: str = ""
    # What it is told where the caller names no language; empty where that is best.
    any_language: str = ""
