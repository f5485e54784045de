"""Leases of virtual keys' budgets, or limits, at a router, and what calls reserve of those."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

import structlog

from conduit_kernel.errors import BudgetExceeded, ConduitError, RateLimited, ServiceUnavailable
from conduit_router.routing.table import Caller
from conduit_router.spending.key_leases import KeyLeases
from conduit_router.spending.leases import Allowance, Grant, HeldLease, Reservation, reserved
from conduit_router.spending.outages import BUDGET_OUTAGE, Outage

# How often leases are looked after; one that nobody used since goes back.
KEEP_SECONDS = 1.0
# For how long a call waits for Billing.
WAIT_SECONDS = 5.0
# For how long it is not asked again, where it could not be and calls may go on without.
AWAY_SECONDS = 5.0
# For how long a refusal holds of what no call gives back.
REFUSAL_SECONDS = 0.5
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


def _ignored(_virtual_key_id: int) -> None:
    """Let nobody hear of it."""


class LeasePool:
    """Reserves what calls may use at most from leases of their virtual keys."""

    def __init__(
        self,
        leases: Leases,
        new_id: Callable[[], str],
        clock: Callable[[], float],
        *,
        outage: Outage = BUDGET_OUTAGE,
        comes_back: bool = True,
        on_change: Callable[[int], None] = _ignored,
    ) -> None:
        """Take what asks Billing, what makes ids of leases, and a clock of seconds.

        `comes_back`: whether calls give back what they reserved. Where they do not, a refusal holds
        for a moment before Billing is asked again. `on_change` hears of virtual keys whose lease is
        no longer at hand.
        """
        self._leases = leases
        self._new_id = new_id
        self._clock = clock
        self._outage = outage
        self._comes_back = comes_back
        self._on_change = on_change
        self._keys: dict[int, KeyLeases] = {}
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

    def current(self, virtual_key_id: int) -> HeldLease | None:
        """Return the lease on which calls of a key begin, if there is one."""
        key = self._keys.get(virtual_key_id)
        return None if key is None else key.current

    def at_hand(self, virtual_key_id: int, amount: int, now: float) -> HeldLease | None:
        """Return the lease at hand if it has room for an amount, for a call that begins now.

        `now` is the time by the clock of the pool.
        """
        lease = self.current(virtual_key_id)
        if lease is None or lease.room < amount or now >= lease.usable_until:
            return None
        lease.touched_at = now
        return lease

    async def take(self, caller: Caller, amount: int, seconds: float) -> Reservation:
        """Reserve an amount of the lease at hand, or else as `acquire` does."""
        lease = self.at_hand(caller.virtual_key_id, amount, self._clock())
        if lease is not None:
            return reserved(lease, amount)
        return await self.acquire(caller, amount, seconds)

    async def acquire(
        self, caller: Caller, amount: int, seconds: float = WAIT_SECONDS
    ) -> Reservation:
        """Reserve an amount, for which Billing may have to be asked.

        BudgetExceeded or RateLimited if there is no room for it. ServiceUnavailable if Billing
        cannot be asked within some seconds, and calls may not use so much without.
        """
        key = self._keys.setdefault(caller.virtual_key_id, KeyLeases())
        amount, now = min(amount, MOST_NANO_USD), self._clock()
        if key.allowance is not None and now < key.away_until:
            allowance = self._allowance(key, caller, now)
            if allowance.room >= amount:
                return reserved(allowance, amount)
        key.wanted += amount
        answers = key.answers
        try:
            if not self._comes_back and now - key.refused_at < REFUSAL_SECONDS:
                key.raise_again(amount, now)
            async with asyncio.timeout(min(seconds, WAIT_SECONDS)), key.asking:
                lease = key.at_hand(amount, self._clock())
                if lease is not None:
                    return reserved(lease, amount)
                if key.answers > answers:
                    # Said while this call waited.
                    key.raise_again(amount, self._clock())
                return reserved(await self._ask(caller.virtual_key_id, key, amount), amount)
        except (TimeoutError, ServiceUnavailable):
            return self._without_billing(key, amount, caller)
        finally:
            key.wanted -= amount

    async def keep(self) -> None:
        """Renew the leases that calls are paid from, and give back the others: a step of a loop."""
        now = self._clock()
        for virtual_key_id, key in [*self._keys.items()]:
            self._retire(key, now)
            allowance = key.allowance
            if allowance is not None and not allowance.is_open and now >= allowance.renews_at:
                key.allowance = None
            if key.is_idle:
                del self._keys[virtual_key_id]
        await self._renew([lease for lease in self._leases_held() if lease.renew_at <= now])
        await self._release()
        if any(True for _ in self._leases_held()):
            self.held.set()

    async def give_back_missed(self) -> None:
        """Give back the leases that others may wait for, as no call goes on with them any more."""
        now = self._clock()
        while self._missed:
            key = self._keys.get(self._missed.pop())
            if key is not None:
                self._retire(key, now)
        await self._release()

    async def close(self) -> None:
        """Give back what no call is paid from any more, as this router ends."""
        for virtual_key_id, key in self._keys.items():
            self._on_change(virtual_key_id)
            self._former += key.leases()
            key.current, key.others = None, []
        await self._release()

    async def _ask(self, virtual_key_id: int, key: KeyLeases, amount: int) -> HeldLease:
        """Return a new lease that covers a call, and is the one at hand from now on."""
        await self._make_room(virtual_key_id, key)
        now, wanted = self._clock(), min(key.wanted, MOST_NANO_USD)
        lease = HeldLease(self._new_id(), now, virtual_key_id)
        spare = min(amount * key.spare_for(now), MOST_NANO_USD)
        try:
            granted = await self._leases.acquire(lease.id, virtual_key_id, amount, wanted, spare)
        except (BudgetExceeded, RateLimited) as error:
            key.note(amount, error, self._clock())
            raise
        except BaseException as error:
            # It may have been granted, and its answer was lost.
            self._former.append(lease)
            self.held.set()
            if isinstance(error, ServiceUnavailable):
                key.note(0, error, self._clock())
            raise
        key.note(0, None, now)
        lease.take(granted)
        if self._comes_back and granted.amount <= wanted:
            lease.on_idle = lambda: self._note_missed(virtual_key_id)
        self._on_change(virtual_key_id)
        key.current, key.allowance, key.granted_at = lease, None, now
        self.held.set()
        return lease

    async def _make_room(self, virtual_key_id: int, key: KeyLeases) -> None:
        """Give back what is too little for a call, so that there may be enough for it.

        What calls before it have left may just be going back: they are not to be in its way.
        """
        held = [*key.leases()]
        self._on_change(virtual_key_id)
        self._former += [lease for lease in held if not lease.is_open]
        key.current, key.others = None, [lease for lease in held if lease.is_open]
        for lease in [*self._former]:
            if lease.virtual_key_id == virtual_key_id and not lease.is_open:
                # Where it cannot be given back, it is tried again later.
                try:
                    await self._give_back(lease)
                except ServiceUnavailable:
                    # Nor can the others, of which there is one more for each time that this was so.
                    break
                except ConduitError:
                    continue
        for lease, gone in [*self._leaving.values()]:
            if lease.virtual_key_id == virtual_key_id:
                await gone.wait()

    def _note_missed(self, virtual_key_id: int) -> None:
        self._missed.add(virtual_key_id)
        self.missed.set()

    def _retire(self, key: KeyLeases, now: float) -> None:
        """Let no more calls begin on leases that are over."""
        over = [lease for lease in key.leases() if _is_over(lease, now)]
        self._former += over
        if key.current in over:
            self._on_change(key.current.virtual_key_id)
            key.current = None
        key.others = [lease for lease in key.others if lease not in over]

    def _leases_held(self) -> Iterator[HeldLease]:
        yield from self._former
        for key in self._keys.values():
            yield from key.leases()

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
                self._on_change(part[name].virtual_key_id)
                self._log.warning("lease_ended", lease_id=name)

    async def _release(self) -> None:
        for lease in [lease for lease in self._former if not lease.is_open]:
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

    def _allowance(self, key: KeyLeases, caller: Caller, now: float) -> Allowance:
        """Return what a key may use while Billing cannot be asked."""
        former = key.allowance
        if former is None or now >= former.renews_at:
            room = self._outage.allowance(caller)
            key.allowance = Allowance(room, now + self._outage.renews_after)
            return key.allowance
        return former

    def _without_billing(self, key: KeyLeases, amount: int, caller: Caller) -> Reservation:
        """Reserve an amount of what the key may use while Billing cannot be asked."""
        now = self._clock()
        key.away_until = now + AWAY_SECONDS
        allowance = self._allowance(key, caller, now)
        if allowance.room < amount:
            raise self._outage.refusal(caller, amount, allowance.renews_at - now)
        return reserved(allowance, amount)


def _is_over(lease: HeldLease, now: float) -> bool:
    is_missed = lease.on_idle is not None
    is_unused = is_missed or now - lease.touched_at >= KEEP_SECONDS
    return (not lease.is_open and is_unused) or now >= lease.usable_until
