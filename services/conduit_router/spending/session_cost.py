"""The most that a session costs until it is looked at again, by the prices of its model. Pure."""

from collections.abc import Iterable, Mapping

from conduit.v1 import charge_pb2 as pb
from conduit_providers.quantities import REQUEST
from conduit_router.accounting.prices import MILLION, PriceCard, dearest
from conduit_router.spending.worst_cost import READ_MEDIA, UNSAID_CONTEXT, WRITTEN_MEDIA

# The most that a response of a realtime session may have.
# https://platform.openai.com/docs/api-reference/realtime-server-events/session
MOST_WRITTEN = 4_096
# By which sound and sessions are billed that are not billed by the token.
TIMES = (
    int(pb.UNIT_AUDIO_INPUT_MILLISECOND),
    int(pb.UNIT_AUDIO_OUTPUT_MILLISECOND),
    int(pb.UNIT_SESSION_MILLISECOND),
)
_ONCE = (int(pb.UNIT_SESSION), REQUEST)


def session_cost(card: PriceCard, seconds: int) -> int | None:
    """Return the most that a session costs in so many seconds, in nano-dollars, rounded up.

    By time it is billed in one unit. By the token that is a response, which reads as much as its
    model can. None if nothing is known of what a session is billed by.
    """
    prices = card.units
    read, written = dearest(prices, READ_MEDIA), dearest(prices, WRITTEN_MEDIA)
    times = [prices[unit] for unit in TIMES if unit in prices]
    if not times and (read is None or written is None):
        return None
    total = (card.context_window or UNSAID_CONTEXT) * (read or 0) + MOST_WRITTEN * (written or 0)
    total += max(times, default=0) * seconds * 1000 + _sum_of(prices, _ONCE)
    if not total and card.sheet.counted:
        # It is a price of something else, beside which a session is not known to be free.
        return None
    return -(-total // MILLION)


def _sum_of(prices: Mapping[int, int], units: Iterable[int]) -> int:
    return sum(prices.get(unit, 0) for unit in units)
