"""Parts of policies, as the API shows them."""

from google.protobuf.duration_pb2 import Duration

from conduit.v1.cache_policy_pb2 import CACHE_SCOPE_ALL, CACHE_SCOPE_VIRTUAL_KEY, CachePolicy
from conduit_registry import policy_values, values
from conduit_registry.policy_messages import cache_message, duration, timeouts_message


def test_what_is_unset_is_not_shown() -> None:
    """Neither a part of a policy nor a whole one."""
    unset = [duration(None), cache_message(None), timeouts_message(values.NO_TIMEOUTS)]
    assert unset == [None] * 3
    shown = cache_message(policy_values.CachePolicy())
    assert shown == CachePolicy(scope=CACHE_SCOPE_VIRTUAL_KEY)


def test_a_cache_policy_is_shown_whole() -> None:
    """Each member of it; what is free is said, too."""
    given = policy_values.CachePolicy(1_500_000, CACHE_SCOPE_ALL, 0.0, "2")
    expected = CachePolicy(
        ttl=Duration(seconds=1, nanos=500_000_000),
        scope=CACHE_SCOPE_ALL,
        charged_share=0.0,
        version="2",
    )
    shown = cache_message(given)
    assert shown == expected
    assert shown is not None
    assert shown.HasField("charged_share")
