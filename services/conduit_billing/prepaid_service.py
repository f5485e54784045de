"""The RPCs of the BillingService about what was paid in for groups of virtual keys."""

from collections.abc import Callable

from conduit.v1 import prepaid_requests_pb2 as pb
from conduit.v1.billing_service_pb2_grpc import BillingServiceServicer
from conduit_billing.budgets.accounts import Balance
from conduit_billing.budgets.prepaid_store import PrepaidChange, PrepaidStore
from conduit_billing.budgets.rules import BudgetRules, BudgetWindow
from conduit_billing.timestamps import MICRO
from conduit_billing.validation import plain_text_of, refuse
from conduit_kernel.audit.author import author_of
from conduit_kernel.limits import number_of
from conduit_kernel.rpc.auth_interceptor import Context


class PrepaidService(BillingServiceServicer):
    """Answers the RPCs about prepaid balances."""

    _prepaid: PrepaidStore
    _budgets: BudgetRules
    _clock: Callable[[], float]

    async def TopUpVirtualKeyGroup(
        self, request: pb.TopUpVirtualKeyGroupRequest, context: Context
    ) -> pb.TopUpVirtualKeyGroupResponse:
        """Pay in."""
        amount, name = number_of(request, "amount_nano_usd"), plain_text_of(request, "top_up_id")
        window = self._window(request.virtual_key_group_id)
        change = PrepaidChange(name, amount)
        balance = await self._prepaid.pay_in(window, change, self._at(), author_of(context))
        return pb.TopUpVirtualKeyGroupResponse(prepaid_balance=_message(window, balance))

    async def AdjustPrepaidBalance(
        self, request: pb.AdjustPrepaidBalanceRequest, context: Context
    ) -> pb.AdjustPrepaidBalanceResponse:
        """Correct a balance."""
        if not (amount := number_of(request, "amount_nano_usd")):
            refuse("amountUsd", "must not be zero")
        name, reason = (plain_text_of(request, field) for field in ("adjustment_id", "reason"))
        window = self._window(request.virtual_key_group_id)
        change = PrepaidChange(name, amount, reason)
        balance = await self._prepaid.adjust(window, change, self._at(), author_of(context))
        return pb.AdjustPrepaidBalanceResponse(prepaid_balance=_message(window, balance))

    async def GetPrepaidBalance(
        self, request: pb.GetPrepaidBalanceRequest, context: Context
    ) -> pb.GetPrepaidBalanceResponse:
        """Return a balance."""
        window = self._window(request.virtual_key_group_id)
        balance = await self._prepaid.balance(window)
        return pb.GetPrepaidBalanceResponse(prepaid_balance=_message(window, balance))

    def _window(self, group_id: int) -> BudgetWindow:
        self._budgets.must_be_known()
        return self._budgets.prepaid(group_id)

    def _at(self) -> int:
        return int(self._clock() * MICRO)


def _message(window: BudgetWindow, balance: Balance) -> pb.PrepaidBalance:
    return pb.PrepaidBalance(
        virtual_key_group_id=window.owner.group_id,
        received_nano_usd=balance.limit,
        used_nano_usd=balance.spent,
        held_nano_usd=balance.held,
        remaining_nano_usd=balance.left,
    )
