"""Fields within the limits of the contract, and what has limits without being one."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.client_secret_pb2 import ClientSecretExpiry
from conduit.v1.fallback_chain_pb2 import FallbackChainSpec, FallbackProvider
from conduit.v1.model_cost_pb2 import ModelCostSpec
from conduit.v1.provider_pb2 import ProviderSpec
from conduit.v1.routing_policy_pb2 import Hedging, RetryPolicy
from conduit.v1.virtual_key_pb2 import VirtualKeySpec
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest

DOLLAR = 1_000_000_000


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "a\tb", "a\x1fb", "a\x7fb"])
def test_a_text_has_one_line_and_no_control_characters(text: str) -> None:
    """Whatever they would do to a log, a header or a database; space around it is no matter."""
    assert limits.text(f" {text[0]}\n", "name", most=1) == "a"
    with pytest.raises(InvalidRequest, match="name must not have control characters"):
        limits.text(text, "name", most=10)


def test_a_text_has_a_length_in_characters_after_it_is_tidied() -> None:
    """The error says what is right, and does not repeat the text."""
    assert limits.text("  ä€𝄞  ", "name", least=3, most=3) == "ä€𝄞"
    with pytest.raises(InvalidRequest, match=r"^name must have at most 3 characters, not 4$"):
        limits.text("secr", "name", most=3)
    with pytest.raises(InvalidRequest, match=r"^name must have from 1 to 200 characters, not 0$"):
        limits.text(" \t ", "name", least=1, most=200)


def test_a_long_text_has_lines_and_no_other_control_characters() -> None:
    """Newlines and tabs of the text itself stay."""
    assert limits.long_text(" a\r\n\tb ", "description", most=5) == "a\r\n\tb"
    for wrong in ("a\0", "a\x1b[31m", "abcdef"):
        with pytest.raises(InvalidRequest):
            limits.long_text(wrong, "description", most=5)


def test_names_are_each_there_once_in_their_order() -> None:
    """What is given counts against the limit, as `maxItems` says; an empty name is none."""
    assert limits.names(["b", " a", "b "], "models", most=3, longest=1) == ("b", "a")
    for wrong in (["a", "b", "c", "d"], ["a"] * 4, ["ab"], [""]):
        with pytest.raises(InvalidRequest):
            limits.names(wrong, "models", most=3, longest=1)


def test_a_span_is_more_than_nothing() -> None:
    """Less than a microsecond is nothing; the longest is still allowed."""
    assert limits.span(Duration(nanos=1_000), "timeout", most_seconds=600) == 1
    assert limits.span(Duration(seconds=600), "timeout", most_seconds=600) == 600_000_000
    for wrong in (
        Duration(),
        Duration(nanos=999),
        Duration(seconds=-1),
        Duration(seconds=600, nanos=1_000),
        Duration(seconds=2**63 - 1),
    ):
        with pytest.raises(InvalidRequest, match="more than 0s and at most 600s"):
            limits.span(wrong, "timeout", most_seconds=600)


def test_limits_hold_inside_of_other_messages() -> None:
    """The error names where."""
    wait = RetryPolicy(wait=Duration(seconds=60))
    assert limits.span_of(wait, "wait", "retries[0]") == 60_000_000
    wait.wait.nanos = 1000
    with pytest.raises(InvalidRequest, match=r"^retries\[0\]\.wait must be .* at most 60s$"):
        limits.span_of(wait, "wait", "retries[0]")
    assert limits.text_of(ProviderSpec(description=" a\nb "), "description") == "a\nb"


@pytest.mark.parametrize(
    ("message", "name", "least", "most", "told"),
    [
        (ProviderSpec, "weight", 0, 1_000_000, "weight must be from 0 to 1,000,000"),
        (ClientSecretExpiry, "seconds", 10, 7200, "seconds must be from 10 to 7,200"),
        (CallOptions, "max_attempts", 1, 2**31 - 1, "max_attempts must be at least 1"),
        (ModelCostSpec, "cost_per_unit_nano_usd", 0, 1000 * DOLLAR, "costPerUnit must be from 0"),
        (VirtualKeySpec, "budget_nano_usd", 0, 10**6 * DOLLAR, "budget must be from 0"),
    ],
)
def test_a_number_is_within_its_range_both_ends_included(
    message: type[Message], name: str, least: int, most: int, told: str
) -> None:
    """To the nano-dollar where it is money; the error has the field's name where it came from."""
    for value in (least, most):
        assert limits.number_of(message(**{name: value}), name) == value
    wrong: list[Any] = [least - 1] if most == 2**31 - 1 else [least - 1, most + 1]
    for value in wrong:
        with pytest.raises(InvalidRequest, match=f"^{told}"):
            limits.number_of(message(**{name: value}), name)


def test_a_fraction_may_have_to_be_more_than_a_bound() -> None:
    """What is no number is in no range."""
    assert limits.fraction_of(Hedging(budget=1.0), "budget", "hedging") == 1.0
    told = r"^hedging\.budget must be more than 0 and at most 1, not "
    for wrong in (0.0, -0.5, 1.01, float("nan"), float("inf")):
        with pytest.raises(InvalidRequest, match=told):
            limits.fraction_of(Hedging(budget=wrong), "budget", "hedging")


def test_lists_and_texts_that_are_taken_as_they_are_have_their_limits() -> None:
    """Blanks count there; a list of messages has its items counted alone."""
    full = CallOptions(providers=["x" * 200] * 16)
    limits.check_items(full, "providers")
    limits.check_length(full, "providers")
    with pytest.raises(InvalidRequest, match=r"^providers must have at most 16 items$"):
        limits.check_items(CallOptions(providers=["x"] * 17), "providers")
    with pytest.raises(InvalidRequest, match=r"^providers must have at most 200 characters, not"):
        limits.check_length(CallOptions(providers=["x", "x" * 201]), "providers")
    with pytest.raises(InvalidRequest, match=r"^fallbacks must have from 1 to 200 characters"):
        limits.check_length(CallOptions(fallbacks=[""]), "fallbacks")
    steps = FallbackChainSpec(providers=[FallbackProvider()] * 101)
    with pytest.raises(InvalidRequest, match=r"^providers must have at most 100 items$"):
        limits.check_items(steps, "providers")
