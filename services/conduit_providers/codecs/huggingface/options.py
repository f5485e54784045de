"""What the catalog says to Hugging Face's dialect."""

import msgspec


class EmbedOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The path at which a dedicated endpoint takes texts, in OpenAI's dialect."""

    dedicated_path: str = "/v1/embeddings"
