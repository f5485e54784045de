"""All that a router has at hand of one virtual key, and what one call has reserved of it."""

import msgspec

from conduit_providers.quantities import Quantities
from conduit_router.routing.policy import UsagePolicy
from conduit_router.spending.leases import HeldLease, Reservation, Source
from conduit_router.spending.standing import REQUESTS, TOKENS, Standing


class Needs(msgspec.Struct, frozen=True, gc=False):
    """The most that a call may use of its virtual key's budgets and limits."""

    # In nano-dollars; 0 where no budget is hard, or nothing is to be paid.
    cost: int = 0
    # At least one where they are limited.
    tokens: int = 0


class Purse(msgspec.Struct, frozen=True, eq=False):
    """The leases at hand of a virtual key, from which a call takes its parts in one step."""

    # What they are of: each that is limited has its lease here, but for a budget of which nothing
    # was needed yet.
    usage: UsagePolicy
    place: HeldLease | None
    request: HeldLease | None
    tokens: HeldLease | None
    cost: HeldLease | None
    usable_until: float

    def take(self, needs: Needs, now: float) -> "Reserved | None":
        """Return a call's parts; None unless all leases have room for it."""
        place, request, tokens, cost = self.place, self.request, self.tokens, self.cost
        most_cost, most_tokens = needs.cost, needs.tokens
        if now >= self.usable_until or (place is not None and place.room < 1):
            return None
        if request is not None and request.room < 1:
            return None
        if tokens is not None and tokens.room < most_tokens:
            return None
        if most_cost and (cost is None or cost.room < most_cost):
            return None
        # From here on nothing is missing.
        if place is not None:
            place.room -= 1
            place.touched_at = now
        if request is not None:
            request.room -= 1
            request.spent += 1
            request.touched_at = now
        if tokens is not None:
            tokens.room -= most_tokens
            tokens.touched_at = now
        if not most_cost:
            cost = None
        elif cost is not None:
            cost.room -= most_cost
            cost.touched_at = now
        return Reserved(place, request, tokens, cost, most_tokens, most_cost)


class Reserved(msgspec.Struct, eq=False, gc=False):
    """A call's parts of its virtual key's budgets and limits. End it once."""

    # A place among the calls under way, one of the minute's requests, which is used as soon as the
    # call has all it needs, tokens of the minute, and nano-dollars; None of what is not limited.
    place: Source | None = None
    request: Source | None = None
    tokens: Source | None = None
    cost: Source | None = None
    most_tokens: int = 0
    most_cost: int = 0
    used_tokens: int = 0
    spent: int = 0

    def covers(self, cost: int) -> bool:
        """Return whether so much more may be spent; reserve more where there is room for it."""
        if (source := self.cost) is None:
            return True
        more = self.spent + cost - self.most_cost
        if more > source.room:
            return False
        if more > 0:
            source.room -= more
            self.most_cost += more
        return True

    def has_held(self, cost: int) -> bool:
        """Return whether so much more may be spent of what is reserved already."""
        return self.cost is None or self.spent + cost <= self.most_cost

    def is_usable(self, now: float) -> bool:
        """Return whether calls may begin on the lease that pays."""
        return self.cost is None or self.cost.is_usable(now)

    def give_back_cost(self) -> None:
        """Give back the reserved nano-dollars that were not spent."""
        if self.cost is not None:
            self.cost.settle(self.most_cost, self.spent)
        self.most_cost = self.spent = 0

    def go_on_with(self, more: Reservation) -> None:
        """Give back the rest of what was reserved, and spend this from now on."""
        self.give_back_cost()
        self.cost, self.most_cost = more.source, more.amount

    def pay(self, usage: Quantities, cost: int) -> str:
        """Count what an attempt used and cost; return the lease that pays, empty for none."""
        if self.tokens is not None:
            self.used_tokens += usage.tokens
        if self.cost is None:
            return ""
        self.spent += cost
        return self.cost.id

    def free_place(self) -> None:
        """Give back the place among the calls under way, before the end."""
        if self.place is not None:
            self.place.settle(1, 0)
            self.place = None

    def end(self) -> None:
        """Give back what was not used."""
        # As `settle` does it, which is asked where somebody waits for what nobody uses.
        if (place := self.place) is not None:
            place.room += 1
            if place.on_idle is not None:
                place.settle(0, 0)
        if (tokens := self.tokens) is not None:
            used = self.used_tokens
            tokens.room += self.most_tokens - used
            tokens.spent += used
            if tokens.on_idle is not None:
                tokens.settle(0, 0)
        if (cost := self.cost) is not None:
            spent = self.spent
            cost.room += self.most_cost - spent
            cost.spent += spent
            if cost.on_idle is not None:
                cost.settle(0, 0)

    def standings(self, now: float) -> tuple[Standing, ...]:
        """Return how the limits of the minute stand, as far as this router knows."""
        request, tokens = self.request, self.tokens
        found: tuple[Standing, ...] = ()
        if request is not None and request.limit:
            left = request.remaining + request.room
            found = (Standing(REQUESTS, request.limit, left, request.resets_at - now),)
        if tokens is not None and tokens.limit:
            # What this call has reserved and not used goes back.
            left = tokens.remaining + tokens.room + self.most_tokens - self.used_tokens
            found += (Standing(TOKENS, tokens.limit, left, tokens.resets_at - now),)
        return found
