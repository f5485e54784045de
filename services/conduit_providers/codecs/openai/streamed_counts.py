"""The counts of a streamed answer, wherever its events tell them."""

from conduit_providers.codecs.openai.chunks import tier_in, usage_chunk
from conduit_providers.codecs.openai.usage import counts_at
from conduit_providers.quantities import Quantities, service_tier
from conduit_providers.spec import Endpoint
from conduit_providers.token_counts import TokenCounts


class StreamedCounts:
    """Adds up what the events of one answer tell, and reports it as OpenAI does."""

    __slots__ = ("_counts", "_endpoint", "_model_event", "_report", "usage")

    def __init__(self, endpoint: Endpoint) -> None:
        self.usage: Quantities | None = None
        self._counts: TokenCounts | None = None
        self._endpoint = endpoint
        # As the provider told it, for the last chunk, whose other members are like this event's.
        self._report: object = None
        self._model_event = b""

    def count(self, reported: TokenCounts | None, event: bytes) -> None:
        """Note the counts of an event: those of its `usage`, and those that are elsewhere."""
        counts, paths = reported or self._counts, self._endpoint.usage
        if paths:
            counts = counts_at(event, paths, counts)
        if counts is not None and counts is not self._counts:
            self._counts = counts
            tier = tier_in(event, self._endpoint.service_tier)
            self.usage = counts.quantities(service_tier(tier))

    def note_event(self, event: bytes) -> None:
        """Remember an event, unless counts were told already."""
        if self._report is None:
            self._model_event = event

    def note_report(self, report: object, event: bytes) -> None:
        """Remember what was told, and the event that told it."""
        self._report, self._model_event = report, event

    def chunk(self) -> bytes | None:
        """Return the chunk that reports the counts, None if there are none."""
        if not self.usage:
            return None
        return usage_chunk(self._model_event, self.usage, self._report)
