"""Parts of policies, as the API shows them."""

from google.protobuf.duration_pb2 import Duration

from conduit.v1.cache_policy_pb2 import (
    CACHE_SCOPE_ALL,
    CACHE_SCOPE_VIRTUAL_KEY,
    CachePolicy,
    SemanticCache,
)
from conduit.v1.guardrail_pb2 import (
    GUARDRAIL_ACTION_REDACT,
    GUARDRAIL_DETECTOR_CREDIT_CARD,
    GUARDRAIL_STAGE_REQUEST,
    Guardrail,
    GuardrailWebhook,
)
from conduit_registry import policy_values, values
from conduit_registry.policy_messages import (
    cache_message,
    duration,
    guardrail_message,
    timeouts_message,
)


def test_what_is_unset_is_not_shown() -> None:
    """Neither a part of a policy nor a whole one."""
    unset = [duration(None), cache_message(None), timeouts_message(values.NO_TIMEOUTS)]
    assert unset == [None] * 3
    shown = cache_message(policy_values.CachePolicy())
    assert shown == CachePolicy(scope=CACHE_SCOPE_VIRTUAL_KEY)


def test_a_cache_policy_is_shown_whole() -> None:
    """Each member of it; what is free is said, too."""
    semantic = policy_values.SemanticCache("vectors", 0.9, 2_000_000)
    given = policy_values.CachePolicy(1_500_000, CACHE_SCOPE_ALL, 0.0, "2", semantic)
    expected = CachePolicy(
        ttl=Duration(seconds=1, nanos=500_000_000),
        scope=CACHE_SCOPE_ALL,
        charged_share=0.0,
        version="2",
        semantic=SemanticCache(
            embedding_model="vectors", threshold=0.9, timeout=Duration(seconds=2)
        ),
    )
    shown = cache_message(given)
    assert shown == expected
    assert shown is not None
    assert shown.HasField("charged_share")


def test_a_guardrail_is_shown_whole() -> None:
    """With whom it asks, where it asks anybody."""
    webhook = policy_values.GuardrailWebhook("https://a.example", "env:KEY", 1_000_000)
    given = policy_values.Guardrail("g", 2, 1, ("a",), (4,), 7, "moderates", webhook, True)  # noqa: FBT003 # a tuple's
    assert guardrail_message(given) == Guardrail(
        name="g",
        action=GUARDRAIL_ACTION_REDACT,
        stage=GUARDRAIL_STAGE_REQUEST,
        patterns=["a"],
        detectors=[GUARDRAIL_DETECTOR_CREDIT_CARD],
        max_characters=7,
        moderation_model="moderates",
        webhook=GuardrailWebhook(
            url="https://a.example", signing_key="env:KEY", timeout=Duration(seconds=1)
        ),
        fail_open=True,
    )
    bare = guardrail_message(policy_values.Guardrail("g", 1, 3))
    assert not bare.HasField("webhook")
