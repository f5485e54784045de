"""Leases of virtual keys' budgets, or limits, at a router, and what calls reserve of those."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol

import structlog

from conduit_kernel.errors import BudgetExceeded, ConduitError, RateLimited, ServiceUnavailable
from conduit_router.routing.table import Caller
from conduit_router.spending.leases import Allowance, Grant, HeldLease, Reservation
from conduit_router.spending.outages import BUDGET_OUTAGE, Outage
from conduit_router.spending.purse import Purse

# How often leases are looked after; one that nobody used since goes back.
KEEP_SECONDS = 1.0
# For how long a call waits for Billing.
WAIT_SECONDS = 5.0
# For how long it is not asked again, where it could not be and calls may go on without.
AWAY_SECONDS = 5.0
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

    async def release(self, name: str, spent: int, left: int) -> None:
        """Give back a lease, of which so much was spent, and so much was left."""
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

    async def release(self, name: str, spent: int, left: int) -> None:
        """Do nothing, as nothing is held."""


class LeasePool:
    """Reserves what calls may use at most from leases of their virtual keys."""

    def __init__(
        self,
        leases: Leases,
        new_id: Callable[[], str],
        clock: Callable[[], float],
        *,
        outage: Outage = BUDGET_OUTAGE,
        refusal_seconds: float = 0.0,
    ) -> None:
        """Take what asks Billing, what makes ids of leases, and a clock of seconds.

        A refusal holds for `refusal_seconds` before Billing is asked again.
        """
        self._leases = leases
        self._new_id = new_id
        self._clock = clock
        self._outage = outage
        self._refusal_seconds = refusal_seconds
        self._purses: dict[int, Purse] = {}
        # Leases on which no calls begin any more, and which are to be given back.
        self._former: list[HeldLease] = []
        # Those of them that are being given back.
        self._leaving: dict[str, tuple[HeldLease, asyncio.Event]] = {}
        # Set while there are any leases.
        self.held = asyncio.Event()
        # The keys of leases that others may wait for, and on which no call goes on any more.
        self._missed = set[int]()
        self.missed = asyncio.Event()
        self._log = structlog.get_logger("leases")

    def reserve(self, caller: Caller, amount: int, now: float) -> Reservation | None:
        """Reserve an amount of the lease at hand; None if it has no room for it.

        `now` is the time by the clock of the pool.
        """
        purse = self._purses.get(caller.virtual_key_id)
        if purse is None or (lease := purse.current) is None or lease.room < amount:
            return None
        if now >= lease.usable_until:
            return None
        lease.touched_at = now
        return Reservation(lease, amount)

    async def acquire(
        self, caller: Caller, amount: int, seconds: float = WAIT_SECONDS
    ) -> Reservation:
        """Reserve an amount, for which Billing may have to be asked.

        BudgetExceeded or RateLimited if there is no room for it. ServiceUnavailable if Billing
        cannot be asked within some seconds, and calls may not use so much without.
        """
        purse = self._purses.setdefault(caller.virtual_key_id, Purse())
        amount, now = min(amount, MOST_NANO_USD), self._clock()
        if purse.allowance is not None and now < purse.away_until:
            allowance = self._allowance(purse, caller, now)
            if allowance.room >= amount:
                return Reservation(allowance, amount)
        purse.wanted += amount
        answers = purse.answers
        try:
            if now - purse.refused_at < self._refusal_seconds:
                purse.raise_again(amount, now)
            async with asyncio.timeout(min(seconds, WAIT_SECONDS)), purse.asking:
                lease = purse.at_hand(amount, self._clock())
                if lease is not None:
                    return Reservation(lease, amount)
                if purse.answers > answers:
                    # Said while this call waited.
                    purse.raise_again(amount, self._clock())
                return Reservation(await self._ask(caller.virtual_key_id, purse, amount), amount)
        except (TimeoutError, ServiceUnavailable):
            return self._without_billing(purse, amount, caller)
        finally:
            purse.wanted -= amount

    async def keep(self) -> None:
        """Renew the leases that calls are paid from, and give back the others: a step of a loop."""
        now = self._clock()
        for virtual_key_id, purse in [*self._purses.items()]:
            self._retire(purse, now)
            allowance = purse.allowance
            if allowance is not None and not allowance.open and now >= allowance.renews_at:
                purse.allowance = None
            if purse.is_idle:
                del self._purses[virtual_key_id]
        await self._renew([lease for lease in self._leases_held() if lease.renew_at <= now])
        await self._release()
        if any(True for _ in self._leases_held()):
            self.held.set()

    async def give_back_missed(self) -> None:
        """Give back the leases that others may wait for, as no call goes on with them any more."""
        now = self._clock()
        while self._missed:
            purse = self._purses.get(self._missed.pop())
            if purse is not None:
                self._retire(purse, now)
        await self._release()

    async def close(self) -> None:
        """Give back what no call is paid from any more, as this router ends."""
        for purse in self._purses.values():
            self._former += purse.leases()
            purse.current, purse.others = None, []
        await self._release()

    async def _ask(self, virtual_key_id: int, purse: Purse, amount: int) -> HeldLease:
        """Return a new lease that covers a call, and is the one at hand from now on."""
        await self._make_room(virtual_key_id, purse)
        now, wanted = self._clock(), min(purse.wanted, MOST_NANO_USD)
        lease = HeldLease(self._new_id(), now, virtual_key_id)
        spare = min(amount * purse.spare_for(now), MOST_NANO_USD)
        try:
            granted = await self._leases.acquire(lease.id, virtual_key_id, amount, wanted, spare)
        except (BudgetExceeded, RateLimited) as error:
            purse.note(amount, error, self._clock())
            raise
        except BaseException as error:
            # It may have been granted, and its answer was lost.
            self._former.append(lease)
            self.held.set()
            if isinstance(error, ServiceUnavailable):
                purse.note(0, error, self._clock())
            raise
        purse.note(0, None, now)
        lease.take(granted)
        if granted.amount <= wanted:
            lease.on_idle = lambda: self._note_missed(virtual_key_id)
        purse.current, purse.allowance, purse.granted_at = lease, None, now
        self.held.set()
        return lease

    async def _make_room(self, virtual_key_id: int, purse: Purse) -> None:
        """Give back what is too little for a call, so that there may be enough for it.

        What calls before it have left may just be going back: they are not to be in its way.
        """
        held = [*purse.leases()]
        self._former += [lease for lease in held if not lease.open]
        purse.current, purse.others = None, [lease for lease in held if lease.open]
        for lease in [*self._former]:
            if lease.virtual_key_id == virtual_key_id and not lease.open:
                # Where it cannot be given back, it is tried again later.
                with suppress(ConduitError):
                    await self._give_back(lease)
        for lease, gone in [*self._leaving.values()]:
            if lease.virtual_key_id == virtual_key_id:
                await gone.wait()

    def _note_missed(self, virtual_key_id: int) -> None:
        self._missed.add(virtual_key_id)
        self.missed.set()

    def _retire(self, purse: Purse, now: float) -> None:
        """Let no more calls begin on leases that are over."""
        over = [lease for lease in purse.leases() if _is_over(lease, now)]
        self._former += over
        if purse.current in over:
            purse.current = None
        purse.others = [lease for lease in purse.others if lease not in over]

    def _leases_held(self) -> Iterator[HeldLease]:
        yield from self._former
        for purse in self._purses.values():
            yield from purse.leases()

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
            await self._give_back(lease)

    async def _give_back(self, lease: HeldLease) -> None:
        """Give back a lease on which no call goes on, unless somebody else is just doing so."""
        if lease not in self._former:
            return
        self._former.remove(lease)
        _, gone = self._leaving[lease.id] = lease, asyncio.Event()
        try:
            await self._leases.release(lease.id, lease.spent, lease.room)
        except BaseException:
            self._former.append(lease)
            self.held.set()
            raise
        finally:
            del self._leaving[lease.id]
            gone.set()

    def _allowance(self, purse: Purse, caller: Caller, now: float) -> Allowance:
        """Return what a key may use while Billing cannot be asked."""
        former = purse.allowance
        if former is None or now >= former.renews_at:
            room = self._outage.allowance(caller)
            purse.allowance = Allowance(room, now + self._outage.renews_after)
            return purse.allowance
        return former

    def _without_billing(self, purse: Purse, amount: int, caller: Caller) -> Reservation:
        """Reserve an amount of what the key may use while Billing cannot be asked."""
        now = self._clock()
        purse.away_until = now + AWAY_SECONDS
        allowance = self._allowance(purse, caller, now)
        if allowance.room < amount:
            raise self._outage.refusal(caller, amount, allowance.renews_at - now)
        return Reservation(allowance, amount)


def _is_over(lease: HeldLease, now: float) -> bool:
    is_missed = lease.on_idle is not None
    is_unused = is_missed or now - lease.touched_at >= KEEP_SECONDS
    return (not lease.open and is_unused) or now >= lease.usable_until
