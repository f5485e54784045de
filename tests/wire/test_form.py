"""Whatever a provider sends, what a caller gets is in OpenAI's form: SDKs read it, and go on.

Recorded answers of every dialect with something wrong in them; `make fuzz` tries more.
"""

import json
import os
from typing import Any

import pytest
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from tests.support.broken_answers import broken, chance_of
from tests.support.replays import Replay, replays

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs import codec_named
from conduit_providers.codecs.openai.finish import REASONS
from conduit_providers.codecs.shared.sse import events_in

Json = dict[str, Any]
ROUNDS = range(int(os.environ.get("CONDUIT_FUZZ_ROUNDS", "1")))
CHATS = [
    each
    for each in replays()
    if each.operation == "chat"
    and "received" in each.case.file.parts
    and each.response.status == 200
]
WHOLE = [
    each
    for each in CHATS
    if not each.fresh_call().stream and hasattr(codec_named(each.endpoint.codec), "from_upstream")
]
STREAMS = [each for each in CHATS if each.fresh_call().stream]


def name_of(replay: Replay) -> str:
    """Return a name for the test report."""
    return replay.name


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("replay", WHOLE, ids=name_of)
def test_a_whole_answer_has_what_sdks_rely_on(replay: Replay, turn: int) -> None:
    """A message in each choice, a reason that they know, and calls that can be made."""
    codec, call = codec_named(replay.endpoint.codec), replay.fresh_call()
    response = broken(replay, chance_of(replay, turn, "form"))
    try:
        answer = json.loads(codec.from_upstream(response, call, replay.endpoint).json)
    except UpstreamError:
        return
    assert answer["choices"]
    for choice in answer["choices"]:
        # Some readers of ours take a number in a text for one, as SDKs do.
        assert int(choice["index"]) >= 0
        assert choice["finish_reason"] in REASONS
        for made in choice["message"].get("tool_calls") or ():
            check_call(made)


# Of members that are no more than passed on, such as an id that is no text.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize("replay", STREAMS, ids=name_of)
def test_a_stream_has_what_sdks_rely_on(replay: Replay, turn: int) -> None:
    """OpenAI's accumulator reads what came, and what ended well has its reasons."""
    response = broken(replay, chance_of(replay, turn, "form"))
    decoder, pieces = replay.decoder(replay.fresh_call()), []
    try:
        pieces.append(decoder.feed(response.body))
        pieces += [] if decoder.done else [decoder.close()]
    except UpstreamError:
        # What came before is read all the same.
        ...
    events = [event for piece in pieces if piece for event in events_in(piece.sse)]
    chunks = [json.loads(event.data) for event in events]
    state = ChatCompletionStreamState()
    for chunk in chunks:
        check_chunk(chunk)
        read = construct_type(type_=ChatCompletionChunk, value=chunk)
        assert isinstance(read, ChatCompletionChunk)
        state.handle_chunk(read)
    if decoder.done:
        whole: Any = state.current_completion_snapshot.to_dict(mode="json")
        for choice in whole["choices"]:
            assert choice["finish_reason"] in REASONS
            for made in choice["message"].get("tool_calls") or ():
                check_call(made)


def check_chunk(chunk: Json) -> None:
    """Hold a chunk to what accumulators take apart."""
    for choice in chunk["choices"]:
        # What is no more than passed on, and what stands there in no recorded answer.
        choice.pop("logprobs", None)
        assert isinstance(choice["index"], int)
        assert choice.get("finish_reason") in {None, *REASONS}
        for piece in choice["delta"].get("tool_calls") or ():
            assert isinstance(piece["index"], int)
            function = piece.get("function") or {}
            assert isinstance(function.get("arguments") or "", str)


def check_call(made: Json) -> None:
    """Hold a call to what whoever makes it needs."""
    assert made["id"]
    assert made["type"]
    if made["type"] == "function":
        assert isinstance(made["function"]["arguments"], str)
