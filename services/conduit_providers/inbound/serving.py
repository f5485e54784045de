"""Which codec serves callers who speak another dialect than that of OpenAI's chats.

A provider's own, where it speaks the same dialect, so that calls pass as they are; otherwise one
that translates to the codec of the operation.
"""

from collections.abc import Callable, Mapping
from typing import Any

from conduit_providers.codecs import codec_named, has_codec
from conduit_providers.inbound.completion_choice import chosen_codec
from conduit_providers.inbound.content_dialect import content_codec
from conduit_providers.inbound.counting_codecs import (
    content_counting_codec,
    counting_codec,
    message_counting_codec,
    response_counting_codec,
)
from conduit_providers.inbound.message_dialect import message_codec
from conduit_providers.inbound.no_compaction import NoCompactionCodec
from conduit_providers.inbound.response_dialect import response_codec
from conduit_providers.spec import Endpoint

_MADE: Mapping[str, Callable[[Any], Any]] = {
    "content": content_codec,
    "message": message_codec,
    "response": response_codec,
}


_COUNTS: Mapping[str, Callable[[Endpoint], Any]] = {
    "content_count": content_counting_codec,
    "token_count": counting_codec,
}


# What a provider of OpenAI's Responses may have beside them, by where it stands.
_PARTS: Mapping[str, str] = {"response_count": "input_tokens", "response_compaction": "compact"}
_ELSEWHERE: Mapping[str, Callable[[Endpoint], Any]] = {
    "message_count": message_counting_codec,
    "response_count": response_counting_codec,
    "response_compaction": lambda _: NoCompactionCodec(),
}


def inbound_codec(dialect: str, endpoint: Endpoint, codec: Any) -> Any:  # noqa: ANN401 # of each its own
    """Return the codec of a dialect of callers', given the operation's."""
    if dialect == "completion":
        return chosen_codec(endpoint, codec)
    if dialect in _COUNTS:
        return _COUNTS[dialect](endpoint)
    own = f"{endpoint.codec.partition('_')[0]}_{dialect}"
    if "." not in endpoint.codec and has_codec(own) and _passes(dialect, endpoint):
        return codec_named(own)
    elsewhere = _ELSEWHERE.get(dialect)
    return elsewhere(endpoint) if elsewhere is not None else _MADE[dialect](codec)


def _passes(dialect: str, endpoint: Endpoint) -> bool:
    """Return whether a provider takes a dialect as it is.

    Many speak OpenAI's chats; what they have of its Responses differs, and is translated for.
    """
    if dialect in _PARTS:
        return _PARTS[dialect] in endpoint.options.responses_parts
    return dialect != "response" or bool(endpoint.options.responses_path)
