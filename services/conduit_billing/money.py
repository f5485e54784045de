"""Exact arithmetic of nano-dollars. No floats anywhere."""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

# Prices are per million units.
PER = 1_000_000
NANO = 1_000_000_000
# A million dollars: what claims to be dearer is a mistake, and sums stay far inside 64 bits.
MAX_CHARGE_NANO = 1_000_000 * NANO
# Of many charges; a thousand of them stay inside 64 bits.
MAX_SUM_NANO = 8_000_000 * NANO
# Of a million units: a thousand dollars each.
MAX_PRICE_NANO = 1_000 * NANO * PER
MAX_QUANTITY = 10**15


def cost_of(lines: Iterable[tuple[int, int | None]]) -> int | None:
    """Return the cost of (quantity, nano-dollars per million) pairs, in nano-dollars.

    Added exactly and rounded once, half a nano-dollar up. None if the price of something that was
    used is unknown; what was not used needs no price.
    """
    total = 0
    for quantity, price in lines:
        if quantity == 0:
            continue
        if price is None:
            return None
        total += quantity * price
    return rounded(total)


def rounded(total: int) -> int:
    """Return millionths of nano-dollars as whole ones, half a nano-dollar up."""
    return (total + PER // 2) // PER


def nano(usd: Decimal) -> int:
    """Return dollars as whole nano-dollars, rounded half to even.

    The catalog has a few prices with the dust of binary fractions, such as 0.18000000000000002.
    """
    return int((usd * NANO).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def dollars(amount: int) -> str:
    """Write nano-dollars as dollars, exactly, with two digits at least: `5.00`."""
    whole, part = divmod(abs(amount), NANO)
    digits = f"{part:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount < 0 else ''}{whole}.{digits}"
