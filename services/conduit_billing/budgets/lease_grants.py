"""How much of budgets leases get, of many that are asked for at once. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from conduit_billing.budgets.accounts import Balance, account_of, kind_of
from conduit_billing.budgets.rules import PREPAID, BudgetWindow, hard
from conduit_billing.money import dollars
from conduit_billing.parts import SPARE_SHARE, part_of
from conduit_billing.timestamps import datetime_of
from conduit_kernel.errors import BudgetExceeded


class LeaseRequest(NamedTuple):
    """A router's request for a lease, in nano-dollars."""

    id: str
    virtual_key_id: int
    # What is of use at all, what the calls need that wait, and what more would be of use.
    least: int
    amount: int
    spare: int


class Shortfall(NamedTuple):
    """A budget that has less left than a lease needs at least, and how it stands."""

    window: BudgetWindow
    balance: Balance
    needed: int


def grant(
    request: LeaseRequest, windows: Sequence[BudgetWindow], balances: dict[str, Balance]
) -> int | Shortfall:
    """Return how much a lease gets, which the balances of hard budgets have no more then.

    The balances are by `balance_key`. A `Shortfall` if one has less than the least.
    """
    left = request.amount + request.spare * SPARE_SHARE
    for window in hard(windows):
        balance = balances[balance_key(window)]
        if balance.left < request.least:
            return Shortfall(window, balance, request.least)
        left = min(left, balance.left)
    amount = part_of(left, least=request.least, amount=request.amount, spare=request.spare)
    for key in {balance_key(window) for window in hard(windows)}:
        before = balances[key]
        balances[key] = before._replace(left=before.left - amount, held=before.held + amount)
    return amount


def balance_key(window: BudgetWindow) -> str:
    """Return what the balance of a budget is known by, whichever part of the last hours it is."""
    return kind_of(window) if window.rolling_hours else account_of(window).code


def exceeded(short: Shortfall, charged: int, room_at: int | None, now: int) -> BudgetExceeded:
    """Return why a budget has no room, of which so much was charged to leases that are open.

    `room_at` is when it has; None for never.
    """
    window, balance = short.window, short.balance
    limit, used, needed = map(dollars, (balance.limit, balance.spent + charged, short.needed))
    metadata = {
        "subject": window.owner.name.replace("-", "_"),
        "period": window.period,
        "limit_usd": limit,
        "used_usd": used,
        "needed_usd": needed,
    }
    message = f"{window.owner.label} {_named(window, limit)} has no room for this call"
    message += f": ${used} are used, the rest is held by others or less than ${needed},"
    message += " which it may cost"
    if room_at is not None:
        resets_at = datetime_of(room_at).isoformat().replace("+00:00", "Z")
        metadata["resets_at"] = resets_at
        metadata["retry_after_ms"] = str(max(1, -(-(room_at - now) // 1000)))
        message += "; it has room again" if window.rolling_hours else "; it is whole again"
        message += f" at {resets_at}"
    return BudgetExceeded(message, **metadata)


def _named(window: BudgetWindow, limit: str) -> str:
    if window.rolling_hours:
        return f"budget of ${limit} in {window.rolling_hours} hours"
    if window.period == PREPAID:
        return f"prepaid balance of ${limit}"
    which = "total" if window.period == "total" else f"{window.period}'s"
    return f"{which} budget of ${limit}"
