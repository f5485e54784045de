"""Which of two RPCs a body means."""

import pytest
from tests.support.nonsense import deep

from conduit.v1.json_runtime import JsonError, MalformedJson
from conduit_bridge.endpoints.body_selected import BodySelector
from conduit_kernel.errors import InvalidRequest


@pytest.mark.parametrize(
    ("body", "is_chosen"),
    [
        (b'{"stream": true}', True),
        (b'{"stream":false,"stream":true}', True),
        (b'{"\\u0073tream":true}', True),
        (b'{"stream": false}', False),
        (b'{"stream": null}', False),
        (b"{}", False),
        (b"", False),
        (b'{"a": {"stream": true}}', False),
        (b'["stream"]', False),
        (b'"\\"stream\\": true"', False),
    ],
)
def test_only_the_member_itself_counts(body: bytes, is_chosen: bool) -> None:  # noqa: FBT001 # pytest gives it by name
    """Not its name inside of strings or other objects."""
    assert BodySelector("stream").is_chosen(body) is is_chosen


@pytest.mark.parametrize("value", [b'"true"', b"1", b"[]", b"{}"])
def test_the_member_must_be_a_boolean(value: bytes) -> None:
    """A guess could cost money."""
    with pytest.raises(InvalidRequest) as caught:
        BodySelector("stream").is_chosen(b'{"stream": %b}' % value)
    assert caught.value.metadata == {"field": "stream"}


@pytest.mark.parametrize("body", [b'{"stream": tru', b'{"stream": true} x', b'{"stream"}'])
def test_what_is_no_json_is_told(body: bytes) -> None:
    """With the place where it goes wrong."""
    with pytest.raises(MalformedJson):
        BodySelector("stream").is_chosen(body)


@pytest.mark.parametrize("depth", [1100, 5000])
@pytest.mark.parametrize("before", [b'{"stream":true,', b'{"a":"\\u0041",'])
def test_what_is_nested_too_deep_is_told(before: bytes, depth: int) -> None:
    """It may come from anybody: which RPC is meant is asked before who calls."""
    body = before + b'"zz":' + deep(depth) + b"}"
    with pytest.raises(JsonError, match="nested more than 200 levels deep"):
        BodySelector("stream").is_chosen(body)
