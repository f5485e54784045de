"""The hard budgets of virtual keys at a router: leases of them, and what calls reserve of those."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

import structlog

from conduit_kernel.errors import BudgetExceeded, ConduitError, ServiceUnavailable
from conduit_router.routing.policy import BudgetPolicy
from conduit_router.routing.table import Caller
from conduit_router.spending.leases import Allowance, Grant, HeldLease, Reservation

# How often leases are looked after; one that nobody used since goes back.
KEEP_SECONDS = 1.0
# For how long a call waits for Billing, and how soon it may ask again.
WAIT_SECONDS = 5.0
RETRY_MS = 1000
# For how many calls like the one that waits a lease is asked for beyond those that do.
LEAST_SPARE, MOST_SPARE = 16, 4096
# A lease that is used up sooner was too small, and one that lasts longer too large.
SHORT_SECONDS = 5.0
# More are renewed by several requests.
MAX_RENEWED = 1_000
# More than any budget has.
MOST_NANO_USD = 8_000_000 * 1_000_000_000


class Leases(Protocol):
    """Asks Billing; raises its ConduitError, ServiceUnavailable where it cannot be asked."""

    async def acquire(  # as the RPC has it
        self, name: str, virtual_key_id: int, least: int, amount: int, spare: int
    ) -> Grant:
        """Return a lease."""
        ...

    async def renew(self, names: list[str]) -> list[str]:
        """Put off the deadline of leases; return those that are no more."""
        ...

    async def release(self, name: str, spent: int) -> None:
        """Give back a lease."""
        ...


class NoLeases:
    """Stands for a Billing that cannot be asked."""

    async def acquire(
        self, name: str, virtual_key_id: int, least: int, amount: int, spare: int
    ) -> Grant:
        """Raise ServiceUnavailable."""
        raise ServiceUnavailable("There is no Billing", service="billing")

    async def renew(self, names: list[str]) -> list[str]:
        """Return all of them: there are none."""
        return names

    async def release(self, name: str, spent: int) -> None:
        """Do nothing, as nothing is held."""


class _Purse:
    """The lease that a router holds of one virtual key, and the calls that wait for one."""

    def __init__(self) -> None:
        self.current: HeldLease | None = None
        # Older ones, of which calls under way may leave something.
        self.others: list[HeldLease] = []
        self.allowance: Allowance | None = None
        # Whoever has it asks Billing; the others' calls need so much together.
        self.asking = asyncio.Lock()
        self.wanted = 0
        self.spare_calls = LEAST_SPARE
        self.granted_at = float("-inf")
        # How many answers there were, and why the last one granted nothing, from which amount on.
        self.answers = 0
        self.refusal: tuple[int, ConduitError] | None = None

    @property
    def is_idle(self) -> bool:
        """Return whether nobody holds or wants anything."""
        is_allowed = self.allowance is not None
        return not (self.current or self.others or self.wanted or is_allowed)

    def note(self, amount: int, refusal: ConduitError | None) -> None:
        """Note an answer of Billing: why it granted nothing to calls of such an amount."""
        self.answers += 1
        self.refusal = None if refusal is None else (amount, refusal)

    def spare_for(self, now: float) -> int:
        """Return for how many calls more than those that wait a lease is wanted."""
        is_short = now - self.granted_at < SHORT_SECONDS
        calls = self.spare_calls * 2 if is_short else self.spare_calls // 2
        self.spare_calls = min(max(calls, LEAST_SPARE), MOST_SPARE)
        return self.spare_calls


class Budgets:
    """Reserves what calls may cost at most from leases of their virtual keys' budgets."""

    def __init__(
        self, leases: Leases, new_id: Callable[[], str], clock: Callable[[], float]
    ) -> None:
        """Take what asks Billing, what makes ids of leases, and a clock of seconds."""
        self._leases = leases
        self._new_id = new_id
        self._clock = clock
        self._purses: dict[int, _Purse] = {}
        # Leases on which no calls begin any more, and which are to be given back.
        self._former: list[HeldLease] = []
        # Set while there are any leases.
        self.held = asyncio.Event()
        self._log = structlog.get_logger("budgets")

    def reserve(self, caller: Caller, amount: int) -> Reservation | None:
        """Reserve an amount of the lease at hand; None if it has no room for it."""
        purse = self._purses.get(caller.virtual_key_id)
        if purse is None or (lease := purse.current) is None or lease.room < amount:
            return None
        now = self._clock()
        if now >= lease.usable_until:
            return None
        lease.touched_at = now
        return Reservation(lease, amount)

    async def acquire(
        self, caller: Caller, amount: int, seconds: float = WAIT_SECONDS
    ) -> Reservation:
        """Reserve an amount, for which Billing may have to be asked.

        BudgetExceeded if a budget has no room for it. ServiceUnavailable if Billing cannot be
        asked within some seconds, and the key's policy does not let it spend so much without.
        """
        purse = self._purses.setdefault(caller.virtual_key_id, _Purse())
        amount = min(amount, MOST_NANO_USD)
        purse.wanted += amount
        answers = purse.answers
        try:
            async with asyncio.timeout(min(seconds, WAIT_SECONDS)), purse.asking:
                lease = self._at_hand(purse, amount)
                if lease is not None:
                    return Reservation(lease, amount)
                if purse.answers > answers:
                    # Said while this call waited.
                    _raise_again(purse, amount)
                return Reservation(await self._ask(caller.virtual_key_id, purse, amount), amount)
        except (TimeoutError, ServiceUnavailable):
            return _without_billing(purse, amount, caller.budget or BudgetPolicy())
        finally:
            purse.wanted -= amount

    async def keep(self) -> None:
        """Renew the leases that calls are paid from, and give back the others: a step of a loop."""
        now = self._clock()
        for virtual_key_id, purse in [*self._purses.items()]:
            if purse.current is not None and _is_over(purse.current, now):
                self._retire(purse)
            for lease in [each for each in purse.others if _is_over(each, now)]:
                purse.others.remove(lease)
                self._former.append(lease)
            if purse.is_idle:
                del self._purses[virtual_key_id]
        await self._renew([lease for lease in self._leases_held() if lease.renew_at <= now])
        await self._release()
        if any(True for _ in self._leases_held()):
            self.held.set()

    async def close(self) -> None:
        """Give back what no call is paid from any more, as this router ends."""
        for purse in self._purses.values():
            self._retire(purse)
            self._former += purse.others
            purse.others = []
        await self._release()

    async def _ask(self, virtual_key_id: int, purse: _Purse, amount: int) -> HeldLease:
        """Return a new lease that covers a call, and is the one at hand from now on."""
        await self._make_room(purse)
        now = self._clock()
        lease = HeldLease(self._new_id(), now)
        spare = min(amount * purse.spare_for(now), MOST_NANO_USD)
        try:
            granted = await self._leases.acquire(
                lease.id, virtual_key_id, amount, min(purse.wanted, MOST_NANO_USD), spare
            )
        except BudgetExceeded as error:
            purse.note(amount, error)
            raise
        except BaseException as error:
            # It may have been granted, and its answer was lost.
            self._former.append(lease)
            self.held.set()
            if isinstance(error, ServiceUnavailable):
                purse.note(0, error)
            raise
        purse.note(0, None)
        lease.take(granted)
        purse.current, purse.allowance, purse.granted_at = lease, None, now
        self.held.set()
        return lease

    def _at_hand(self, purse: _Purse, amount: int) -> HeldLease | None:
        """Return a lease that has room for an amount, None if there is none."""
        now = self._clock()
        for lease in (*purse.others, purse.current):
            if lease is not None and lease.room >= amount and now < lease.usable_until:
                lease.touched_at = now
                return lease
        return None

    async def _make_room(self, purse: _Purse) -> None:
        """Give back what is too little for a call, so that the budget may have enough for it."""
        lease = purse.current
        if lease is None:
            return
        purse.current = None
        if lease.open:
            purse.others.append(lease)
            return
        try:
            await self._leases.release(lease.id, lease.spent)
        except BaseException:
            self._former.append(lease)
            self.held.set()
            raise

    def _retire(self, purse: _Purse) -> None:
        """Let no more calls begin on the lease at hand."""
        if purse.current is not None:
            self._former.append(purse.current)
            purse.current = None

    def _leases_held(self) -> Iterator[HeldLease]:
        yield from self._former
        for purse in self._purses.values():
            yield from purse.others
            if purse.current is not None:
                yield purse.current

    async def _renew(self, due: list[HeldLease]) -> None:
        for start in range(0, len(due), MAX_RENEWED):
            part = {lease.id: lease for lease in due[start : start + MAX_RENEWED]}
            now = self._clock()
            ended = await self._leases.renew([*part])
            for lease in part.values():
                lease.renewed(now)
            for name in ended:
                # What is charged to it is spent of its budgets, but nothing more is held.
                part[name].usable_until = now
                self._log.warning("lease_ended", lease_id=name)

    async def _release(self) -> None:
        for lease in [lease for lease in self._former if not lease.open]:
            await self._leases.release(lease.id, lease.spent)
            self._former.remove(lease)


def _is_over(lease: HeldLease, now: float) -> bool:
    is_idle = not lease.open and now - lease.touched_at >= KEEP_SECONDS
    return is_idle or now >= lease.usable_until


def _raise_again(purse: _Purse, amount: int) -> None:
    """Raise why nothing was granted just now, if this call had been refused for it, too."""
    if purse.refusal is None:
        return
    refused, error = purse.refusal
    if amount >= refused:
        # Each call has an error of its own, to which it adds what it knows.
        raise type(error)(error.message, **error.metadata)


def _without_billing(purse: _Purse, amount: int, policy: BudgetPolicy) -> Reservation:
    """Reserve an amount of what the key may spend while Billing cannot be asked."""
    if purse.allowance is None:
        purse.allowance = Allowance(policy.outage_allowance)
    if purse.allowance.room < amount:
        raise ServiceUnavailable(
            "Billing, which keeps the virtual key's budget, cannot be asked",
            service="billing",
            retry_after_ms=str(RETRY_MS),
        )
    return Reservation(purse.allowance, amount)
