"""Events of sessions, as far as they are read."""

import pytest

from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_providers.codecs.openai.session_events import (
    document_of,
    for_provider,
    member,
    said_by_caller,
    said_by_provider,
    usage_in,
    with_model,
)
from conduit_providers.operations.converse import realtime_event
from conduit_providers.quantities import plain

DEEP = '{"type":"session.update","session":{"model":"n","x":' + "[" * 5000 + "]" * 5000 + "}}"


@pytest.mark.parametrize(
    ("json", "kind"),
    [
        (b'{"type":"session.update","x":[1]}', "session.update"),
        (b"{}", ""),
        (b"[]", ""),
        (b"nonsense", ""),
        (b'{"type":7}', ""),
    ],
)
def test_a_callers_event_goes_on_as_it_is(json: bytes, kind: str) -> None:
    """What is no event, the provider tells."""
    assert said_by_caller(realtime_event(json)) == (kind, json.decode())


@pytest.mark.parametrize("json", [b"\xff", b'{"type":"a","x":"\xff"}', DEEP.encode()])
def test_what_no_frame_can_hold_is_the_callers_error(json: bytes) -> None:
    """Nor what is nested without end."""
    with pytest.raises(InvalidRequest):
        said_by_caller(realtime_event(json))


@pytest.mark.parametrize(
    "frame", [b"{}", "nonsense", "[]", '{"type":7}', '{"type":"\\ud800"}', DEEP]
)
def test_what_a_provider_says_is_an_event(frame: str | bytes) -> None:
    """Anything else makes no sense."""
    with pytest.raises(UpstreamError) as raised:
        said_by_provider(frame, "Lumen")
    assert raised.value.metadata["kind"] == "malformed"


def test_a_session_names_the_providers_model() -> None:
    """If it names one; everything else keeps its bytes."""
    sent = for_provider(b'{"type":"session.update","session":{"model":"alias","x":1}}', "gpt-x")
    assert sent == '{"type":"session.update","session":{"model":"gpt-x","x":1}}'
    for text in ('{"type": "x"}', '{"session":7}', '{"session": {"voice":"v"}}'):
        assert for_provider(text.encode(), "gpt-x") == text


@pytest.mark.parametrize("odd", ["1e999", '"\\ud800"', "[" * 300 + "]" * 300])
def test_an_event_in_which_a_model_could_hide_is_refused(odd: str) -> None:
    """We cannot read it, and the provider might."""
    json = f'{{"type":"session.update","session":{{"model":"other","x":{odd}}}}}'
    with pytest.raises(InvalidRequest, match="cannot be read"):
        for_provider(json.encode(), "gpt-x")


@pytest.mark.parametrize("odd", ["1e999", '"\\ud800"', "[" * 300 + "]" * 300])
def test_a_providers_event_that_cannot_be_read_makes_no_sense(odd: str) -> None:
    """By class, and not by a crash."""
    with pytest.raises(UpstreamError, match="Lumen sent") as raised:
        document_of(f'{{"type":"session.created","x":{odd}}}'.encode(), "Lumen")
    assert raised.value.metadata["kind"] == "malformed"


def test_callers_are_told_their_own_name_of_the_model() -> None:
    """Where the provider tells its own."""
    json = b'{"type":"session.created","session":{"model":"gpt-x"}}'
    assert with_model(json, document_of(json, "P"), "alias") == json.replace(b"gpt-x", b"alias")
    other = b'{"type":"session.created"}'
    assert with_model(other, document_of(other, "P"), "alias") is other


@pytest.mark.parametrize("value", [None, {}, 7, "x", [], {"input_tokens": "1"}, {"seconds": "1"}])
def test_a_usage_that_makes_no_sense_counts_nothing(value: object) -> None:
    """The session goes on."""
    assert usage_in(value).tokens() == plain(0)
    assert usage_in(value).lasted() is None


def test_members_are_found_inside_of_objects_alone() -> None:
    """Whatever else stands in their place."""
    event = {"a": {"b": {"c": 7}, "d": [1]}}
    assert member(event, "a", "b", "c") == 7
    assert member(event, "a", "d", "c") is None
    assert member(event, "x", "y") is None
    assert member(7, "a") is None
    assert member(event) is event
