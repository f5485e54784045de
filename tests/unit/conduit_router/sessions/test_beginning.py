"""Sessions whose first event names the model that writes down what is said."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.session_bench import QUICK, said, session
from tests.support.session_upstream import event, holding, says, transcribing_only

from conduit.v1 import converse_requests_pb2 as pb
from conduit_kernel.errors import DeadlineExceeded, InvalidRequest, ModelNotAllowed
from conduit_kernel.not_found_errors import ModelNotFound

OWN = "gpt-4o-transcribe"
APPEND = event("input_audio_buffer.append", audio="AAAA")


def start(intent: str = "transcription", model: str = "", *, live: bool = False) -> Any:  # noqa: ANN401 # a message
    """Return the first message of a session."""
    protocol = pb.SESSION_PROTOCOL_LIVE if live else pb.SESSION_PROTOCOL_REALTIME
    begin = pb.ConverseStart(
        protocol=protocol, model=model, intent=intent, events=pb.EVENT_FORM_JSON
    )
    return pb.ConverseRequest(start=begin)


def update(model: str) -> pb.ConverseRequest:
    """Return the event that names a model."""
    transcription = {"model": model, "language": "en"}
    asked = {"type": "transcription", "audio": {"input": {"transcription": transcription}}}
    return said(event("session.update", session=asked))


async def test_the_caller_is_greeted_once_and_names_the_model_then(tmp_path: Path) -> None:
    """As clients wait for it that were written for OpenAI; the provider gets all that was said."""
    heard: list[Any] = []
    act = transcribing_only(heard)
    async with session(tmp_path, act, first=start(), provider_type="OpenAI", model=OWN) as caller:
        await caller.get(2)
        assert [each["type"] for each in caller.events] == ["session.created"]
        caller.say(update("gpt"), said(APPEND))
        await caller.get(2)
        caller.leave()
        await caller.get()
        assert caller.error is None
    assert [each["type"] for each in caller.events] == ["session.created", "session.updated"]
    transcription = caller.events[1]["session"]["audio"]["input"]["transcription"]
    assert transcription == {"model": "gpt", "language": "en"}
    assert {query for query, _ in heard} == {"intent=transcription"}
    assert [each["type"] for _, each in heard] == ["session.update", "input_audio_buffer.append"]
    named = heard[0][1]["session"]["audio"]["input"]["transcription"]
    assert named == {"model": OWN, "language": "en"}


async def test_a_model_of_another_name_transcribes_where_that_is_said_before(
    tmp_path: Path,
) -> None:
    """As deployments have any: the connection is the right one at once."""
    heard: list[Any] = []
    act, first = transcribing_only(heard), start(model="gpt")
    async with session(tmp_path, act, first=first, provider_type="OpenAI", model="ears") as caller:
        caller.say(said(APPEND))
        await caller.get(3)
        caller.leave()
        await caller.get()
        assert caller.error is None
    assert {query for query, _ in heard} == {"intent=transcription"}
    assert heard[0][1]["session"]["audio"]["input"]["transcription"] == {"model": "ears"}


@pytest.mark.parametrize(
    ("first", "problem"),
    [
        (said(APPEND), InvalidRequest),
        (said(event("session.update", session={"type": "transcription"})), InvalidRequest),
        (update("nobodys"), ModelNotFound),
    ],
)
async def test_an_event_that_names_no_model_of_ours_is_refused(
    tmp_path: Path, first: pb.ConverseRequest, problem: type[Exception]
) -> None:
    """Before any provider is asked."""
    async with session(tmp_path, says(), first=start(), provider_type="OpenAI") as caller:
        caller.say(first)
        await caller.get()
        assert isinstance(caller.error, problem)
        assert caller.upstream.paths == []


async def test_a_key_transcribes_with_no_model_that_it_may_not_use(tmp_path: Path) -> None:
    """Whoever names it."""
    async with session(
        tmp_path, says(), first=start(), provider_type="OpenAI", allowed=("other",)
    ) as caller:
        caller.say(update("gpt"))
        await caller.get()
        assert isinstance(caller.error, ModelNotAllowed)


async def test_the_first_event_is_waited_for_in_bounds(tmp_path: Path) -> None:
    """And a caller that leaves before ends the call."""
    async with session(tmp_path, says(), first=start(), limits=QUICK) as caller:
        await caller.get()
        assert isinstance(caller.error, DeadlineExceeded)
    async with session(tmp_path, says(), first=start()) as caller:
        caller.leave()
        await caller.get()
        assert caller.error is None
        assert caller.upstream.paths == []


@pytest.mark.parametrize("first", [start("speech", "gpt"), start(live=True)])
async def test_other_intents_are_refused(tmp_path: Path, first: pb.ConverseRequest) -> None:
    """Also of live sessions, which have none."""
    async with session(
        tmp_path, holding(lambda socket: socket.wait_closed()), first=first
    ) as caller:
        await caller.get()
        assert isinstance(caller.error, InvalidRequest)
        assert caller.error.metadata["field"] == "intent"
