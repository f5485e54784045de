"""Bodies that pass as they are; more of them in the tests of the dialects that pass."""

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.passed_body import members_in, objects_in, passed_body
from conduit_providers.inbound.response_form import response_request


def passed(raw: bytes, *, stream: bool = False) -> bytes:
    """Return what a body becomes for a model of another name."""
    call = Call(response_request(json=raw), alias="a", model="actual", stream=stream)
    return passed_body(raw, call)


def test_only_the_models_name_changes() -> None:
    """White space, order and escapes stay."""
    raw = b'{ "input" : "\\u00e9",  "model":"a", "n":1e2}'
    assert passed(raw) == raw.replace(b'"a"', b'"actual"')


@pytest.mark.parametrize("member", [b"", b',"stream":true', b',"stream":false', b',"stream":null'])
@pytest.mark.parametrize("stream", [True, False])
def test_streaming_is_as_the_call_has_it(member: bytes, stream: bool) -> None:  # noqa: FBT001 # a case
    """Whatever the body says of it."""
    body = orjson.loads(passed(b'{"model":"a"%b}' % member, stream=stream))
    assert bool(body.get("stream")) == stream
    assert body["model"] == "actual"


@pytest.mark.parametrize("raw", [b"", b"[]", b'"model"', b"{"])
def test_bodies_that_are_no_objects_are_refused(raw: bytes) -> None:
    """As the caller's fault."""
    for read in (passed, members_in):
        with pytest.raises(InvalidRequest):
            read(raw)


def test_objects_of_lists() -> None:
    """What is none is left out."""
    assert objects_in([{"a": 1}, 2, None]) == [{"a": 1}]
    assert objects_in("x") == []
