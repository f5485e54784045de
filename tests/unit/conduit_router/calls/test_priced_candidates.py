"""Which candidates have a price of what a call uses."""

import pytest

from conduit.v1.charge_pb2 import UNIT_AUDIO_INPUT_MILLISECOND, UNIT_IMAGE
from conduit_providers.operation import WorstCase
from conduit_providers.prices import PriceSheet
from conduit_providers.quantities import AUDIO_INPUT, INPUT, OUTPUT, REQUEST, counted, plain
from conduit_router.accounting.prices import UNKNOWN, PriceCard
from conduit_router.calls.priced_candidates import is_priced

CHAT = WorstCase(plain(5, 3), is_bounded=True)
SOUND = WorstCase(
    counted([(AUDIO_INPUT, 5), (int(UNIT_AUDIO_INPUT_MILLISECOND), 9)]), is_bounded=True
)


@pytest.mark.parametrize(
    ("units", "worst", "expected"),
    [
        ({INPUT: 1, OUTPUT: 2}, CHAT, True),
        ({INPUT: 0, OUTPUT: 0}, CHAT, True),
        ({int(UNIT_IMAGE): 1}, CHAT, False),
        # Free beside other units, which says nothing by itself.
        ({int(UNIT_IMAGE): 1, REQUEST: 0}, CHAT, False),
        ({REQUEST: 1}, CHAT, True),
        ({int(UNIT_AUDIO_INPUT_MILLISECOND): 1}, SOUND, True),
        ({AUDIO_INPUT: 1}, SOUND, True),
        ({INPUT: 1}, SOUND, False),
        # Nobody knows yet what it will use.
        ({INPUT: 1}, WorstCase(counted([]), is_bounded=False), True),
    ],
)
def test_a_price_is_of_something_that_the_call_uses(
    units: dict[int, int], worst: WorstCase, *, expected: bool
) -> None:
    """Sound by tokens or by time; a price of zero is one."""
    assert is_priced(PriceCard(PriceSheet(units), "v"), worst) is expected


def test_what_has_no_price_at_all_is_not_priced() -> None:
    """Nor is a chat by the price of pictures, beside which tokens are free."""
    assert not is_priced(UNKNOWN, CHAT)
    counted_by = frozenset({int(UNIT_IMAGE)})
    pictures = PriceSheet({INPUT: 0, OUTPUT: 0, int(UNIT_IMAGE): 1}, counted=counted_by)
    assert not is_priced(PriceCard(pictures, "v"), CHAT)
