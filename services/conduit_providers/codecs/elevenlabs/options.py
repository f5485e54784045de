"""What the catalog says to ElevenLabs' dialect."""

import msgspec


class TranscribeModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters that a family of models has."""

    # Whether it is told more languages than one that may be spoken.
    takes_languages: bool = False


class ConverseOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The path of conversations with agents."""

    # Answers with the address of one.
    agent_path: str = "/v1/convai/conversation/get-signed-url"


class ConverseModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The other end of a family of models' sessions."""

    # Whether it writes down what is said: Scribe. Others are agents, by their ids.
    is_transcriber: bool = False
