"""What spans and metrics say, by name: one table of all that leaves this gateway as OpenTelemetry.

Sources: the semantic conventions 1.45 of HTTP, gRPC, servers and errors (stable, but for gRPC's),
https://opentelemetry.io/docs/specs/semconv/, and those of generative AI, 0.1.0 ("Development"),
https://github.com/open-telemetry/semantic-conventions-genai. What neither has begins with
`conduit`.
"""

from collections.abc import Mapping

# HTTP and gRPC, of requests that come in.
HTTP_METHOD = "http.request.method"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"
URL_PATH = "url.path"
URL_SCHEME = "url.scheme"
USER_AGENT = "user_agent.original"
CLIENT_ADDRESS = "client.address"
RPC_SYSTEM = "rpc.system.name"
RPC_METHOD = "rpc.method"
RPC_STATUS = "rpc.response.status_code"
ERROR_TYPE = "error.type"

# Attempts at providers.
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
IS_STREAMED = "gen_ai.request.stream"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
# What cache writes were called before 0.1.0, told as well where somebody asks for the old names.
CACHE_WRITE_TOKENS_OLD = "gen_ai.usage.cache_creation.input_tokens"
SYSTEM_OLD = "gen_ai.system"

# Our own.
REQUEST_ID = "conduit.request.id"
VIRTUAL_KEY_ID = "conduit.virtual_key.id"
ALIAS = "conduit.model.alias"
INSTANCE_ID = "conduit.provider.id"
INSTANCE_NAME = "conduit.provider.name"
KEY_ID = "conduit.provider.key.id"
ATTEMPT = "conduit.attempt"
ATTEMPTS = "conduit.attempts"
FALLBACKS = "conduit.fallbacks"
COST_USD = "conduit.cost_usd"
UPSTREAM_REQUEST_ID = "conduit.upstream_request.id"

# Metrics.
INFERENCE_SECONDS = "gen_ai.client.inference.duration"
INFERENCE_FIRST_CHUNK = "gen_ai.client.inference.time_to_first_chunk"
OPERATION_SECONDS = "gen_ai.client.operation.duration"
USED_INPUT = "gen_ai.client.inference.usage.input_tokens"
USED_OUTPUT = "gen_ai.client.inference.usage.output_tokens"
USED_CACHE_READ = "gen_ai.client.inference.usage.cache_read.input_tokens"
USED_CACHE_WRITE = "gen_ai.client.inference.usage.cache_write.input_tokens"
USED_REASONING = "gen_ai.client.inference.usage.reasoning.output_tokens"
MODALITY = "gen_ai.token.modality"
# Of 1.41 and before, in the place of those above.
TOKEN_USAGE_OLD = "gen_ai.client.token.usage"  # noqa: S105 # a name
TOKEN_TYPE_OLD = "gen_ai.token.type"  # noqa: S105 # as above

# The boundaries that the conventions ask for, in seconds and in tokens.
SECONDS_BOUNDS = tuple(0.01 * 2**step for step in range(14))
TOKEN_BOUNDS_OLD = tuple(float(4**step) for step in range(14))

# Operations as the conventions name them, by what serves them; others go by our own name, as the
# conventions allow.
INFERENCES: Mapping[str, str] = {
    "chat": "chat",
    "message": "chat",
    "response": "chat",
    "content": "generate_content",
    "completion": "text_completion",
}
OTHERS: Mapping[str, str] = {"embed": "embeddings"}

# Providers as the conventions name them; others go by our own name of their type.
PROVIDERS: Mapping[str, str] = {
    "OpenAI": "openai",
    "AzureOpenAI": "azure.ai.openai",
    "Anthropic": "anthropic",
    "Bedrock": "aws.bedrock",
    "Gemini": "gcp.gemini",
    "VertexAI": "gcp.vertex_ai",
    "Cohere": "cohere",
    "Mistral": "mistral_ai",
    "Groq": "groq",
    "DeepSeek": "deepseek",
    "Perplexity": "perplexity",
    "xAI": "x_ai",
}


def operation_of(served_as: str) -> str:
    """Return an operation as the conventions name it."""
    return INFERENCES.get(served_as) or OTHERS.get(served_as, served_as)


def tells_old_names(env: Mapping[str, str]) -> bool:
    """Return whether the names of 1.41 are told beside the new ones.

    `OTEL_SEMCONV_STABILITY_OPT_IN` has a list; `gen_ai/dup` in it asks for both.
    """
    asked = env.get("OTEL_SEMCONV_STABILITY_OPT_IN", "").split(",")
    return "gen_ai/dup" in {each.strip() for each in asked}
