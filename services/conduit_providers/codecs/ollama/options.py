"""What the catalog says to Ollama's dialect."""

import msgspec


class ChatModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's thinking; by default it can be turned off, and the highest level is `max`."""

    # Whether it always thinks, and knows no level above `high`.
    always_thinks: bool = False
