"""What the catalog says to Mistral's dialect: the same as to OpenAI's."""

from conduit_providers.codecs.openai.options import ChatOptions

__all__ = ["ChatOptions"]
