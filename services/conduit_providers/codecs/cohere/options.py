"""What the catalog says to Cohere's dialects."""

import msgspec


class ChatOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options that hold for all models."""

    # The most that models write, of which an effort to reason is a share where the request sets no
    # limit.
    output_tokens: int = 32_768


class EmbedOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members that the API requires."""

    # What vectors are for where the request does not say.
    input_type: str = "search_document"
