"""What a session requires, at worst uses, and how one that is none is refused."""

import pytest

from conduit.v1 import converse_requests_pb2 as pb
from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.catalog.codec_types import check_codec
from conduit_providers.codecs import codec_named
from conduit_providers.operation import Requirements
from conduit_providers.operations.converse import (
    LIVE as LIVE_SESSIONS,
)
from conduit_providers.operations.converse import (
    OPERATION,
    REALTIME,
    SESSION_MILLISECOND,
    live_opening,
    realtime_event,
    realtime_opening,
)

LIVE = b'{"type":"session.start","session":{"model":"m","instructions":"x"}}'


def requirements(body: bytes) -> Requirements:
    """Read how a session begins."""
    return OPERATION.requirements(body, stream=False)


def test_each_protocol_is_a_capability() -> None:
    """A realtime session names its model by itself, a live one in its first event."""
    found = requirements(realtime_opening("m").json)
    assert (found.model, found.operation, found.capabilities) == (
        "m",
        "converse",
        frozenset({REALTIME}),
    )
    found = requirements(LIVE)
    assert (found.model, found.capabilities) == ("m", frozenset({LIVE_SESSIONS}))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"model":""}', "model"),
        (b"{}", "model"),
        (b'{"type":"session.close"}', "type"),
        (b'{"type":"session.start"}', "session.model"),
        (b'{"type":"session.start","session":{"model":""}}', "session.model"),
        (b'{"type":"session.start","session":{"model":1}}', "session.model"),
    ],
)
def test_what_begins_no_session_is_refused_with_its_field(body: bytes, field: str) -> None:
    """Before anybody is asked."""
    with pytest.raises(InvalidRequest) as refused:
        requirements(body)
    assert refused.value.metadata["field"] == field


def test_the_worst_of_a_live_session_is_its_longest() -> None:
    """Nobody knows how much is said in a realtime one."""
    worst = OPERATION.worst_case(live_opening(json=LIVE), requirements(LIVE))
    assert worst.is_bounded
    assert worst.usage.leaves == ((SESSION_MILLISECOND, 7_200_000),)
    opening = realtime_opening("m")
    assert not OPERATION.worst_case(opening, requirements(opening.json)).is_bounded


def test_a_live_sessions_start_names_no_model() -> None:
    """There is one place for it."""
    start = pb.ConverseStart(protocol=pb.SESSION_PROTOCOL_LIVE, model="m")
    with pytest.raises(InvalidRequest):
        OPERATION.begin(pb.ConverseRequest(start=start))


def test_the_catalog_takes_no_other_codec_for_sessions() -> None:
    """Nor a codec of sessions for anything else."""
    check_codec("converse", codec_named("openai_converse"))
    with pytest.raises(ValueError, match="no codec of the operation"):
        check_codec("converse", codec_named("openai_chat"))
    with pytest.raises(ValueError, match="no codec of the operation"):
        check_codec("chat", codec_named("openai_converse"))


@pytest.mark.parametrize(
    "json",
    [
        b'{"type":"session.created","session":7}',
        b'{"type":"error","error":{"message":7}}',
        b'{"type":"new.event","x":1e999}',
        b'{"type":"new.event","x":1}',
    ],
)
def test_a_providers_event_that_does_not_fit_is_handed_on_as_json(json: bytes) -> None:
    """A caller of typed events is not told that the mistake is theirs, and the session goes on."""
    start = pb.ConverseStart(protocol=pb.SESSION_PROTOCOL_REALTIME, model="m")
    messages = OPERATION.begin(pb.ConverseRequest(start=start))
    assert messages.message_of(realtime_event(json)) == pb.ConverseResponse(json=json)
    typed = messages.message_of(realtime_event(b'{"type":"session.created","session":{}}'))
    assert typed.WhichOneof("message") == "realtime"


def test_a_beginning_that_no_reader_takes_is_refused() -> None:
    """One that is nested without end, or no UTF-8: before anybody is asked, without a crash."""
    with pytest.raises(MalformedJson, match="UTF-8"):
        requirements(b'{"type":"\xff"}')
    deep = b"[" * 5000 + b"]" * 5000
    with pytest.raises(InvalidRequest, match="nested more than"):
        requirements(b'{"type":"session.start","session":{"model":"m"},"x":%b}' % deep)
