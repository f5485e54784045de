"""How much of something a router gets that asks for a part of it. Pure."""

# The share of what is left that a part may have beyond what its calls need at once.
SPARE_SHARE = 16


def part_of(left: int, *, least: int, amount: int, spare: int) -> int:
    """Return the part of what is left, which is no less than the least.

    All that the calls need which wait, and a share of the rest in whole calls, so that what is left
    over is of use to others.
    """
    if left <= amount:
        return left
    return amount + min(spare, (left - amount) // SPARE_SHARE) // least * least
