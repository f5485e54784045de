"""Every wire case of a session, replayed: the handshake, the frames, and what the caller gets."""

import contextlib
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from tests.contract.converters import converter
from tests.support.nonsense import nonsense
from tests.support.session_cases import SessionReplay, session_cases
from tests.support.wire_cases import SECRET, Json, WireCase
from tests.wire.test_wire import MEMBERS, SOURCES

from conduit.v1 import converse_requests_pb2 as pb
from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_providers.calls import Form
from conduit_providers.catalog import load_catalog
from conduit_providers.operations.converse import OPERATION, live_event, realtime_event
from conduit_providers.quantities import MOST

CASES = session_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_session_is_held_as_expected(case: WireCase, pytestconfig: pytest.Config) -> None:
    """The handshake, its signature, the frames and the result are those that were reviewed."""
    replay = SessionReplay(case)
    found = {
        "sent": replay.sent(),
        **replay.joined(),
        "frames": orjson.dumps(replay.frames()),
        "result": orjson.dumps(replay.result()),
    }
    if pytestconfig.getoption("--update-wire", default=False):
        file = case.file
        for name, content in found.items():
            file = file.with_part(name, content)
        case.path.write_bytes(file.raw)
        return
    assert found == {name: case.file.parts[name].content for name in found}
    assert SECRET.encode() not in found["frames"] + found["result"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_session_case_names_its_source(case: WireCase) -> None:
    """As all cases do."""
    assert SOURCES.fullmatch(case.source)
    assert case.front.keys() <= MEMBERS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_typed_events_say_what_the_json_says(case: WireCase) -> None:
    """What the contract knows of an event comes typed, and loses nothing."""
    replay = SessionReplay(case)
    messages = replay.messages(is_typed=True)
    hold = live_event if messages.begins_with_event else realtime_event
    for event in case.result["events"]:
        message = messages.message_of(hold(orjson.dumps(event)))
        kind = message.WhichOneof("message")
        if kind == "json":
            assert orjson.loads(message.json) == event
        else:
            typed = getattr(message, kind)
            written = orjson.loads(orjson.dumps(converter(typed.DESCRIPTOR).write(typed)))
            assert told_in(written) == told_in(event)


def told_in(value: Any) -> Any:  # noqa: ANN401 # JSON
    """Return what tells something: the contract leaves out members that are null or empty."""
    if not isinstance(value, dict):
        return value
    told = {name: told_in(each) for name, each in value.items()}
    return {name: each for name, each in told.items() if each not in (None, [], {})}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nonsense_breaks_no_session(case: WireCase, seed: int) -> None:
    """From either side: an event is passed on, or refused by whose it is; what is used is known."""
    replay, chance = SessionReplay(case), random.Random(seed)  # noqa: S311 # no secret
    translator, messages = replay.translator(), replay.messages(is_typed=True)
    for event in replay.received:
        frame = nonsense(event, chance).decode("utf-8", "replace")
        with contextlib.suppress(UpstreamError):
            for passed in translator.from_upstream(frame):
                if isinstance(passed, Form):
                    messages.message_of(passed)
        counted = (translator.usage, *translator.other_usage.values())
        assert all(0 < count <= MOST for usage in counted for _, count in usage.leaves)
        uncounted = translator.uncounted(1000)
        assert uncounted is None or uncounted.is_consistent
    for event in replay.said:
        said = pb.ConverseRequest(json=nonsense(event, chance))
        with contextlib.suppress(InvalidRequest):
            translator.to_upstream(messages.event_of(said))
        with contextlib.suppress(InvalidRequest):
            OPERATION.requirements(messages.opening(said).json, stream=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_number_of_more_than_64_bits_breaks_no_session(case: WireCase) -> None:
    """Wherever a provider has one: what is sent back, or on, cannot be written with it."""
    received = SessionReplay(case).received
    for place in range(len(received)):
        for number in numbers_in(received[place]):
            translator = SessionReplay(case).translator()
            for event in [*received[:place], number]:
                with contextlib.suppress(UpstreamError):
                    translator.from_upstream(json.dumps(event))


def numbers_in(event: Json) -> Iterator[Json]:
    """Yield an event once for each whole number in it, which is then too large."""
    text = json.dumps(event)
    for found in re.finditer(r"(?<=: )-?\d+(?=[,}])", text):
        yield json.loads(f"{text[: found.start()]}{2**70}{text[found.end() :]}")


@pytest.mark.parametrize("frame", ["", "no JSON", "[]", "1", b"\x00"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_frame_that_makes_no_sense_is_the_providers_fault(
    case: WireCase, frame: str | bytes
) -> None:
    """Whatever was said."""
    with pytest.raises(UpstreamError) as raised:
        SessionReplay(case).translator().from_upstream(frame)
    assert raised.value.metadata["kind"] == "malformed"


def test_every_type_that_holds_sessions_has_cases() -> None:
    """Of each protocol that it claims."""
    claimed = {
        (spec.name, capability)
        for spec in load_catalog().specs
        for name, endpoint in spec.endpoints.items()
        if name == "converse"
        for capability in endpoint.capabilities
    }
    assert claimed == {(case.owner, case.request["protocol"].lower()) for case in CASES}
