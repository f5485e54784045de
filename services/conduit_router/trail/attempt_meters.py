"""What attempts took and used, as OpenTelemetry's metrics; their names are in `telemetry/names`."""

from opentelemetry.metrics import Meter

from conduit_kernel.telemetry import names
from conduit_router.trail.attempt_facts import AttemptFacts, CallFacts
from conduit_router.trail.attempt_spans import provider_of
from conduit_router.trail.attempt_tokens import tokens_of

_SECONDS, _TOKENS = "s", "{token}"
Attributes = dict[str, str]


class AttemptMeters:
    """Counts the attempts of calls. Models are those of mappings, which bounds the series."""

    def __init__(self, meter: Meter, *, tells_old_names: bool) -> None:
        """Take what makes instruments."""
        self._tells_old_names = tells_old_names
        bounds = names.SECONDS_BOUNDS
        self._seconds, self._other_seconds, self._first = (
            meter.create_histogram(name, _SECONDS, explicit_bucket_boundaries_advisory=bounds)
            for name in (
                *(names.INFERENCE_SECONDS, names.OPERATION_SECONDS),
                names.INFERENCE_FIRST_CHUNK,
            )
        )
        # In the order of `Tokens`.
        self._tokens = [
            meter.create_counter(name, _TOKENS)
            for name in (
                *(names.USED_INPUT, names.USED_OUTPUT),
                *(names.USED_CACHE_READ, names.USED_CACHE_WRITE, names.USED_REASONING),
            )
        ]
        self._old = meter.create_histogram(
            names.TOKEN_USAGE_OLD,
            _TOKENS,
            explicit_bucket_boundaries_advisory=names.TOKEN_BOUNDS_OLD,
        )

    def measure(self, call: CallFacts) -> None:
        """Measure the attempts of a call."""
        for facts in call.attempts:
            self._measure(call, facts)

    def _measure(self, call: CallFacts, facts: AttemptFacts) -> None:
        attempt, operation = facts.attempt, call.operation.served_as
        is_inference = operation in names.INFERENCES
        said = {
            names.OPERATION: names.operation_of(operation),
            names.PROVIDER: provider_of(attempt),
            names.REQUEST_MODEL: attempt.candidate.model,
        }
        failed = {} if facts.failure is None else {names.ERROR_TYPE: facts.failure.code}
        seconds = facts.ended - attempt.began
        is_dup = self._tells_old_names
        if is_dup or not is_inference:
            self._other_seconds.record(seconds, said | failed)
        if not is_inference:
            return
        self._seconds.record(seconds, said | failed)
        if call.is_streamed and attempt.waited:
            self._first.record(attempt.waited, said)
        if (tokens := tokens_of(attempt)) is not None:
            for counter, count in zip(self._tokens, tokens, strict=True):
                if count:
                    counter.add(count, said | {names.MODALITY: "unknown"})
            if is_dup:
                self._old.record(tokens.input, said | {names.TOKEN_TYPE_OLD: "input"})
                self._old.record(tokens.output, said | {names.TOKEN_TYPE_OLD: "output"})
