"""The CallerUsageService: what holders of virtual keys use, and what they may."""

from collections.abc import Callable
from datetime import UTC, datetime

from conduit.internal.v1 import caller_usage_service_pb2 as pb
from conduit.internal.v1.caller_usage_service_pb2_grpc import CallerUsageServiceServicer
from conduit.v1 import caller_usage_pb2 as usage_pb
from conduit_billing.budgets.accounts import Balance
from conduit_billing.budgets.rules import BudgetRules, BudgetWindow
from conduit_billing.ledger.days import DaySum
from conduit_billing.quotas.limits import FIELDS, Limits
from conduit_billing.quotas.store import QuotaStore, resets_at
from conduit_billing.reports.caller_usage import COLUMNS, CallerUsageStore
from conduit_billing.reports.store import Days
from conduit_billing.timestamps import day_number, day_text, micros_at, timestamp_of
from conduit_billing.validation import day, refuse
from conduit_kernel.pagination import Page, text_page_of, wrong_token
from conduit_kernel.rpc.auth_interceptor import Context


class CallerUsageService(CallerUsageServiceServicer):
    """Answers Conduit's own services."""

    def __init__(
        self,
        *,
        usage: CallerUsageStore,
        budgets: BudgetRules,
        limits: Limits,
        quotas: QuotaStore,
        clock: Callable[[], float],
    ) -> None:
        """Take what keys used, what they may, what was dealt out of that, and a clock.

        The clock gives seconds since 1970.
        """
        self._usage = usage
        self._budgets = budgets
        self._limits = limits
        self._quotas = quotas
        self._clock = clock

    async def GetCallerUsage(
        self, request: pb.GetCallerUsageRequest, context: Context
    ) -> pb.GetCallerUsageResponse:
        """Return what a virtual key has used, and what is left of its budgets and limits."""
        self._budgets.must_be_known()
        asked, owner = request.request, request.virtual_key_id
        grouping = asked.group_by or "model"
        if grouping not in COLUMNS:
            refuse("group_by", f"must be one of {', '.join(COLUMNS)}, not {grouping[:40]!r}")
        now = datetime.fromtimestamp(self._clock(), UTC)
        days = _days(asked, now)
        page = text_page_of(asked, "usage", owner, grouping, *days)
        found = await self._usage.groups(
            owner, grouping, days, after=_after(page, grouping), limit=page.size + 1
        )
        groups, token = page.cut([_group(grouping, *each) for each in found], _place)
        answer = usage_pb.GetUsageResponse(object="list", data=groups, next_page_token=token)
        if not asked.page_token:
            await self._add_standings(answer, owner, micros_at(now))
        return pb.GetCallerUsageResponse(usage=answer)

    async def _add_standings(self, answer: usage_pb.GetUsageResponse, owner: int, now: int) -> None:
        windows = self._budgets.windows(owner, now)
        balances = await self._usage.balances(windows)
        answer.budgets.extend(_budget(window, balances[window]) for window in windows)
        for metric, (_, name) in FIELDS.items():
            limits = self._limits.of(owner, metric)
            used = await self._quotas.used(limits, metric, now)
            resets = resets_at(metric, now)
            answer.usage_limits.extend(
                usage_pb.LimitUse(
                    level=limit.level,
                    metric=name,
                    limit=limit.most,
                    remaining=max(0, limit.most - used[limit.owner]),
                    resets_at=None if resets is None else timestamp_of(resets),
                )
                for limit in limits
            )


def _days(asked: usage_pb.GetUsageRequest, now: datetime) -> Days:
    """Return the days that are asked for: this month's, where none are."""
    last = day("end_date", asked.end_date, now.date())
    first = day("start_date", asked.start_date, min(now.date().replace(day=1), last))
    if first > last:
        refuse("start_date", "must not be after end_date")
    return Days(day_number(first), day_number(last))


def _after(page: Page[str], grouping: str) -> str | int:
    """Return the model, or the day, that a page begins behind. InvalidRequest if it is none."""
    if grouping == "model":
        return page.after
    if not page.after:
        return -1
    if not page.after.isascii() or not page.after.isdecimal():
        raise wrong_token()
    return int(page.after)


def _group(grouping: str, place: str | int, total: DaySum) -> usage_pb.UsageGroup:
    group = usage_pb.UsageGroup(
        requests=total.requests,
        input_tokens=total.input_tokens,
        output_tokens=total.output_tokens,
        cost_nano_usd=total.cost,
        unpriced_requests=total.unpriced_requests,
    )
    if grouping == "model":
        group.model = str(place)
    else:
        group.day = day_text(int(place))
    return group


def _place(group: usage_pb.UsageGroup) -> str:
    if group.HasField("model"):
        return group.model
    return str(day_number(datetime.fromisoformat(group.day).date()))


def _budget(window: BudgetWindow, balance: Balance) -> usage_pb.BudgetUse:
    return usage_pb.BudgetUse(
        level=window.owner.level,
        period=window.period,
        limit_nano_usd=balance.limit,
        used_nano_usd=balance.spent,
        held_nano_usd=balance.held,
        remaining_nano_usd=balance.left,
        is_hard=window.is_hard,
        resets_at=None if window.whole_at is None else timestamp_of(window.whole_at),
    )
