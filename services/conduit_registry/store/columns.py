"""Column types that keep plain values as JSON, so that they compare and cannot change."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from conduit_registry.mcp_values import McpGrant
from conduit_registry.policy_values import CachePolicy, Guardrail, GuardrailWebhook, SemanticCache
from conduit_registry.values import Budget, Hedging, RetryPolicy, Timeouts, UsageLimits

ItemT = TypeVar("ItemT")
ObjectT = TypeVar("ObjectT", Timeouts, Hedging, UsageLimits, CachePolicy)


class _JsonTuple(sa.types.TypeDecorator[tuple[ItemT, ...]], Generic[ItemT]):
    """Values in order, as a JSON array."""

    impl = sa.JSON

    def process_bind_param(
        self, value: Sequence[ItemT] | None, dialect: Dialect
    ) -> list[Any] | None:
        """Store a list."""
        return None if value is None else list(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[ItemT, ...] | None:  # noqa: ANN401 # what JSON gives
        """Return a tuple."""
        return None if value is None else tuple(value)


class TextList(_JsonTuple[str]):
    """Texts in order."""

    cache_ok = True


class NumberList(_JsonTuple[int]):
    """Numbers in order."""

    cache_ok = True


class RetryPolicyList(_JsonTuple[RetryPolicy]):
    """Retry policies in order, each as an object."""

    cache_ok = True

    def process_bind_param(
        self, value: Sequence[RetryPolicy] | None, dialect: Dialect
    ) -> list[Any] | None:
        """Store a list of objects."""
        return None if value is None else [_said(each) for each in value]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[RetryPolicy, ...] | None:  # noqa: ANN401 # what JSON gives
        """Return a tuple."""
        return None if value is None else tuple(RetryPolicy(**each) for each in value)


class BudgetList(_JsonTuple[Budget]):
    """Budgets in order, each as an object."""

    cache_ok = True

    def process_bind_param(
        self, value: Sequence[Budget] | None, dialect: Dialect
    ) -> list[Any] | None:
        """Store a list of objects."""
        return None if value is None else [each._asdict() for each in value]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[Budget, ...] | None:  # noqa: ANN401 # what JSON gives
        """Return a tuple."""
        return None if value is None else tuple(Budget(**each) for each in value)


class GuardrailList(_JsonTuple[Guardrail]):
    """Guardrails in order, each as an object."""

    cache_ok = True

    def process_bind_param(
        self, value: Sequence[Guardrail] | None, dialect: Dialect
    ) -> list[Any] | None:
        """Store a list of objects."""
        return None if value is None else [_plain(each) for each in value]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[Guardrail, ...] | None:  # noqa: ANN401 # what JSON gives
        """Return a tuple."""
        return None if value is None else tuple(_guardrail(**each) for each in value)


class McpGrantList(_JsonTuple[McpGrant]):
    """Grants in order, each as an object."""

    cache_ok = True

    def process_bind_param(
        self, value: Sequence[McpGrant] | None, dialect: Dialect
    ) -> list[Any] | None:
        """Store a list of objects."""
        return None if value is None else [each._asdict() for each in value]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[McpGrant, ...] | None:  # noqa: ANN401 # what JSON gives
        """Return a tuple."""
        if value is None:
            return None
        return tuple(McpGrant(**each | {"tools": tuple(each["tools"])}) for each in value)


def _plain(value: Guardrail) -> dict[str, Any]:
    webhook = None if value.webhook is None else value.webhook._asdict()
    return value._asdict() | {"webhook": webhook}


def _guardrail(**said: Any) -> Guardrail:  # noqa: ANN401 # as above
    webhook = said.get("webhook")
    said["webhook"] = None if webhook is None else GuardrailWebhook(**webhook)
    said["patterns"], said["detectors"] = tuple(said["patterns"]), tuple(said["detectors"])
    return Guardrail(**said)


class _JsonObject(sa.types.TypeDecorator[ObjectT], Generic[ObjectT]):
    """A value, as an object of those of its fields that are set."""

    impl = sa.JSON(none_as_null=True)
    made_of: type[ObjectT]

    def process_bind_param(self, value: ObjectT | None, dialect: Dialect) -> Any:  # noqa: ANN401 # what JSON takes
        """Store an object."""
        return None if value is None else _said(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> ObjectT | None:  # noqa: ANN401 # what JSON gives
        """Return the value."""
        return None if value is None else self.made_of(**value)


class TimeoutsColumn(_JsonObject[Timeouts]):
    """The limits of an attempt."""

    cache_ok = True
    made_of = Timeouts


class UsageLimitsColumn(_JsonObject[UsageLimits]):
    """The most that may be used."""

    cache_ok = True
    made_of = UsageLimits


class HedgingColumn(_JsonObject[Hedging]):
    """The hedging of an alias, or none."""

    cache_ok = True
    made_of = Hedging


class CachePolicyColumn(_JsonObject[CachePolicy]):
    """The cache policy of an alias, or none."""

    cache_ok = True
    made_of = CachePolicy

    def process_bind_param(self, value: CachePolicy | None, dialect: Dialect) -> Any:  # noqa: ANN401 # as above
        """Store an object, with one in it."""
        stored = super().process_bind_param(value, dialect)
        if value is not None and value.semantic is not None:
            stored["semantic"] = value.semantic._asdict()
        return stored

    def process_result_value(self, value: Any, dialect: Dialect) -> CachePolicy | None:  # noqa: ANN401 # as above
        """Return the value."""
        if value is not None and value.get("semantic") is not None:
            value = value | {"semantic": SemanticCache(**value["semantic"])}
        return super().process_result_value(value, dialect)


def _said(value: RetryPolicy | Timeouts | Hedging | UsageLimits | CachePolicy) -> dict[str, Any]:
    return {name: each for name, each in value._asdict().items() if each is not None}
