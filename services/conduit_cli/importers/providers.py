"""What other gateways call the providers, and where they look for keys that nobody names.

LiteLLM's names are those of its 1.110.2 (`LlmProviders`), as are the variables.
"""

from typing import NamedTuple


class Known(NamedTuple):
    """A provider type of Conduit's, and the variable that its key is in by custom."""

    kind: str
    variable: str = ""


LITELLM: dict[str, Known] = {
    "openai": Known("OpenAI", "OPENAI_API_KEY"),
    "text-completion-openai": Known("OpenAI", "OPENAI_API_KEY"),
    "custom_openai": Known("OpenAICompatible", "OPENAI_API_KEY"),
    "openai_like": Known("OpenAICompatible", "OPENAI_API_KEY"),
    "azure": Known("AzureOpenAI", "AZURE_API_KEY"),
    "azure_text": Known("AzureOpenAI", "AZURE_API_KEY"),
    "anthropic": Known("Anthropic", "ANTHROPIC_API_KEY"),
    "gemini": Known("Gemini", "GEMINI_API_KEY"),
    "vertex_ai": Known("VertexAI"),
    "vertex_ai_beta": Known("VertexAI"),
    "bedrock": Known("Bedrock"),
    "cohere": Known("Cohere", "COHERE_API_KEY"),
    "cohere_chat": Known("Cohere", "COHERE_API_KEY"),
    "mistral": Known("Mistral", "MISTRAL_API_KEY"),
    "groq": Known("Groq", "GROQ_API_KEY"),
    "ollama": Known("Ollama"),
    "ollama_chat": Known("Ollama"),
    "replicate": Known("Replicate", "REPLICATE_API_KEY"),
    "fireworks_ai": Known("Fireworks", "FIREWORKS_AI_API_KEY"),
    "huggingface": Known("HuggingFace", "HUGGINGFACE_API_KEY"),
    "openrouter": Known("OpenRouter", "OPENROUTER_API_KEY"),
    "cerebras": Known("Cerebras", "CEREBRAS_API_KEY"),
    "deepinfra": Known("DeepInfra", "DEEPINFRA_API_KEY"),
    "deepseek": Known("DeepSeek", "DEEPSEEK_API_KEY"),
    "nvidia_nim": Known("NvidiaNIM", "NVIDIA_NIM_API_KEY"),
    "perplexity": Known("Perplexity", "PERPLEXITYAI_API_KEY"),
    "sambanova": Known("SambaNova", "SAMBANOVA_API_KEY"),
    "together_ai": Known("Together", "TOGETHERAI_API_KEY"),
    "vllm": Known("vLLM"),
    "hosted_vllm": Known("vLLM"),
    "xai": Known("xAI", "XAI_API_KEY"),
    "deepgram": Known("Deepgram", "DEEPGRAM_API_KEY"),
    "elevenlabs": Known("ElevenLabs", "ELEVENLABS_API_KEY"),
    "stability": Known("StabilityAI", "STABILITY_API_KEY"),
}
# Of models that are named without their provider.
BY_MODEL = (
    (
        ("gpt-", "o1", "o3", "o4", "chatgpt-", "text-embedding-", "dall-e-", "whisper-", "tts-"),
        "openai",
    ),
    (("claude-",), "anthropic"),
)
# Those of which an environment may have the key; the first variable that is there counts.
ENVIRONMENT = (
    ("OpenAI", ("OPENAI_API_KEY",)),
    ("Anthropic", ("ANTHROPIC_API_KEY",)),
    ("Gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
    ("Mistral", ("MISTRAL_API_KEY",)),
    ("Groq", ("GROQ_API_KEY",)),
    ("Cohere", ("COHERE_API_KEY", "CO_API_KEY")),
    ("DeepSeek", ("DEEPSEEK_API_KEY",)),
    ("xAI", ("XAI_API_KEY",)),
    ("OpenRouter", ("OPENROUTER_API_KEY",)),
    ("Together", ("TOGETHER_API_KEY", "TOGETHERAI_API_KEY")),
    ("Fireworks", ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY")),
    ("Cerebras", ("CEREBRAS_API_KEY",)),
    ("Perplexity", ("PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY")),
    ("SambaNova", ("SAMBANOVA_API_KEY",)),
    ("NvidiaNIM", ("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY")),
    ("DeepInfra", ("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN")),
    ("HuggingFace", ("HF_TOKEN", "HUGGINGFACE_API_KEY")),
    ("Replicate", ("REPLICATE_API_TOKEN", "REPLICATE_API_KEY")),
    ("Deepgram", ("DEEPGRAM_API_KEY",)),
    ("ElevenLabs", ("ELEVENLABS_API_KEY",)),
    ("StabilityAI", ("STABILITY_API_KEY",)),
    ("Ultravox", ("ULTRAVOX_API_KEY",)),
)
