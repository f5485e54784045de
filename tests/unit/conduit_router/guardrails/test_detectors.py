"""What is known by its form is found, and what merely looks like it is not."""

import pytest

from conduit.v1.guardrail_pb2 import GuardrailDetector as Detector
from conduit_router.guardrails.detectors import FORMS, is_address, is_card, is_iban
from conduit_router.guardrails.matching import Matcher

FOUND = {
    "SECRET": [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "a" * 36,
        "github_pat_" + "a" * 82,
        "xoxb-" + "123456789012-abc",
        "sk_live_" + "a" * 24,
        "sk-proj-" + "aB3_" * 10,
        "sk-ant-" + "api03-" + "a" * 40,
        "AIza" + "b" * 35,
        "glpat-" + "c" * 20,
        "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJ" + "zdWIiOiIxMjM0In0." + "d" * 20,
        "-----BEGIN RSA PRIVATE" + " KEY-----",
    ],
    "EMAIL_ADDRESS": ["jo.doe+x@example.co.uk"],
    "PHONE_NUMBER": ["+49 (0) 30 1234567", "+1-202-555-0147"],
    # Test numbers of card networks: https://docs.stripe.com/testing
    "CREDIT_CARD": ["4242424242424242", "4000 0566 5566 5556", "3782-822463-10005"],
    # Examples of the registry of ISO 13616.
    "IBAN": ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819"],
    "IP_ADDRESS": ["192.168.10.254"],
    "US_SSN": ["078-05-1120"],
}
NOT_FOUND = {
    "SECRET": ["sk-short", "task-management-of-the-day", "AKIA", "ghp_short"],
    "EMAIL_ADDRESS": ["a @ b", "me@home"],
    "PHONE_NUMBER": ["+1", "1234567", "2+2=4"],
    "CREDIT_CARD": ["4242424242424241", "1234 5678", "17960654210000000000000"],
    "IBAN": ["DE89 3704 0044 0532 0130 01", "DE89"],
    "IP_ADDRESS": ["256.1.1.1", "1.2.3"],
    "US_SSN": ["978-05-1120", "078-051120"],
}
MATCHERS = {form.kind: Matcher((), [kind]) for kind, form in FORMS.items()}  # type: ignore[list-item] # its keys


@pytest.mark.parametrize("kind", FOUND)
def test_what_has_the_form_is_found_whole(kind: str) -> None:
    """In the middle of a sentence, and by itself."""
    for each in FOUND[kind]:
        for text in (each, f"Say {each}, or else.", f"({each})"):
            found = [(text[f.start : f.end], f.kind) for f in MATCHERS[kind].find(text)]
            assert found == [(each, kind)], text


@pytest.mark.parametrize("kind", NOT_FOUND)
def test_what_looks_like_it_is_not(kind: str) -> None:
    """Check digits and lengths tell."""
    for each in NOT_FOUND[kind]:
        assert MATCHERS[kind].find(f"Say {each}, or else.") == [], each


def test_every_detector_has_a_form() -> None:
    """And examples here."""
    assert set(FORMS) == set(Detector.values()) - {0}
    assert {form.kind for form in FORMS.values()} == FOUND.keys() == NOT_FOUND.keys()


def test_check_digits() -> None:
    """Each wrong digit is noticed."""
    assert is_card("79927398713")
    assert not any(is_card(f"7992739871{digit}") for digit in "012456789")
    assert is_iban("GB29 NWBK 6016 1331 9268 19")
    assert not is_iban("GB28 NWBK 6016 1331 9268 19")
    assert is_address("255.0.0.1")
    assert not is_address("255.0.0.256")
