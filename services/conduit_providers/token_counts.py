"""Tokens as providers count them, taken apart into the leaves that they charge for."""

from collections.abc import Mapping
from operator import itemgetter
from types import MappingProxyType

import msgspec

from conduit_providers.quantities import (
    AUDIO_INPUT,
    AUDIO_OUTPUT,
    CACHE_WRITE,
    CACHED_AUDIO_INPUT,
    CACHED_IMAGE_INPUT,
    CACHED_INPUT,
    CACHED_VIDEO_INPUT,
    CITATION,
    IMAGE_INPUT,
    IMAGE_OUTPUT,
    INPUT,
    OUTPUT,
    REASONING,
    VIDEO_INPUT,
    VIDEO_OUTPUT,
    WEB_SEARCH,
    Qualifiers,
    Quantities,
    counted,
)

_CACHED = {
    INPUT: CACHED_INPUT,
    AUDIO_INPUT: CACHED_AUDIO_INPUT,
    IMAGE_INPUT: CACHED_IMAGE_INPUT,
    VIDEO_INPUT: CACHED_VIDEO_INPUT,
}
# Of a leaf, for `min`.
_COUNT = itemgetter(1)


class TokenCounts(msgspec.Struct):
    """Tokens as most providers count them: totals, and parts that the totals include.

    Where both a modality and the cache are counted, but not how much of the one is from the other,
    they overlap as little as the counts allow: what is cached is text first.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    # Parts of the input.
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    audio_input_tokens: int = 0
    image_input_tokens: int = 0
    video_input_tokens: int = 0
    # Parts of the output.
    reasoning_tokens: int = 0
    audio_output_tokens: int = 0
    image_output_tokens: int = 0
    video_output_tokens: int = 0
    # Not in the output, though they are tokens of the model's, too.
    reasoning_apart_tokens: int = 0
    citation_tokens: int = 0
    # No tokens at all.
    web_searches: int = 0
    # What the provider says that it cost, in nano-dollars; None if it does not.
    provider_cost: int | None = None

    def quantities(
        self, qualifiers: Qualifiers = (), cached: Mapping[int, int] = MappingProxyType({})
    ) -> Quantities:
        """Return the leaves.

        `cached` is how much of each modality is from the cache, by the leaf of what is not, where
        that is known. Totals whose parts do not fit into them are taken as plain tokens.
        """
        read, written = self._read(cached), self._written()
        is_consistent = True
        if min(read, key=_COUNT)[1] < 0:
            read, is_consistent = ((INPUT, self.input_tokens),), False
        if min(written, key=_COUNT)[1] < 0:
            written = ((OUTPUT, self.output_tokens), (REASONING, self.reasoning_apart_tokens))
            is_consistent = False
        others = ((CITATION, self.citation_tokens), (WEB_SEARCH, self.web_searches))
        found = counted((*read, *written, *others), qualifiers, is_consistent=is_consistent)
        return found if self.provider_cost is None else found.costing(self.provider_cost)

    def _written(self) -> tuple[tuple[int, int], ...]:
        other = self.audio_output_tokens + self.image_output_tokens + self.video_output_tokens
        return (
            (OUTPUT, self.output_tokens - self.reasoning_tokens - other),
            (REASONING, self.reasoning_tokens + self.reasoning_apart_tokens),
            (AUDIO_OUTPUT, self.audio_output_tokens),
            (IMAGE_OUTPUT, self.image_output_tokens),
            (VIDEO_OUTPUT, self.video_output_tokens),
        )

    def _read(self, cached: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
        """Return the leaves of the input; one below zero if its parts are more than it is."""
        other = self.audio_input_tokens + self.image_input_tokens + self.video_input_tokens
        if not other and not cached:
            fresh = self.input_tokens - self.cached_input_tokens - self.cache_write_tokens
            return (
                (INPUT, fresh),
                (CACHED_INPUT, self.cached_input_tokens),
                (CACHE_WRITE, self.cache_write_tokens),
            )
        pools = {
            INPUT: self.input_tokens - other,
            AUDIO_INPUT: self.audio_input_tokens,
            IMAGE_INPUT: self.image_input_tokens,
            VIDEO_INPUT: self.video_input_tokens,
        }
        for unit, count in cached.items():
            pools[unit] -= count
        rest = _take(pools, self.cached_input_tokens - sum(cached.values()))
        _take(pools, self.cache_write_tokens)
        reads = ((_CACHED[unit], rest[unit] + cached.get(unit, 0)) for unit in pools)
        return (*pools.items(), *reads, (CACHE_WRITE, self.cache_write_tokens))


def _take(pools: dict[int, int], count: int) -> dict[int, int]:
    """Take tokens out of what there is, text first; what is not there makes text negative."""
    taken = {}
    for unit, held in pools.items():
        taken[unit] = min(count, max(0, held))
        count -= taken[unit]
    taken[INPUT] += count
    for unit in pools:
        pools[unit] -= taken[unit]
    return taken
