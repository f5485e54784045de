"""The newest SDK as an oracle of models that retire."""

import re
from datetime import date, datetime

import pytest
from anthropic.resources.messages import DEPRECATED_MODELS

from conduit_providers.catalog import load_catalog

ROWS = load_catalog().find("Anthropic").endpoints["chat"].models


def day_in(text: str) -> date:
    """Return the day that a text such as `January 22nd, 2027` names."""
    plain = re.sub(r"(\d)(st|nd|rd|th),", r"\1", text)
    return datetime.strptime(plain, "%B %d %Y").date()  # noqa: DTZ007 # a day has no zone


@pytest.mark.parametrize(("model", "day"), sorted(DEPRECATED_MODELS.items()))
def test_rows_say_when_the_sdk_says_that_a_model_retires(model: str, day: str) -> None:
    """A model that the SDK warns of has a row with the day."""
    row = next(each for each in ROWS if each.match.fits(model))
    assert row.retires_on == day_in(day)
