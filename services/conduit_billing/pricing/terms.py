"""What a rule says beside its plain amounts: other units, long requests, conditions.

Amounts are nano-dollars, as in `ModelCost`; None means as without the tier or condition.
"""

import msgspec

# The price of a million of each kind of unit.
UnitCosts = tuple[tuple[int, int], ...]


class Amounts(msgspec.Struct, frozen=True, kw_only=True):
    """The amounts of a rule, or those that a tier or a condition puts in their place."""

    input_per_1k: int | None = None
    output_per_1k: int | None = None
    cached_input_per_1k: int | None = None
    per_unit: int | None = None
    unit_costs: UnitCosts = ()

    def over(self, usual: "Amounts") -> "Amounts":
        """Return the amounts where these are said, and the usual ones where they are not."""
        return Amounts(
            input_per_1k=_first(self.input_per_1k, usual.input_per_1k),
            output_per_1k=_first(self.output_per_1k, usual.output_per_1k),
            cached_input_per_1k=_first(self.cached_input_per_1k, usual.cached_input_per_1k),
            per_unit=_first(self.per_unit, usual.per_unit),
            unit_costs=(*(dict(usual.unit_costs) | dict(self.unit_costs)).items(),),
        )


class TierAmounts(Amounts, frozen=True, kw_only=True):
    """The amounts of long requests, of all that they use."""

    above_input_tokens: int


class ConditionalAmounts(Amounts, frozen=True, kw_only=True):
    """The amounts of calls under a condition."""

    # Qualifiers, in order of name.
    when: tuple[tuple[str, str], ...]


class Terms(msgspec.Struct, frozen=True):
    """All of them; JSON in the database, empty where there are none."""

    unit_costs: UnitCosts = ()
    tiers: tuple[TierAmounts, ...] = ()
    # The first one that is met holds.
    conditions: tuple[ConditionalAmounts, ...] = ()


NO_TERMS = Terms()


def terms_to_text(terms: Terms) -> str:
    """Write terms as the database keeps them."""
    return "" if terms == NO_TERMS else msgspec.json.encode(terms).decode()


def terms_from_text(text: str) -> Terms:
    """Read terms as the database keeps them."""
    return msgspec.json.decode(text, type=Terms) if text else NO_TERMS


def _first(amount: int | None, usual: int | None) -> int | None:
    return usual if amount is None else amount
