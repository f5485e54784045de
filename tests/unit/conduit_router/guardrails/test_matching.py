"""What is looked for is found, in linear time, whatever it hides behind."""

import time

import pytest

from conduit.v1.guardrail_pb2 import GUARDRAIL_DETECTOR_CREDIT_CARD, GUARDRAIL_DETECTOR_IBAN
from conduit_router.guardrails.matching import Finding, Matcher


def test_findings_are_in_order_and_apart() -> None:
    """Those that overlap are one."""
    matcher = Matcher(["b+", "abb", "z"], ())
    assert matcher.find("z abbb c z") == [
        Finding(0, 1, "PATTERN"),
        Finding(2, 6, "PATTERN"),
        Finding(9, 10, "PATTERN"),
    ]
    assert Matcher((), ()).find("anything") == []
    assert matcher.find("") == []


@pytest.mark.parametrize(
    "text",
    [
        "s\u200becret",
        "".join(chr(ord(each) + 0xFEE0) for each in "secret"),
        "".join(chr(0x1D41A + ord(each) - ord("a")) for each in "secret"),
        "se\u00adcret",
    ],
)
def test_characters_hide_nothing(text: str) -> None:
    """Found whole, with all that was put within it."""
    found = Matcher(["secret"], ()).find(f"a {text} b")
    assert found == [Finding(2, 2 + len(text), "PATTERN")]


def test_places_are_characters_not_bytes() -> None:
    """Also behind characters of several bytes."""
    assert Matcher(["x"], ()).find("日本🙂x") == [Finding(3, 4, "PATTERN")]


def test_what_follows_a_number_is_not_taken_for_a_part_of_it() -> None:
    """A number that is right without its last words is one."""
    cards = Matcher((), [GUARDRAIL_DETECTOR_CREDIT_CARD])
    assert cards.find("4242 4242 4242 4242 12") == [Finding(0, 19, "CREDIT_CARD")]
    accounts = Matcher((), [GUARDRAIL_DETECTOR_IBAN])
    assert accounts.find("DE89370400440532013000 AND MORE") == [Finding(0, 22, "IBAN")]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(a+)+$", "a" * 50_000 + "!"),
        (r"(a|aa)+b", "a" * 50_000),
        (r"(.*a){20}x", "a" * 20_000),
        (r"([a-z]+)*@", "a" * 50_000),
    ],
)
def test_no_pattern_takes_longer_than_its_text(pattern: str, text: str) -> None:
    """Python's own engine would not come back from these within a lifetime."""
    began = time.perf_counter()
    assert Matcher([pattern], ()).find(text) in ([], [Finding(0, len(text), "PATTERN")])
    assert time.perf_counter() - began < 5
