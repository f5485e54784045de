"""Endpoints that share a path, of which the query chooses one."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from conduit_bridge.endpoints.query_selected import QuerySelectedEndpoint
from conduit_bridge.endpoints.unary import Endpoint
from conduit_kernel.http import Exchange


def endpoint() -> Endpoint:
    """Return an endpoint, as far as it is looked at."""
    made: Any = SimpleNamespace(counts=None, dialect=0, max_body_bytes=0)
    return cast("Endpoint", made)


@pytest.mark.parametrize(
    ("query", "is_chosen"),
    [
        ("", False),
        ("stream=true", True),
        ("stream=1", True),
        ("starting_after=4&stream=true", True),
        ("stream=false", False),
        ("stream=", False),
        ("x=stream=true", False),
        ("streams=true", False),
        ("stream=TRUE", False),
        ("&".join(["a=1"] * 200), False),
        ("%73tream=%74rue", True),
    ],
)
def test_a_parameter_that_is_true_chooses(query: str, *, is_chosen: bool) -> None:
    """In the ways in which booleans of queries are read; all else is for who reads it."""
    usual, chosen = endpoint(), endpoint()
    joined = QuerySelectedEndpoint(usual, {"stream": chosen})
    found = joined.choose(cast("Exchange", SimpleNamespace(query=query)))
    assert found is (chosen if is_chosen else usual)
