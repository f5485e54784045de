"""What callers say of the cache, and what comes of it."""

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_router.caching.control import CacheUse, cache_use
from conduit_router.routing.cache_policy import CachePolicy, SemanticPolicy

POLICY = CachePolicy(ttl=60.0, charged_share=0.5)


def test_nothing_is_kept_unless_somebody_says_so() -> None:
    """Neither the alias nor the caller."""
    assert cache_use(None, "") is None
    assert cache_use(None, " , ") is None


@pytest.mark.parametrize(
    ("said", "reads", "max_age", "writes"),
    [
        ("", True, 60.0, True),
        ("max-age=5", True, 5.0, True),
        ("MAX-AGE=5 , max-age=3", True, 3.0, True),
        ("max-age=0", False, 0.0, True),
        ("no-cache", False, 60.0, True),
        ("no-store", False, 60.0, False),
        ("no-store, max-age=5", False, 5.0, False),
    ],
)
def test_a_caller_may_ask_for_less_than_the_alias_gives(
    said: str, max_age: float, *, reads: bool, writes: bool
) -> None:
    """The words are those of `Cache-Control`."""
    assert cache_use(POLICY, said) == CacheUse(POLICY, reads, max_age, writes)


def test_a_caller_has_answers_kept_where_the_alias_keeps_none() -> None:
    """For as long as `max-age` says, and never for longer than any alias does."""
    for said, ttl in (("max-age=7", 7.0), ("no-cache", 300.0), ("max-age=999999999", 2_592_000)):
        use = cache_use(None, said)
        assert use is not None
        assert use.policy == CachePolicy(ttl=ttl)


def test_a_caller_may_be_answered_by_what_is_much_alike() -> None:
    """Where the alias has no way of its own, by a model that the caller may use; or not at all."""
    own = SemanticPolicy("Vectors/v1", is_of_caller=True)
    semantic = POLICY._replace(semantic=SemanticPolicy("vectors", 0.9))
    for policy, said, expected in (
        (None, "semantic=Vectors/v1", own),
        (POLICY, "max-age=5, Semantic=Vectors/v1", own),
        (semantic, "", semantic.semantic),
        (semantic, "semantic=other", semantic.semantic),
        (semantic, "exact", None),
        (POLICY, "semantic=other, exact", None),
        (POLICY, "", None),
    ):
        use = cache_use(policy, said)
        assert use is not None
        assert use.policy.semantic == expected, said


@pytest.mark.parametrize(
    "said",
    ["semantic=", "semantic", "yes", "max-age", "max-age=-1", "max-age=1.5", "max-age=9999999999"],
)
def test_other_words_are_refused(said: str) -> None:
    """Rather than taken for something."""
    with pytest.raises(InvalidRequest, match="max-age=SECONDS"):
        cache_use(POLICY, said)
