"""What calls need of a hard budget, whatever is asked for and however it is priced."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from conduit.v1.model_cost_pb2 import CostCalculationType
from conduit_billing.pricing.rules import Rule, rule_prices
from conduit_providers.operation import JsonOperation, WorstCase
from conduit_providers.operations import (
    chat,
    completion,
    embed,
    image,
    image_edit,
    message,
    moderate,
    rerank,
    response,
    speak,
    transcribe,
    translate,
)
from conduit_providers.prices import PriceSheet
from conduit_providers.quantities import AUDIO_INPUT, INPUT, LEAVES, OUTPUT, REQUEST
from conduit_router.accounting.prices import PriceCard
from conduit_router.spending.worst_cost import CostFactors, most_cost

ONE = 1_000_000
PICTURE = {"image_url": "data:image/png;base64,AAAA"}
SOUND = {"content": "AAAA", "filename": "a.wav"}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "one two"}]}
CALLS: dict[str, tuple[JsonOperation[Any, Any], dict[str, Any]]] = {
    "chat": (chat.OPERATION, CHAT),
    "bounded chat": (chat.OPERATION, CHAT | {"max_tokens": 4}),
    "completion": (completion.OPERATION, {"model": "m", "prompt": "one", "max_tokens": 4}),
    "message": (message.OPERATION, CHAT | {"max_tokens": 4}),
    "response": (response.OPERATION, {"model": "m", "input": "one", "max_output_tokens": 4}),
    "embed": (embed.OPERATION, {"model": "m", "input": "one"}),
    "image": (image.OPERATION, {"model": "m", "prompt": "one"}),
    "image_edit": (image_edit.OPERATION, {"model": "m", "prompt": "one", "images": [PICTURE]}),
    "moderate": (moderate.OPERATION, {"model": "m", "input": "one"}),
    "rerank": (rerank.OPERATION, {"model": "m", "query": "one", "documents": ["two"]}),
    "speak": (speak.OPERATION, {"model": "m", "input": "one", "voice": "alloy"}),
    "transcribe": (transcribe.OPERATION, {"model": "m", "file": SOUND}),
    "translate": (translate.OPERATION, {"model": "m", "file": SOUND}),
}
# Tokens in any of the forms in which an operator or the catalog may price them.
TOKENS = {**dict.fromkeys((INPUT, OUTPUT, AUDIO_INPUT), ONE), REQUEST: 0}


def worst_of(name: str) -> tuple[WorstCase, CostFactors]:
    """Return the most that a call uses, and what else its cost depends on."""
    operation, body = CALLS[name]
    json = orjson.dumps(body)
    form, asked = operation.plain_form(json), operation.requirements(json, stream=False)
    open_ended = asked.operation in {"chat", "image", "image_edit"}
    factors = CostFactors("m", asked.capabilities, asked.choices, open_ended, json)
    return operation.worst_case(form, asked), factors


def sheets() -> Iterator[PriceSheet]:
    """Yield prices of one unit each, and those of each kind of an operator's rule."""
    for unit in LEAVES:
        yield PriceSheet({unit: ONE})
        yield PriceSheet({unit: ONE, REQUEST: 0} if unit != REQUEST else {REQUEST: 0})
    for calculation in CostCalculationType.values():
        if not calculation:
            continue
        rule = Rule("*", input_per_1k=ONE, output_per_1k=ONE, per_unit=ONE, calculation=calculation)
        yield rule_prices(rule, {}).sheet


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("window", [0, 1_000])
def test_nothing_that_may_cost_something_is_held_for_nothing(name: str, window: int) -> None:
    """Whatever is priced: what a call needs is known, and more than nothing, or it is refused."""
    worst, factors = worst_of(name)
    found = [most_cost(worst, factors, PriceCard(sheet, "v", window)) for sheet in sheets()]
    assert 0 not in found
    assert any(found)


@pytest.mark.parametrize("name", CALLS)
def test_every_operation_can_be_billed_by_the_token(name: str) -> None:
    """Sound as well, whose length is all that is known of it."""
    worst, factors = worst_of(name)
    assert most_cost(worst, factors, PriceCard(PriceSheet(TOKENS), "v"))


@pytest.mark.parametrize("name", ["transcribe", "translate"])
def test_sound_is_billed_by_its_length_or_by_the_token(name: str) -> None:
    """The dearer of the two is held where a price has both."""
    worst, factors = worst_of(name)
    by_time = PriceSheet({21: ONE})
    timed = most_cost(worst, factors, PriceCard(by_time, "v"))
    counted = most_cost(worst, factors, PriceCard(PriceSheet(TOKENS), "v"))
    both = most_cost(worst, factors, PriceCard(PriceSheet({**TOKENS, 21: ONE}), "v"))
    assert timed is not None
    assert counted is not None
    assert both == max(timed, counted)


def test_what_is_free_needs_nothing() -> None:
    """Where an operator says so, whatever it is."""
    free = PriceCard(PriceSheet(dict.fromkeys(LEAVES, 0)), "v")
    for name in CALLS:
        assert most_cost(*worst_of(name), free) == 0
