"""The parts of policies as the API shows them."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1 import cache_policy_pb2 as cache_pb
from conduit.v1 import guardrail_pb2 as guardrail_pb
from conduit.v1 import routing_policy_pb2 as policy_pb
from conduit.v1 import timeouts_pb2 as timeouts_pb
from conduit_registry import policy_values, values


def timestamp(micros: int | None) -> Timestamp | None:
    """Return a time as protobuf has it; None stays unset."""
    if micros is None:
        return None
    stamp = Timestamp()
    stamp.FromMicroseconds(micros)
    return stamp


def duration(micros: int | None) -> Duration | None:
    """Return microseconds as the API shows them; None where they are unset."""
    if micros is None:
        return None
    duration = Duration()
    duration.FromMicroseconds(micros)
    return duration


def timeouts_message(value: values.Timeouts) -> timeouts_pb.Timeouts | None:
    """Return the limits of an attempt as the API shows them; None where none is set."""
    if value == values.NO_TIMEOUTS:
        return None
    return timeouts_pb.Timeouts(
        connect=duration(value.connect),
        first_token=duration(value.first_token),
        idle=duration(value.idle),
        total=duration(value.total),
    )


def retry_message(value: values.RetryPolicy) -> policy_pb.RetryPolicy:
    """Return limits of retries as the API shows them."""
    return policy_pb.RetryPolicy(
        failure=policy_pb.FailureClass.ValueType(value.failure),
        attempts=value.attempts,
        wait=duration(value.wait),
        max_wait=duration(value.max_wait),
    )


def hedging_message(value: values.Hedging | None) -> policy_pb.Hedging | None:
    """Return when a second candidate is asked; None where none is."""
    if value is None:
        return None
    return policy_pb.Hedging(delay=duration(value.delay), budget=value.budget)


def cache_message(value: policy_values.CachePolicy | None) -> cache_pb.CachePolicy | None:
    """Return how answers are kept; None where they are not."""
    if value is None:
        return None
    return cache_pb.CachePolicy(
        ttl=duration(value.ttl),
        scope=cache_pb.CacheScope.ValueType(value.scope),
        charged_share=value.charged_share,
        version=value.version,
        semantic=_semantic(value.semantic),
    )


def _semantic(value: policy_values.SemanticCache | None) -> cache_pb.SemanticCache | None:
    if value is None:
        return None
    return cache_pb.SemanticCache(
        embedding_model=value.embedding_model,
        threshold=value.threshold,
        timeout=duration(value.timeout),
    )


def guardrail_message(value: policy_values.Guardrail) -> guardrail_pb.Guardrail:
    """Return a guardrail as the API shows it."""
    return guardrail_pb.Guardrail(
        name=value.name,
        action=guardrail_pb.GuardrailAction.ValueType(value.action),
        stage=guardrail_pb.GuardrailStage.ValueType(value.stage),
        patterns=value.patterns,
        detectors=map(guardrail_pb.GuardrailDetector.ValueType, value.detectors),
        max_characters=value.max_characters,
        moderation_model=value.moderation_model,
        webhook=_webhook(value.webhook),
        fail_open=value.fail_open,
    )


def _webhook(value: policy_values.GuardrailWebhook | None) -> guardrail_pb.GuardrailWebhook | None:
    if value is None:
        return None
    return guardrail_pb.GuardrailWebhook(
        url=value.url, signing_key=value.signing_key, timeout=duration(value.timeout)
    )
