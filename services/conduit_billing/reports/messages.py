"""Sums made into the reports of the contract. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.usage_report_pb2 import CostGroup, HourlyCount, ProviderCost, ProviderMetrics
from conduit_billing.ledger.days import DayKey, DaySum, Dimension
from conduit_billing.reports.duration_buckets import quantile
from conduit_billing.reports.store import Performance
from conduit_billing.timestamps import day_text

# The ways of grouping, as callers say them.
GROUPINGS: Mapping[str, Dimension] = {
    "provider": Dimension.PROVIDER,
    "key": Dimension.KEY,
    "account-group": Dimension.ACCOUNT_GROUP,
    "virtual-key": Dimension.VIRTUAL_KEY,
    "model": Dimension.MODEL,
    "day": Dimension.DAY,
    "tag": Dimension.TAG,
    "group": Dimension.GROUP,
}
Sums = Sequence[tuple[DayKey, DaySum]]
NameOf = Callable[[int], str]


def cost_groups(dimension: Dimension, sums: Sums, name_of: NameOf) -> list[CostGroup]:
    """Return the groups, dearest first; days in order of time."""
    if dimension is Dimension.ACCOUNT_GROUP:
        groups = _account_groups(sums, name_of)
    else:
        groups = [_group(key, total, name_of) for key, total in sums]
    if dimension is Dimension.DAY:
        return sorted(groups, key=lambda group: group.day)
    return sorted(groups, key=lambda group: (-group.total_cost_nano_usd, _label(group)))


def metrics(performance: Performance) -> ProviderMetrics:
    """Return how an instance performed."""
    hours = performance.hours.values()
    succeeded = sum(hour.successes for hour in hours)
    failed = sum(hour.failures for hour in hours)
    attempts = succeeded + failed
    duration_ms = sum(hour.duration_ms_sum for hour in hours)
    total = performance.total
    found = ProviderMetrics(
        total_requests=attempts,
        successful_requests=succeeded,
        failed_requests=failed,
        total_tokens_processed=total.input_tokens + total.output_tokens,
        total_cost_nano_usd=total.cost,
        requests_per_hour=[
            HourlyCount(hour=Timestamp(seconds=hour * 3600), count=each.successes + each.failures)
            for hour, each in performance.hours.items()
        ],
    )
    if attempts:
        # Of no attempts there is no time, and zero would be a good one.
        found.average_response_time = round(duration_ms / attempts, 1)
        found.median_response_time = round(quantile(performance.buckets, 0.5), 1)
        found.p95_response_time = round(quantile(performance.buckets, 0.95), 1)
    return found


def _account_groups(sums: Sums, name_of: NameOf) -> list[CostGroup]:
    ordered = sorted(sums, key=lambda each: each[0].name)
    groups = []
    for name, members in groupby(ordered, key=lambda each: each[0].name):
        parts = [(key.number, total) for key, total in members]
        group = _filled(CostGroup(), _added(total for _, total in parts))
        group.provider_account_group = name
        costs = [
            ProviderCost(provider_id=number, provider_name=name_of(number), cost_nano_usd=each.cost)
            for number, each in parts
        ]
        group.providers.extend(sorted(costs, key=lambda c: (-c.cost_nano_usd, c.provider_id)))
        groups.append(group)
    return groups


def _group(key: DayKey, total: DaySum, name_of: NameOf) -> CostGroup:
    group = _filled(CostGroup(), total)
    match key.dimension:
        case Dimension.PROVIDER | Dimension.KEY:
            group.provider_id = key.number
            group.provider_name = name_of(key.number)
            if key.dimension is Dimension.KEY:
                group.key_id = key.name
        case Dimension.VIRTUAL_KEY:
            group.virtual_key_id = key.number
        case Dimension.MODEL:
            group.model_alias = key.name
        case Dimension.GROUP:
            group.virtual_key_group_id = key.number
        case Dimension.TAG:
            group.tag = key.name
        case _:
            group.day = day_text(key.day)
    return group


def _filled(group: CostGroup, total: DaySum) -> CostGroup:
    group.total_cost_nano_usd = total.cost
    group.requests = total.requests
    group.unpriced_requests = total.unpriced_requests
    group.input_tokens = total.input_tokens
    group.output_tokens = total.output_tokens
    return group


def _added(sums: Iterable[DaySum]) -> DaySum:
    return DaySum(*(sum(column) for column in zip(*sums, strict=True)))


def _label(group: CostGroup) -> tuple[str, int, int, str]:
    name = group.model_alias or group.key_id or group.tag
    number = group.virtual_key_id or group.virtual_key_group_id
    return group.provider_account_group, group.provider_id, number, name
