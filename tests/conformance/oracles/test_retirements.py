"""The newest SDK as an oracle of models that retire."""

import inspect
import re
from datetime import date, datetime

import pytest
from anthropic.resources.messages import DEPRECATED_MODELS
from openai.types import image_model

from conduit_providers.catalog import load_catalog

ROWS = load_catalog().find("Anthropic").endpoints["chat"].models


def day_in(text: str) -> date:
    """Return the day that a text such as `January 22nd, 2027` names."""
    plain = re.sub(r"(\d)(?:st|nd|rd|th)?,", r"\1", text)
    return datetime.strptime(plain, "%B %d %Y").date()  # noqa: DTZ007 # a day has no zone


@pytest.mark.parametrize(("model", "day"), sorted(DEPRECATED_MODELS.items()))
def test_rows_say_when_the_sdk_says_that_a_model_retires(model: str, day: str) -> None:
    """A model that the SDK warns of has a row with the day."""
    row = next(each for each in ROWS if each.match.fits(model))
    assert row.retires_on == day_in(day)


# What is gone, and when, as the SDK's types of images say.
SAYS = re.compile(r'- ("[^:]+"): [^.]*?on (\w+ \d+,\s+\d{4})', re.DOTALL)
GONE = [
    (model, " ".join(day.split()))
    for names, day in SAYS.findall(inspect.getsource(image_model))
    for model in re.findall(r'"([^"]+)"', names)
]
IMAGES = load_catalog().find("OpenAI").endpoints["image"].models


def test_the_sdk_says_that_some_are_gone() -> None:
    """So that the next test is about something."""
    assert {"dall-e-2", "dall-e-3", "gpt-image-1"} <= {model for model, _ in GONE}


@pytest.mark.parametrize(("model", "day"), GONE)
def test_rows_of_images_say_when_the_sdk_says_that_a_model_was_retired(
    model: str, day: str
) -> None:
    """They are shut down, so that a row has the day."""
    row = next(each for each in IMAGES if each.match.fits(model))
    assert row.retires_on == day_in(day)
