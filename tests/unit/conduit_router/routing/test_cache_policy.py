"""From a chain's word to how answers are kept."""

from google.protobuf.duration_pb2 import Duration

from conduit.v1.cache_policy_pb2 import CACHE_SCOPE_ALL, CACHE_SCOPE_VIRTUAL_KEY, SemanticCache
from conduit.v1.cache_policy_pb2 import CachePolicy as Message
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit_router.routing.cache_policy import CachePolicy, SemanticPolicy, cache_policy_of


def test_a_chain_that_says_nothing_keeps_nothing() -> None:
    """Keeping answers is off by default."""
    assert cache_policy_of(FallbackChain(model_alias="gpt")) is None


def test_what_is_unset_is_the_default() -> None:
    """Five minutes, for the virtual key alone, free of charge."""
    made = cache_policy_of(FallbackChain(cache=Message()))
    assert made == CachePolicy(300.0, CACHE_SCOPE_VIRTUAL_KEY, 0.0, "")


def test_what_is_said_counts() -> None:
    """Each member of it."""
    said = Message(ttl=Duration(seconds=7), scope=CACHE_SCOPE_ALL, charged_share=0.25, version="2")
    assert cache_policy_of(FallbackChain(cache=said)) == CachePolicy(
        7.0, CACHE_SCOPE_ALL, 0.25, "2"
    )


def test_what_is_much_alike_has_terms_of_its_own() -> None:
    """0.95 and a second, unless they are said."""
    bare = Message(semantic=SemanticCache(embedding_model="vectors"))
    full = SemanticCache(embedding_model="v", threshold=0.5, timeout=Duration(nanos=500_000_000))
    for said, expected in (
        (bare, SemanticPolicy("vectors", 0.95, 1.0)),
        (Message(semantic=full), SemanticPolicy("v", 0.5, 0.5)),
    ):
        made = cache_policy_of(FallbackChain(cache=said))
        assert made is not None
        assert made.semantic == expected
