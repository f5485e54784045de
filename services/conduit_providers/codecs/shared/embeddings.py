"""Embeddings in dialects that are not OpenAI's: texts go in, numbers come out."""

import base64
import struct
from collections.abc import Sequence

from conduit.v1.embedding_pb2 import EmbeddingList, EmbeddingRequest
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.failures import malformed
from conduit_providers.operations.embed import EmbedAnswer, EmbedCall, embed_answer
from conduit_providers.quantities import Quantities

# The commonest sender of tokens, by default.
_FRAMEWORK_SETTING = "LangChain does with check_embedding_ctx_length=False"


def texts_of(request: EmbeddingRequest, provider: str) -> list[str]:
    """Return the inputs. UnsupportedCapability if any of them is not a text but tokens."""
    if any(not each.HasField("text") for each in request.input):
        # Of which vocabulary they are, no request says.
        message = f"{provider} embeds texts, not tokens; send texts ({_FRAMEWORK_SETTING})"
        raise UnsupportedCapability(message, capability="token_input")
    return [each.text for each in request.input]


def vectors_answer(
    vectors: Sequence[Sequence[float]],
    call: EmbedCall,
    usage: Quantities | None,
    model: str = "",
    beside: bytes = b"",
) -> EmbedAnswer:
    """Return vectors as OpenAI's answers have them, in the encoding that the caller asked for.

    `model` is what the provider says that it is; the call's if it says nothing. `beside` has the
    members of its own, as JSON. UpstreamError if a number is larger than the encoding holds.
    """
    listed = EmbeddingList(object="list", model=model or call.model, unknown_json=beside)
    is_base64 = call.typed.encoding_format == "base64"
    for place, values in enumerate(vectors):
        vector = listed.data.add(object="embedding", index=place).embedding
        if is_base64:
            vector.base64 = packed(values, call.provider)
        else:
            vector.floats.values.extend(values)
    # OpenAI's answers always have counts.
    listed.usage.SetInParent()
    if usage is not None:
        listed.usage.prompt_tokens = listed.usage.total_tokens = usage.input_tokens
    return embed_answer(usage=usage, typed=listed)


def packed(values: Sequence[float], provider: str) -> str:
    """Return numbers as OpenAI packs them: floats of 32 bits, little end first, in base64.

    UpstreamError if one is larger than that holds.
    """
    try:
        floats = struct.pack(f"<{len(values)}f", *values)
    except OverflowError as error:
        raise malformed(provider, "a number of its vectors is too large") from error
    return base64.b64encode(floats).decode()
