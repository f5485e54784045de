"""Where providers' own answers say what was used, whole ones and events alike.

The counts are those of the dialects' codecs; a reader only knows where they stand.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import msgspec

from conduit_providers.codecs.anthropic.answer import Counts as AnthropicCounts
from conduit_providers.codecs.bedrock.answer import Event as ConverseEvent
from conduit_providers.codecs.bedrock.answer import qualifiers_of
from conduit_providers.codecs.cohere.answer import Counts as CohereCounts
from conduit_providers.codecs.gemini.answer import Response as GeminiResponse
from conduit_providers.codecs.gemini.grounding import searches
from conduit_providers.codecs.openai.response import ReportedResponse
from conduit_providers.codecs.openai.usage import counts_at, read_usage, tier_at
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import Quantities, service_tier
from conduit_providers.spec import Endpoint


class UsageReader(ABC):
    """Reads what one answer used, from the JSON of it or of its events, in order."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        """Take how the type serves the operation, and the model."""
        self._endpoint = endpoint
        self._model = model
        # None until it was said.
        self.usage: Quantities | None = None

    @abstractmethod
    def take(self, document: bytes) -> None:
        """Read a document. msgspec.DecodeError if it makes no sense."""


class _Nothing(UsageReader):
    """Of what costs nothing."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        super().__init__(endpoint, model)
        self.usage = Quantities()

    def take(self, document: bytes) -> None:
        """Read nothing."""


class _AnthropicHead(msgspec.Struct):
    usage: AnthropicCounts | None = None


class _Anthropic(msgspec.Struct):
    usage: AnthropicCounts | None = None
    message: _AnthropicHead | None = None


_read_anthropic = JsonReader(_Anthropic).decode


class AnthropicUsage(UsageReader):
    """Counts at the end of a message; of a stream in its first event, and later ones anew."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        """Begin with no counts."""
        super().__init__(endpoint, model)
        self._counts: AnthropicCounts | None = None

    def take(self, document: bytes) -> None:
        """Read an answer, or an event."""
        found = _read_anthropic(document)
        counts = found.usage or (found.message.usage if found.message is not None else None)
        if counts is None:
            return
        if self._counts is None:
            self._counts = counts
        else:
            self._counts.update(counts)
        self.usage = self._counts.quantities()


class _OpenAI(msgspec.Struct):
    usage: object = None
    service_tier: object = None


_read_openai = JsonReader(_OpenAI).decode


class OpenAIUsage(UsageReader):
    """Counts of chats, completions and embeddings, wherever the type's catalog file has them."""

    def take(self, document: bytes) -> None:
        """Read an answer, or an event."""
        found, endpoint = _read_openai(document), self._endpoint
        counts = read_usage(found.usage) if found.usage is not None else None
        if endpoint.usage:
            counts = counts_at(document, endpoint.usage, counts)
        if counts is None:
            return
        tier = found.service_tier
        if endpoint.service_tier:
            tier = tier_at(document, endpoint.service_tier)
        self.usage = counts.quantities(service_tier(tier))


class _Response(ReportedResponse):
    response: ReportedResponse | None = None


_read_response = JsonReader(_Response).decode


class ResponseUsage(UsageReader):
    """Counts of a response, which the event that ends it has in it."""

    def take(self, document: bytes) -> None:
        """Read an answer, or an event."""
        found = _read_response(document)
        self.usage = (found.response or found).quantities() or self.usage


_read_gemini = JsonReader(GeminiResponse).decode


class GeminiUsage(UsageReader):
    """Counts that each piece of an answer has, cumulative."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        """Begin with nothing that an answer is grounded on."""
        super().__init__(endpoint, model)
        self._grounding: list[bytes] = []

    def take(self, document: bytes) -> None:
        """Read an answer, or an event."""
        found = _read_gemini(document)
        for candidate in found.candidates or ():
            if candidate.grounding_metadata:
                self._grounding.append(bytes(candidate.grounding_metadata))
        if found.usage_metadata is not None:
            self.usage = found.usage_metadata.quantities(searches(self._grounding, self._model))


class _CohereDelta(msgspec.Struct):
    usage: CohereCounts | None = None


class _Cohere(msgspec.Struct):
    usage: CohereCounts | None = None
    delta: _CohereDelta | None = None
    # Of embeddings.
    meta: CohereCounts | None = None


_read_cohere = JsonReader(_Cohere).decode


class CohereUsage(UsageReader):
    """Counts of chats, which the event that ends a stream has in its delta, and of embeddings."""

    def take(self, document: bytes) -> None:
        """Read an answer, or an event."""
        found = _read_cohere(document)
        delta = found.delta.usage if found.delta is not None else None
        counts = found.usage or delta or found.meta
        if counts is not None:
            self.usage = counts.quantities() or self.usage


_read_converse = JsonReader(ConverseEvent).decode


class ConverseUsage(UsageReader):
    """Counts of Bedrock's Converse, with what their price depends on; streams tell them last."""

    def take(self, document: bytes) -> None:
        """Read an answer, or an event."""
        found = _read_converse(document)
        if found.usage is not None:
            self.usage = found.usage.quantities(qualifiers_of(found))


# What a provider counts for nothing, and charges for nothing.
FREE = "free"
READERS: Mapping[str, Callable[[Endpoint, str], UsageReader]] = {
    "anthropic": AnthropicUsage,
    "bedrock": ConverseUsage,
    "cohere": CohereUsage,
    FREE: _Nothing,
    "gemini": GeminiUsage,
    "openai": OpenAIUsage,
    "openai_response": ResponseUsage,
}
