"""Sums made into the reports of the contract. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.usage_report_pb2 import CostGroup, HourlyCount, ProviderCost, ProviderMetrics
from conduit_billing.ledger.days import DaySum
from conduit_billing.reports.duration_buckets import quantile
from conduit_billing.reports.store import GroupColumn, Performance
from conduit_billing.tables import DayRow
from conduit_billing.timestamps import day_text

# The columns that each way of grouping needs.
GROUPINGS: Mapping[str, Sequence[GroupColumn]] = {
    "provider": (DayRow.provider_id,),
    "account-group": (DayRow.account_group, DayRow.provider_id),
    "virtual-key": (DayRow.virtual_key_id,),
    "model": (DayRow.model_alias,),
    "day": (DayRow.day,),
}
Sums = Sequence[tuple[tuple[int | str, ...], DaySum]]
NameOf = Callable[[int], str]


def cost_groups(grouping: str, sums: Sums, name_of: NameOf) -> list[CostGroup]:
    """Return the groups, dearest first; days in order of time."""
    if grouping == "account-group":
        groups = _account_groups(sums, name_of)
    else:
        groups = [_group(grouping, key[0], total, name_of) for key, total in sums]
    if grouping == "day":
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
    ordered = sorted(sums, key=lambda each: str(each[0][0]))
    groups = []
    for name, members in groupby(ordered, key=lambda each: each[0][0]):
        parts = [(int(key[1]), total) for key, total in members]
        group = _filled(CostGroup(), _added(total for _, total in parts))
        group.provider_account_group = str(name)
        costs = [
            ProviderCost(provider_id=number, provider_name=name_of(number), cost_nano_usd=each.cost)
            for number, each in parts
        ]
        group.providers.extend(sorted(costs, key=lambda c: (-c.cost_nano_usd, c.provider_id)))
        groups.append(group)
    return groups


def _group(grouping: str, key: int | str, total: DaySum, name_of: NameOf) -> CostGroup:
    group = _filled(CostGroup(), total)
    match grouping:
        case "provider":
            group.provider_id = int(key)
            group.provider_name = name_of(int(key))
        case "virtual-key":
            group.virtual_key_id = int(key)
        case "model":
            group.model_alias = str(key)
        case _:
            group.day = day_text(int(key))
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
    account, model = group.provider_account_group, group.model_alias
    return account, group.provider_id, group.virtual_key_id, model
