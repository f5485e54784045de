"""Addresses with places."""

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.target import Target, places_in

TARGET = Target("My Azure", "AzureOpenAI", "https://a.example", {"apiVersion": "v1", "empty": ""})


def test_places_are_named_in_order() -> None:
    """As often as they are there."""
    assert places_in("/{a}/b/{c_d}?{a}={}") == ["a", "c_d", "a"]


def test_values_come_from_the_call_first() -> None:
    """Then from the instance's settings."""
    assert TARGET.fill("/{model}?v={apiVersion}", model="m") == "/m?v=v1"
    assert TARGET.fill("/{apiVersion}", apiVersion="v2") == "/v2"
    assert TARGET.fill("/plain", model="m") == "/plain"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("a b%20", "a%20b%2520"),
        ("a.b-c_d~e", "a.b-c_d~e"),
        ("arn:aws:x", "arn%3Aaws%3Ax"),
        ("ü\r\n", "%C3%BC%0D%0A"),
        ("{apiVersion}", "%7BapiVersion%7D"),
    ],
)
def test_no_value_leads_elsewhere(value: str, written: str) -> None:
    """It is one step of the path, and never read as a place of its own."""
    assert TARGET.fill("/{model}/x", model=value) == f"/{written}/x"


@pytest.mark.parametrize("name", ["region", "empty"])
def test_a_setting_that_is_missing_is_named(name: str) -> None:
    """The operator is told whose it is."""
    with pytest.raises(InvalidRequest, match="My Azure needs the setting") as refused:
        TARGET.fill(f"/{{{name}}}")
    assert refused.value.metadata["field"] == f"settings.{name}"
