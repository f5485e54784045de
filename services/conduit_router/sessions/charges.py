"""What a session used, and what of it was charged."""

from collections.abc import Mapping

from msgspec.structs import replace

from conduit.v1.charge_pb2 import (
    UNIT_SESSION_MILLISECOND,
    USAGE_SOURCE_EARLY_EVENT,
    USAGE_SOURCE_ESTIMATE,
    USAGE_SOURCE_PROVIDER,
)
from conduit_kernel.errors import CostUnknown
from conduit_providers.quantities import Quantities, less, only, total
from conduit_providers.session_codec import SessionTranslator
from conduit_router.accounting.prices import charge_lines
from conduit_router.calls.call_scope import CallScope
from conduit_router.routing.attempt_plan import Attempt, Consumption

_NOTHING = Quantities()


class SessionCharges:
    """Charges what a session used: at its end, and before, where what was held for it ends."""

    def __init__(self, scope: CallScope, attempt: Attempt, translator: SessionTranslator) -> None:
        """Begin with a session that is open from now on."""
        self._scope = scope
        self._attempt = attempt
        self._translator = translator
        self._began = scope.runtime.clock()
        self._opening = attempt.waited
        # What charges were made of: of the session's model, and of others by their names.
        self._charged = _NOTHING
        self._charged_of: dict[str, Quantities] = {}
        # Nano-dollars of those of the session's own model that were made before the end.
        self.cost = 0

    @property
    def seconds(self) -> float:
        """Return for how long the session has been open."""
        return self._scope.runtime.clock() - self._began

    def owed(self) -> int:
        """Return what was used costs that was not charged yet, in nano-dollars.

        CostUnknown if nobody knows.
        """
        rest = self._translator.uncounted(int(self.seconds * 1000)) or _NOTHING
        used = less(total((self._translator.usage, rest)), self._charged)
        owed = self._cost_of(self._attempt.candidate.model, used)
        for model, other in self._others().items():
            owed += self._cost_of(model, other)
        return owed

    def charge_counted(self) -> None:
        """Charge what is counted by now: no estimate that the provider's word may still replace."""
        usage, scope, attempt = self._translator.usage, self._scope, self._attempt
        rest, source = self._translator.uncounted(int(self.seconds * 1000)), USAGE_SOURCE_PROVIDER
        if rest is not None and (lasted := only(rest, int(UNIT_SESSION_MILLISECOND))).leaves:
            # How long it was so far, nobody says otherwise.
            usage, source = total((usage, lasted)), USAGE_SOURCE_ESTIMATE
        fresh = less(usage, self._charged)
        if fresh.leaves:
            self._charged = total((self._charged, fresh))
            consumption = Consumption(fresh, source, is_complete=False)
            self.cost += self._charge(attempt.candidate.model, consumption) or 0
        self._charge_others()
        scope.covered = 0

    def settle(self, *, is_whole: bool) -> None:
        """Note what was used since, for the attempt's end, and charge that of other models."""
        translator, attempt = self._translator, self._attempt
        # All the time that the session lasted was the provider's.
        attempt.waited = self._opening + self.seconds
        usage, rest = translator.usage, translator.uncounted(int(self.seconds * 1000))
        if rest is not None:
            usage, source, is_whole = total((usage, rest)), USAGE_SOURCE_ESTIMATE, False
        else:
            source = USAGE_SOURCE_PROVIDER if is_whole else USAGE_SOURCE_EARLY_EVENT
        attempt.consumption = Consumption(less(usage, self._charged), source, is_whole)
        self._charge_others()

    def _others(self) -> Mapping[str, Quantities]:
        used = self._translator.other_usage
        return {
            model: less(usage, self._charged_of.get(model, _NOTHING))
            for model, usage in used.items()
        }

    def _charge_others(self) -> None:
        for model, fresh in self._others().items():
            if fresh.leaves:
                charged = self._charged_of.get(model, _NOTHING)
                self._charged_of[model] = total((charged, fresh))
                consumption = Consumption(fresh, USAGE_SOURCE_PROVIDER, is_complete=True)
                self._charge(model, consumption)

    def _charge(self, model: str, consumption: Consumption) -> int | None:
        scope, attempt = self._scope, self._attempt
        recorder = scope.runtime.recorder
        made = attempt
        if model != attempt.candidate.model:
            made = replace(attempt, candidate=replace(attempt.candidate, model=model))
        return recorder.charge(
            scope.caller,
            scope.requirements,
            made,
            consumption,
            (self._opening + self.seconds) * 1000,
            counts=recorder.counts_of(made, scope.operation.name),
            paid_from=scope.reserved,
        )

    def _cost_of(self, model: str, used: Quantities) -> int:
        if not used.leaves:
            return 0
        prices, instance = self._scope.runtime.recorder.prices, self._attempt.candidate
        _, cost = charge_lines(used, prices.card(instance.provider_id, model))
        if cost is None:
            message = f"What the model {model!r} costs is unknown, and the key's budget is hard"
            raise CostUnknown(message, model=model)
        return cost
