"""What the catalog says to Ollama's dialect."""

import msgspec


class ChatOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The paths of what Ollama speaks beside its own dialect."""

    # The path to which OpenAI's older completions pass.
    completions_path: str = ""


class ChatModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's thinking; by default it can be turned off, and the highest level is `max`."""

    # Whether it always thinks, and knows no level above `high`.
    always_thinks: bool = False
