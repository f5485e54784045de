"""Embeddings in dialects that are not OpenAI's: texts go in, numbers come out."""

import base64
import struct
from collections.abc import Sequence

from conduit.v1.embedding_pb2 import EmbeddingInput, EmbeddingList
from conduit_kernel.errors import InvalidRequest
from conduit_providers.failures import malformed
from conduit_providers.operation import TOKEN_INPUT
from conduit_providers.operations.embed import EmbedAnswer, EmbedCall, embed_answer
from conduit_providers.quantities import Quantities
from conduit_providers.token_texts import UnknownToken, text_of


def texts_of(call: EmbedCall, provider: str) -> list[str]:
    """Return the inputs as texts, for a provider that takes no tokens.

    That tokens were read is noted, since of which vocabulary they are no request says.
    InvalidRequest if ours has no such token.
    """
    if any(not each.HasField("text") for each in call.typed.input):
        call.drop(TOKEN_INPUT, provider)
    return [_text_of(each) for each in call.typed.input]


def _text_of(given: EmbeddingInput) -> str:
    if given.HasField("text"):
        return given.text
    try:
        return text_of(given.tokens.values)
    except UnknownToken as error:
        raise InvalidRequest(f"input cannot be read as text: {error}", field="input") from error


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
