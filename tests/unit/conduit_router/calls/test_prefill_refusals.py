"""Models that refuse a prefill."""

from msgspec.structs import replace
from tests.support.call_bench import CALLER
from tests.support.snapshots import compiled, key, provider, snapshot

from conduit_router.calls.prefill_refusals import (
    MAX_REFUSALS,
    REMEMBERED_SECONDS,
    PrefillRefusals,
)

TABLE = compiled(snapshot([provider(1)], keys=[key(1, 1)]))
CANDIDATE = TABLE.routes["gpt"].candidates[0]
CALLERS = [replace(CALLER.caller, virtual_key_id=number) for number in range(MAX_REFUSALS + 2)]


def test_a_refusal_is_remembered_for_a_while() -> None:
    """Models change."""
    now = [100.0]
    refusals = PrefillRefusals(lambda: now[0])
    assert not refusals.has(CALLERS[1], CANDIDATE)
    refusals.note(CALLERS[1], CANDIDATE)
    assert refusals.has(CALLERS[1], CANDIDATE)
    now[0] += REMEMBERED_SECONDS
    assert not refusals.has(CALLERS[1], CANDIDATE)


def test_a_refusal_is_about_a_model_and_a_virtual_key() -> None:
    """What one caller sent may have made it; another's streams are none of its business."""
    refusals = PrefillRefusals(lambda: 0.0)
    refusals.note(CALLERS[1], CANDIDATE)
    assert not refusals.has(CALLERS[2], CANDIDATE)
    assert not refusals.has(CALLERS[1], replace(CANDIDATE, model="another"))


def test_the_oldest_refusal_is_forgotten_first() -> None:
    """There are only so many."""
    refusals = PrefillRefusals(lambda: 0.0)
    for caller in CALLERS[: MAX_REFUSALS + 1]:
        refusals.note(caller, CANDIDATE)
    assert not refusals.has(CALLERS[0], CANDIDATE)
    assert refusals.has(CALLERS[1], CANDIDATE)
    assert refusals.has(CALLERS[MAX_REFUSALS], CANDIDATE)
