"""What a call consumed, in the leaves that providers charge for.

A leaf is a unit of the contract (`conduit.v1.Unit`) that is part of no other: what was read from a
cache is in `CACHED_INPUT` and not in `INPUT`, too. Each codec says once, by its provider's
documentation, which counters include which; nothing is subtracted afterwards.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from conduit.v1 import charge_pb2 as pb

# As plain numbers: they are used for every call.
INPUT = int(pb.UNIT_INPUT_TOKEN)
CACHED_INPUT = int(pb.UNIT_CACHED_INPUT_TOKEN)
CACHE_WRITE = int(pb.UNIT_CACHE_WRITE_TOKEN)
CACHE_WRITE_1H = int(pb.UNIT_CACHE_WRITE_1H_TOKEN)
AUDIO_INPUT = int(pb.UNIT_AUDIO_INPUT_TOKEN)
CACHED_AUDIO_INPUT = int(pb.UNIT_CACHED_AUDIO_INPUT_TOKEN)
IMAGE_INPUT = int(pb.UNIT_IMAGE_INPUT_TOKEN)
CACHED_IMAGE_INPUT = int(pb.UNIT_CACHED_IMAGE_INPUT_TOKEN)
VIDEO_INPUT = int(pb.UNIT_VIDEO_INPUT_TOKEN)
CACHED_VIDEO_INPUT = int(pb.UNIT_CACHED_VIDEO_INPUT_TOKEN)
OUTPUT = int(pb.UNIT_OUTPUT_TOKEN)
REASONING = int(pb.UNIT_REASONING_TOKEN)
CITATION = int(pb.UNIT_CITATION_TOKEN)
AUDIO_OUTPUT = int(pb.UNIT_AUDIO_OUTPUT_TOKEN)
IMAGE_OUTPUT = int(pb.UNIT_IMAGE_OUTPUT_TOKEN)
VIDEO_OUTPUT = int(pb.UNIT_VIDEO_OUTPUT_TOKEN)
REQUEST = int(pb.UNIT_REQUEST)
WEB_SEARCH = int(pb.UNIT_WEB_SEARCH)

# No call uses so much of anything.
MOST = 10**12
# The qualifier of what was used when an answer was made that is given again.
CACHE_HIT = ("cache", "hit")
_USUAL_TIERS = frozenset({"", "auto", "default", "standard", "on_demand"})
_MAX_TIER = 40
_BATCH = ("processing", "batch")
# Beside sound that is transcribed: that words were named which are likely to be said in it, and
# that its speakers were told apart.
KEYTERMS = ("keyterms", "true")
DIARIZED = ("diarize", "true")
_MOST_DIGITS = 18

Qualifiers = tuple[tuple[str, str], ...]


class Leaf(NamedTuple):
    """A unit, and where it stands among all that is counted.

    The dimensions and their values are those of `genai-prices`, so that a leaf's price is the one
    of the most exact unit there whose dimensions the leaf has.
    """

    unit: int
    # As wire cases and catalog files name it.
    name: str
    dimensions: Mapping[str, str]
    # How many of the leaf's unit one of the unit of `genai-prices` is.
    scale: int = 1

    @property
    def is_input(self) -> bool:
        """Return whether it is tokens that the model read."""
        return self.dimensions.items() >= {("family", "tokens"), ("direction", "input")}

    @property
    def is_output(self) -> bool:
        """Return whether it is tokens that the model wrote; what it cites, others wrote."""
        is_written = self.dimensions.items() >= {("family", "tokens"), ("direction", "output")}
        return is_written and self.unit != CITATION


def _tokens(unit: int, name: str, direction: str, modality: str = "", **more: str) -> Leaf:
    dimensions = {"family": "tokens", "direction": direction, "modality": modality, **more}
    return Leaf(unit, f"{name}_tokens", {key: value for key, value in dimensions.items() if value})


def _time(unit: int, name: str, **dimensions: str) -> Leaf:
    return Leaf(unit, f"{name}_milliseconds", {"family": "durations", **dimensions}, 1000)


_READ = {"token_type": "cache_read"}
_WRITE = {"token_type": "cache_write"}
_THOUGHT = {"token_type": "reasoning"}
_CITED = {"token_type": "citation"}
_HEARD = {"direction": "input", "modality": "audio"}
_SPOKEN = {"direction": "output", "modality": "audio"}
_FILMED = {"direction": "output", "modality": "video"}
LEAVES: Mapping[int, Leaf] = MappingProxyType(
    {
        leaf.unit: leaf
        for leaf in (
            _tokens(INPUT, "input", "input", "text"),
            _tokens(CACHED_INPUT, "cached_input", "input", "text", **_READ),
            _tokens(CACHE_WRITE, "cache_write", "input", **_WRITE, cache_ttl="5m"),
            _tokens(CACHE_WRITE_1H, "cache_write_1h", "input", **_WRITE, cache_ttl="1h"),
            _tokens(AUDIO_INPUT, "audio_input", "input", "audio"),
            _tokens(CACHED_AUDIO_INPUT, "cached_audio_input", "input", "audio", **_READ),
            _tokens(IMAGE_INPUT, "image_input", "input", "image"),
            _tokens(CACHED_IMAGE_INPUT, "cached_image_input", "input", "image", **_READ),
            _tokens(VIDEO_INPUT, "video_input", "input", "video"),
            _tokens(CACHED_VIDEO_INPUT, "cached_video_input", "input", "video", **_READ),
            _tokens(OUTPUT, "output", "output", "text"),
            _tokens(REASONING, "reasoning", "output", "text", **_THOUGHT),
            _tokens(CITATION, "citation", "output", "text", **_CITED),
            _tokens(AUDIO_OUTPUT, "audio_output", "output", "audio"),
            _tokens(IMAGE_OUTPUT, "image_output", "output", "image"),
            _tokens(VIDEO_OUTPUT, "video_output", "output", "video"),
            Leaf(REQUEST, "requests", {"family": "requests"}),
            Leaf(pb.UNIT_IMAGE, "images", {"family": "images", "direction": "output"}),
            Leaf(pb.UNIT_CHARACTER, "characters", {"family": "characters", "direction": "input"}),
            Leaf(pb.UNIT_PAGE, "pages", {"family": "document_pages", "direction": "input"}),
            Leaf(pb.UNIT_SEARCH_UNIT, "search_units", {"family": "rerank"}),
            Leaf(WEB_SEARCH, "web_searches", {"family": "tool_calls", "tool_type": "web_search"}),
            Leaf(pb.UNIT_SESSION, "sessions", {"family": "sessions"}),
            Leaf(pb.UNIT_VOICE, "voices", {"family": "voices"}),
            Leaf(pb.UNIT_STEP, "steps", {"family": "steps"}),
            _time(pb.UNIT_AUDIO_INPUT_MILLISECOND, "audio_input", **_HEARD),
            _time(pb.UNIT_AUDIO_OUTPUT_MILLISECOND, "audio_output", **_SPOKEN),
            _time(pb.UNIT_VIDEO_OUTPUT_MILLISECOND, "video_output", **_FILMED),
            _time(pb.UNIT_SESSION_MILLISECOND, "session", modality="audio", kind="session"),
            _time(pb.UNIT_COMPUTE_MILLISECOND, "compute", kind="compute"),
        )
    }
)
INPUT_LEAVES = frozenset(leaf.unit for leaf in LEAVES.values() if leaf.is_input)
CACHE_READS = (CACHED_INPUT, CACHED_AUDIO_INPUT, CACHED_IMAGE_INPUT, CACHED_VIDEO_INPUT)
CACHE_WRITES = (CACHE_WRITE, CACHE_WRITE_1H)
AUDIO_INPUTS = (AUDIO_INPUT, CACHED_AUDIO_INPUT)
OUTPUT_LEAVES = frozenset(leaf.unit for leaf in LEAVES.values() if leaf.is_output)
TOKEN_LEAVES = INPUT_LEAVES | OUTPUT_LEAVES


class Quantities(msgspec.Struct, frozen=True):
    """The count of each leaf that a call used, and what else its price depends on.

    Made by `plain`, `counted` and `TokenCounts.quantities`, which let no count through that
    cannot be: here all are from 0 to `MOST`, and each leaf stands once.
    """

    leaves: tuple[tuple[int, int], ...] = ()
    # Such as `("service_tier", "flex")`, sorted; what is usual is not named.
    qualifiers: Qualifiers = ()
    # False where the provider's counters contradict each other.
    is_consistent: bool = True
    # What the provider says that it cost, in nano-dollars; None if it does not.
    provider_cost: int | None = None

    def costing(self, provider_cost: int | None) -> "Quantities":
        """Return the same with what the provider says that it cost."""
        return msgspec.structs.replace(self, provider_cost=provider_cost)

    @property
    def input_tokens(self) -> int:
        """Count all tokens read."""
        return self._of(INPUT_LEAVES)

    @property
    def output_tokens(self) -> int:
        """Count all tokens written."""
        return self._of(OUTPUT_LEAVES)

    @property
    def tokens(self) -> int:
        """Count all tokens read and written."""
        return self._of(TOKEN_LEAVES)

    def count(self, *units: int) -> int:
        """Count what was used of some leaves."""
        return self._of(units)

    def _of(self, units: Container[int]) -> int:
        total = 0
        for unit, count in self.leaves:
            if unit in units:
                total += count
        return total


def plain(read: int, written: int = 0) -> Quantities:
    """Return tokens read and written, of which nothing else is known."""
    if 0 < read <= MOST and 0 < written <= MOST:
        # Most calls.
        return Quantities(((INPUT, read), (OUTPUT, written)))
    return counted(((INPUT, read), (OUTPUT, written)))


def counted(
    leaves: Iterable[tuple[int, int]], qualifiers: Qualifiers = (), *, is_consistent: bool = True
) -> Quantities:
    """Return what was counted by leaf; what is zero is left out, what cannot be is marked."""
    found = tuple(leaf for leaf in leaves if leaf[1])
    if any(not 0 < count <= MOST for _, count in found):
        is_consistent = False
        found = tuple((unit, _possible(count)) for unit, count in found if count > 0)
    return Quantities(found, qualifiers, is_consistent)


def total(parts: Iterable[Quantities]) -> Quantities:
    """Return the sum of what the requests of one call used."""
    sums: Counter[int] = Counter()
    qualifiers: Qualifiers = ()
    is_consistent = True
    costs: list[int] = []
    for part in parts:
        for unit, count in part.leaves:
            sums[unit] += count
        qualifiers = qualifiers or part.qualifiers
        is_consistent = is_consistent and part.is_consistent
        if part.provider_cost is not None:
            costs.append(part.provider_cost)
    found = counted(sums.items(), qualifiers, is_consistent=is_consistent)
    return found.costing(sum(costs)) if costs else found


def with_written(counted: Quantities, estimate: Quantities) -> Quantities:
    """Return what was counted, with as many tokens written as an estimate has, if that is more."""
    missing = estimate.output_tokens - counted.output_tokens
    unit = next((unit for unit, _ in estimate.leaves if unit in OUTPUT_LEAVES), 0)
    if missing <= 0 or not counted.tokens:
        return counted
    return total((counted, Quantities(((unit, missing),))))


def less(whole: Quantities, part: Quantities) -> Quantities:
    """Return what is left of a count once a part of it is taken away; of nothing less than none."""
    taken = dict(part.leaves)
    left = tuple(
        (unit, count - taken.get(unit, 0))
        for unit, count in whole.leaves
        if count > taken.get(unit, 0)
    )
    return msgspec.structs.replace(whole, leaves=left)


def only(whole: Quantities, *units: int) -> Quantities:
    """Return what was counted of some leaves alone."""
    return msgspec.structs.replace(
        whole, leaves=tuple(leaf for leaf in whole.leaves if leaf[0] in units)
    )


def milliseconds(seconds: float) -> int:
    """Return a time as leaves count it; for `counted` to mark, what is too long stays so."""
    return round(max(-1, min(seconds * 1000, MOST + 1)))


def count_in(text: str) -> int | None:
    """Return the count that a header has; None if it has none."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def service_tier(tier: object) -> Qualifiers:
    """Return the qualifier of a service tier, by the provider's name; none if it is the usual.

    Batches are a way of processing to price lists, whatever providers call them.
    """
    if not isinstance(tier, str) or tier in _USUAL_TIERS:
        return ()
    return (_BATCH,) if tier == "batch" else (("service_tier", tier[:_MAX_TIER]),)


def processed_in_batch(qualifiers: Qualifiers) -> Qualifiers:
    """Return the qualifiers of what was used in a batch, of which answers need not say so."""
    return tuple(sorted({*qualifiers, _BATCH}))


def _possible(count: int) -> int:
    return min(max(0, count), MOST)
