"""The BillingService: messages in, messages out."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

from conduit.v1 import billing_requests_pb2 as pb
from conduit_billing.budgets.prepaid_store import PrepaidStore
from conduit_billing.budgets.rules import BudgetRules
from conduit_billing.instances import Instances
from conduit_billing.ledger.adjustment_store import AdjustmentStore
from conduit_billing.ledger.charges import charge_message, is_charge_id
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.prepaid_service import PrepaidService
from conduit_billing.pricing.price_list import PriceList
from conduit_billing.pricing.rule_messages import edit_of, new_draft, rule_message
from conduit_billing.pricing.rule_store import RuleStore
from conduit_billing.pricing.rules import Rule, RuleDraft
from conduit_billing.reports.charge_requests import charge_filter
from conduit_billing.reports.messages import GROUPINGS, cost_groups, metrics
from conduit_billing.reports.store import Days, ReportStore
from conduit_billing.repricing_service import RepricingService
from conduit_billing.timestamps import day_number, micros_at
from conduit_billing.validation import day, refuse
from conduit_kernel.audit.author import author_of
from conduit_kernel.followers import Followers
from conduit_kernel.pagination import page_of, text_page_of, wrong_token
from conduit_kernel.rpc.auth_interceptor import Context
from conduit_kernel.updates import must_match, select

# How far back reports go that name no first day.
DEFAULT_DAYS = 30
# Of a page of costs: an answer of so many is well within what gRPC's clients take.
MOST_GROUPS = 10_000


class BillingService(PrepaidService, RepricingService):
    """Answers the RPCs of the contract."""

    def __init__(
        self,
        *,
        rules: RuleStore,
        ledger: LedgerStore,
        reports: ReportStore,
        prices: PriceList,
        followers: Followers,
        instances: Instances,
        prepaid: PrepaidStore,
        adjustments: AdjustmentStore,
        budgets: BudgetRules,
        note_costs: Callable[[Iterable[tuple[int, int]]], None],
        clock: Callable[[], float],
    ) -> None:
        """Take the stores, what models cost, who follows it, what the Registry has, and a clock.

        `note_costs` hears what virtual keys are charged beside their charges. The clock gives
        seconds since 1970.
        """
        self._rules = rules
        self._ledger = ledger
        self._reports = reports
        self._prices = prices
        self._followers = followers
        self._instances = instances
        self._prepaid = prepaid
        self._adjustments = adjustments
        self._budgets = budgets
        self._note_costs = note_costs
        self._clock = clock
        self._refreshing = asyncio.Lock()

    async def CreateModelCost(
        self, request: pb.CreateModelCostRequest, context: Context
    ) -> pb.CreateModelCostResponse:
        """Create a price."""
        draft = new_draft(request.model_cost)
        self._instances.must_know(draft.provider_id)
        rule = await self._rules.create(draft, self._micros(), author_of(context))
        await self._use_rules()
        return pb.CreateModelCostResponse(model_cost=rule_message(rule))

    async def GetModelCost(
        self, request: pb.GetModelCostRequest, context: Context
    ) -> pb.GetModelCostResponse:
        """Return a price."""
        return pb.GetModelCostResponse(model_cost=rule_message(await self._rules.get(request.id)))

    async def ListModelCosts(
        self, request: pb.ListModelCostsRequest, context: Context
    ) -> pb.ListModelCostsResponse:
        """Return a page of the prices."""
        scope = ("model_costs", request.provider_id)
        page = page_of(request, *scope)
        rules, token = page.cut(
            await self._rules.page(
                limit=page.size + 1, after=page.after, provider_id=request.provider_id
            ),
            lambda rule: rule.id,
        )
        return pb.ListModelCostsResponse(
            model_costs=map(rule_message, rules), next_page_token=token
        )

    async def UpdateModelCost(
        self, request: pb.UpdateModelCostRequest, context: Context
    ) -> pb.UpdateModelCostResponse:
        """Change the given fields of a price."""
        spec, unset = select(request.model_cost, request.update_mask)
        # A rule that outlived its instance may still be changed, only not given to an unknown one.
        self._instances.must_know(spec.provider_id)
        edit = edit_of(spec, unset)

        def change(rule: Rule) -> RuleDraft:
            must_match(request.etag, rule_message(rule).etag)
            return edit(rule)

        rule = await self._rules.change(request.id, change, self._micros(), author_of(context))
        await self._use_rules()
        return pb.UpdateModelCostResponse(model_cost=rule_message(rule))

    async def DeleteModelCost(
        self, request: pb.DeleteModelCostRequest, context: Context
    ) -> pb.DeleteModelCostResponse:
        """Delete a price."""
        await self._rules.delete(request.id, self._micros(), author_of(context))
        await self._use_rules()
        return pb.DeleteModelCostResponse()

    async def GetCosts(self, request: pb.GetCostsRequest, context: Context) -> pb.GetCostsResponse:
        """Return what it cost, grouped."""
        grouping = request.group_by or "provider"
        if grouping not in GROUPINGS:
            refuse("groupBy", f"must be one of {', '.join(GROUPINGS)}, not {grouping[:40]!r}")
        days = self._days(request.start_date, request.end_date)
        page = page_of(request, "costs", grouping, *days, default=MOST_GROUPS)
        dimension = GROUPINGS[grouping]
        sums = await self._reports.costs(dimension, days)
        groups, token = page.slice(cost_groups(dimension, sums, self._instances.name_of))
        return pb.GetCostsResponse(cost_breakdown=groups, next_page_token=token)

    async def ListCharges(
        self, request: pb.ListChargesRequest, context: Context
    ) -> pb.ListChargesResponse:
        """Return a page of the charges."""
        of = charge_filter(request)
        page = text_page_of(request, "charges", *map(str, of))
        if page.after and not is_charge_id(page.after):
            raise wrong_token()
        found = await self._ledger.charges(limit=page.size + 1, before=page.after, of=of)
        charges, token = page.cut(found, lambda charge: charge.id)
        return pb.ListChargesResponse(charges=map(charge_message, charges), next_page_token=token)

    async def GetProviderAnalytics(
        self, request: pb.GetProviderAnalyticsRequest, context: Context
    ) -> pb.GetProviderAnalyticsResponse:
        """Return how an instance performed; also one that is gone."""
        if not request.provider_id:
            refuse("providerId", "is required")
        self._instances.must_remember(request.provider_id)
        days = self._days(request.start_date, request.end_date)
        performance = await self._reports.performance(request.provider_id, days)
        return pb.GetProviderAnalyticsResponse(
            provider_id=request.provider_id,
            provider_name=self._instances.name_of(request.provider_id),
            metrics=metrics(performance),
        )

    async def _use_rules(self) -> None:
        """Use the rules that are stored now, and wait until routers do as well."""
        await self.refresh_prices()
        await self._followers.until_used(self._prices.revision)

    async def refresh_prices(self) -> None:
        """Use the rules that are stored now; another process may have changed them."""
        # One at a time, or an older answer might replace a newer one.
        async with self._refreshing:
            self._prices.replace_rules(await self._rules.all())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _micros(self) -> int:
        return micros_at(self._now())

    def _days(self, first: str, last: str) -> Days:
        end = day("endDate", last, self._now().date())
        # The calendar has a first day.
        default = date.fromordinal(max(end.toordinal() - DEFAULT_DAYS, 1))
        start = day("startDate", first, default)
        if start > end:
            refuse("startDate", "must not be after endDate")
        return Days(day_number(start), day_number(end))
