"""A live session: its model's name, its length, and what works behind it."""

from typing import Any

import orjson
import pytest

from conduit.v1 import converse_requests_pb2 as pb
from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.live_session import LiveTranslator
from conduit_providers.operations.converse import SESSION_MILLISECOND, live_event, live_opening
from conduit_providers.quantities import INPUT, OUTPUT, Quantities, counted

START = b'{"type":"session.start","session":{"model":"alias","voice":"v"}}'


def translator(opening: bytes = START) -> LiveTranslator:
    """Return a translator of a session that begins so."""
    return LiveTranslator(
        Call(live_opening(json=opening), alias="alias", model="gpt-live", provider="Lumen")
    )


def heard(session: LiveTranslator, kind: str, /, **members: object) -> dict[str, Any]:
    """Return what a caller hears of an event."""
    (event,) = session.from_upstream(orjson.dumps({"type": kind, **members}).decode())
    return dict(orjson.loads(event.json))


def lasted(milliseconds: int) -> Quantities:
    """Return a length."""
    return counted(((SESSION_MILLISECOND, milliseconds),))


def test_the_model_is_called_by_each_sides_name() -> None:
    """In the first event, in later ones, and in what the provider says."""
    session = translator()
    (first,) = session.first_steps()
    assert isinstance(first, str)
    assert orjson.loads(first)["session"] == {"model": "gpt-live", "voice": "v"}
    update = live_event(b'{"type":"session.update","session":{"model":"alias"}}')
    (sent,) = session.to_upstream(update)
    assert isinstance(sent, str)
    assert orjson.loads(sent)["session"]["model"] == "gpt-live"
    told = heard(session, "session.started", session={"model": "gpt-live", "id": "s"})
    assert told["session"] == {"model": "alias", "id": "s"}


def test_other_events_keep_their_bytes() -> None:
    """Both ways, also what is none."""
    session = translator()
    assert session.to_upstream(live_event(b'{ "type":"input" }')) == ('{ "type":"input" }',)
    assert session.to_upstream(live_event(b"nonsense")) == ("nonsense",)
    (event,) = session.from_upstream('{ "type":"new.event", "x":1e2 }')
    assert event.json == b'{ "type":"new.event", "x":1e2 }'


def test_a_session_is_open_once_the_provider_says_so() -> None:
    """Before, another candidate can still be asked."""
    session = translator()
    assert not session.is_open
    heard(session, "session.starting")
    assert not session.is_open
    heard(session, "session.started")
    assert session.is_open
    assert not session.is_done


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("close_requested", pb.SESSION_END_REASON_CALLER),
        ("expired", pb.SESSION_END_REASON_EXPIRED),
        ("maintenance", pb.SESSION_END_REASON_PROVIDER),
        (None, pb.SESSION_END_REASON_PROVIDER),
        (["expired"], pb.SESSION_END_REASON_PROVIDER),
    ],
)
def test_the_end_says_why(reason: object, end: int) -> None:
    """A reason of a later version is the provider's."""
    session = translator()
    heard(session, "session.closed", reason=reason, usage={"seconds": 12.5})
    assert (session.is_done, session.end_reason) == (True, end)
    assert session.usage == lasted(12_500)
    assert session.uncounted(60_000) is None


def test_only_the_last_length_counts() -> None:
    """It is told since the session began; what was not told is the rest."""
    session = translator()
    assert session.usage == Quantities()
    assert session.uncounted(2_000) == lasted(2_000)
    heard(session, "session.usage.updated", usage={"seconds": 5})
    heard(session, "session.usage.updated", usage={"seconds": 10})
    heard(session, "session.usage.updated", usage="many")
    assert session.usage == lasted(10_000)
    assert session.uncounted(12_000) == lasted(2_000)
    assert session.uncounted(9_000) == lasted(0)


def test_what_works_behind_is_counted_by_its_model() -> None:
    """Once for each response, at its end."""
    session = translator()
    usage = {"input_tokens": 3, "output_tokens": 2}
    for kind in ("response.created", "response.completed", "response.failed"):
        response = {"model": "gpt-5", "usage": usage}
        heard(session, "response.event", event={"type": kind, "response": response})
    heard(session, "response.event", event={"type": "response.completed", "response": 7})
    response = {"model": "gpt-5", "usage": usage}
    heard(session, "response.event", event={"type": {"a": 1}, "response": response})
    assert session.other_usage == {"gpt-5": counted(((INPUT, 6), (OUTPUT, 4)))}


def test_an_error_is_told_and_kept_until_the_next_event() -> None:
    """Whatever form it has."""
    session = translator()
    heard(session, "error", error={"message": "No.", "code": "x"})
    assert session.failure is not None
    assert "No." in str(session.failure)
    heard(session, "new.event")
    assert session.failure is None
    heard(session, "error")
    assert isinstance(session.failure, UpstreamError)


@pytest.mark.parametrize("kind", ["session.started", "session.closed", "session.usage.updated",
                                  "response.event", "error"])  # fmt: skip
def test_events_that_cannot_be_read_make_no_sense(kind: str) -> None:
    """And change nothing."""
    session = translator()
    with pytest.raises(UpstreamError, match="Lumen sent"):
        session.from_upstream(f'{{"type":"{kind}","x":1e999}}')
    assert (session.is_open, session.is_done, session.usage) == (False, False, Quantities())


def test_a_length_that_nobody_lives_ends_no_session() -> None:
    """It is marked."""
    session = translator()
    heard(session, "session.usage.updated", usage={"seconds": 1e306})
    assert not session.usage.is_consistent


def test_a_beginning_that_cannot_be_read_is_the_callers_error() -> None:
    """As another model might be hidden in it."""
    begin = START.replace(b'"voice":"v"', b'"voice":1e999')
    with pytest.raises(InvalidRequest, match="cannot be read"):
        translator(begin).first_steps()
    with pytest.raises(InvalidRequest, match="cannot be read"):
        translator().to_upstream(live_event(begin))
