"""What is told of the cache."""

from conduit_router.caching.answers import AnswerCache
from conduit_router.caching.metrics import CacheMetrics


def test_lookups_and_room_are_told() -> None:
    """By outcome, and also where they are zero."""
    cache = AnswerCache(lambda: 0.0)
    cache.hits, cache.similar_hits, cache.misses = 5, 2, 4
    samples = {
        (sample.name, sample.labels.get("outcome", "")): sample.value
        for metric in CacheMetrics(cache).collect()
        for sample in metric.samples
    }
    assert samples == {
        ("conduit_cache_lookups_total", "hit"): 3,
        ("conduit_cache_lookups_total", "similar"): 2,
        ("conduit_cache_lookups_total", "miss"): 4,
        ("conduit_cache_bytes", ""): 0,
        ("conduit_cache_answers", ""): 0,
    }
