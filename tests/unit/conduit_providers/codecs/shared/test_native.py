"""Objects that callers give among a provider's own members."""

from typing import Any

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.native import object_in

Json = dict[str, Any]


@pytest.mark.parametrize("members", [{}, {"a": None}])
def test_an_object_that_is_not_there_is_begun(members: Json) -> None:
    """What is put into it is sent."""
    object_in(members, "a")["b"] = 1
    assert members == {"a": {"b": 1}}


def test_an_object_of_the_callers_is_kept() -> None:
    """With all that is in it."""
    members: Json = {"a": {"c": 2}}
    object_in(members, "a")["b"] = 1
    assert members == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize("value", [0, False, "", "x", [], [{}], 1.5])
def test_what_is_no_object_is_the_callers_error(value: object) -> None:
    """Also what is empty: it is not what it should be, and names itself."""
    with pytest.raises(InvalidRequest, match="a must be an object") as refused:
        object_in({"a": value}, "a")
    assert refused.value.metadata["field"] == "a"
