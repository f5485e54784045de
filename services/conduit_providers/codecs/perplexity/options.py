"""What the catalog says to Perplexity's dialect."""

import msgspec


class ChatModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model's search; by default it is not offered one."""

    # Whether they are offered the search of the web unasked: those that answer by it.
    searches: bool = False
