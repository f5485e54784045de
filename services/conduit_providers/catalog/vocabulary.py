"""The names that a catalog file may use beside its own: capabilities, and providers with prices."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

_FORMATS = frozenset({"text", "srt", "vtt", "verbose_json"})
# Formats of sound, by the names that requests have for them.
_SOUNDS = frozenset({"aac", "alaw", "flac", "mp3", "mulaw", "ogg", "opus", "pcm", "wav"})
_IMAGES = frozenset({"n", "output_format", "partial_images", "quality", "size", "transparent"})
# By operation. What a mapping or a request requires by another name, no provider type would have.
CAPABILITIES: Mapping[str, frozenset[str]] = {
    "chat": frozenset(
        {
            "audio",
            "files",
            "grammar",
            "json_object",
            "json_schema",
            "logprobs",
            "n",
            "parallel_tools",
            "prompt_cache",
            "reasoning",
            "regex",
            "seed",
            "stream",
            "structural_tag",
            "tools",
            "video",
            "vision",
        }
    ),
    "converse": frozenset({"live", "realtime"}),
    "create_voice": frozenset({"prompt"}),
    "embed": frozenset({"base64", "dimensions", "token_input"}),
    "image": _IMAGES | {"negative_prompt", "seed", "style"},
    "image_edit": _IMAGES | {"mask", "several_images"},
    "models": frozenset(),
    "moderate": frozenset({"vision"}),
    "rerank": frozenset({"structured_documents"}),
    "speak": _SOUNDS | {"instructions", "speed"},
    "transcribe": _FORMATS | {"diarized_json", "stream", "word_timestamps"},
    "translate": _FORMATS,
    "voices": frozenset(),
}
# Those of the shipped files, so that no process loads 30 MiB of prices to check names.
_SHIPPED_PRICE_PROVIDERS = frozenset(
    {
        "anthropic",
        "aws",
        "azure",
        "cerebras",
        "cohere",
        "deepseek",
        "fireworks",
        "google",
        "groq",
        "mistral",
        "openai",
        "openrouter",
        "perplexity",
        "together",
        "x-ai",
    }
)


def price_providers(name: str) -> AbstractSet[str]:
    """Return the providers that `genai-prices` knows; at least those that a name is among."""
    if name in _SHIPPED_PRICE_PROVIDERS:
        return _SHIPPED_PRICE_PROVIDERS
    from genai_prices.data import providers  # noqa: PLC0415 # slow, and seldom needed

    return {provider.id for provider in providers}
