"""What is known by its form.

Forms of credentials are those that their makers document for scanners:
- https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
- https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
- https://docs.slack.dev/authentication/tokens
- https://docs.stripe.com/keys
- https://datatracker.ietf.org/doc/html/rfc7519 (JSON Web Tokens), rfc7468 (keys as texts)
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from conduit.v1.guardrail_pb2 import GuardrailDetector as Detector


class Form(NamedTuple):
    """A form: expressions of which one matches, and what else must hold of what was found."""

    kind: str
    patterns: tuple[str, ...]
    holds: Callable[[str], bool] | None = None


def _digits(text: str) -> list[int]:
    return [int(each) for each in text if each in "0123456789"]


def is_card(text: str) -> bool:
    """Return whether the check digit of a card's number is right (ISO/IEC 7812-1, annex B)."""
    digits = _digits(text)[::-1]
    doubled = [2 * each for each in digits[1::2]]
    return (sum(digits[::2]) + sum(each - 9 if each > 9 else each for each in doubled)) % 10 == 0  # noqa: PLR2004 # the largest digit


def is_iban(text: str) -> bool:
    """Return whether the check digits of an account's number are right (ISO 13616)."""
    plain = text.replace(" ", "").upper()
    return int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1


def is_address(text: str) -> bool:
    """Return whether numbers are an address of IPv4."""
    return all(int(each) <= 255 for each in text.split("."))  # noqa: PLR2004 # the most of a byte


_SECRETS = (
    r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{36,251}\b",
    r"\bgithub_pat_[A-Za-z0-9_]{82}\b",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,250}",
    r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,250}\b",
    r"\bsk-(?:proj-|ant-|svcacct-|or-v1-)?[A-Za-z0-9_-]{20,250}",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\bglpat-[A-Za-z0-9_-]{20,250}",
    r"\bcondt_[A-Za-z0-9_-]{20,250}",
    r"\beyJ[A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10,1000}\.[A-Za-z0-9_-]{10,1000}",
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
)
FORMS: Mapping[int, Form] = {
    Detector.GUARDRAIL_DETECTOR_SECRET: Form("SECRET", _SECRETS),
    Detector.GUARDRAIL_DETECTOR_EMAIL_ADDRESS: Form(
        "EMAIL_ADDRESS",
        (r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}\b",),
    ),
    Detector.GUARDRAIL_DETECTOR_PHONE_NUMBER: Form(
        "PHONE_NUMBER", (r"\+[1-9](?:[ ().-]{0,2}[0-9]){6,14}\b",)
    ),
    Detector.GUARDRAIL_DETECTOR_CREDIT_CARD: Form(
        "CREDIT_CARD", (r"\b[2-6](?:[ -]?[0-9]){12,18}\b",), is_card
    ),
    Detector.GUARDRAIL_DETECTOR_IBAN: Form(
        "IBAN", (r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}\b",), is_iban
    ),
    Detector.GUARDRAIL_DETECTOR_IP_ADDRESS: Form(
        "IP_ADDRESS", (r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b",), is_address
    ),
    Detector.GUARDRAIL_DETECTOR_US_SSN: Form("US_SSN", (r"\b[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}\b",)),
}
