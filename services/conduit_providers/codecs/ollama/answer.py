"""What Ollama's chat answers, as OpenAI-shaped pieces.

https://docs.ollama.com/api/chat; a line of a stream has the form of a whole answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import orjson

from conduit.v1.chat_chunk_pb2 import ChatDelta
from conduit.v1.chat_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    FinishReason,
)
from conduit_providers.codecs.shared.turns import argument_text
from conduit_providers.dates import made_at
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import Quantities, plain

# By which the contract calls thoughts that carry no signature of anybody's.
FORMAT = "ollama-v1"


DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")


class _Function(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _ToolCall(msgspec.Struct):
    function: _Function
    id: str = ""


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Candidate(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None


class _Logprob(_Candidate):
    top_logprobs: list[_Candidate] | None = None


class Piece(msgspec.Struct):
    """A whole answer, or a line of a streamed one."""

    model: str = ""
    created_at: str = ""
    message: _Message | None = None
    logprobs: list[_Logprob] | None = None
    done: bool = False
    done_reason: str | None = None
    # Left out when they are zero, as when the whole prompt was cached.
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    # In nanoseconds.
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_duration: int | None = None
    eval_duration: int | None = None
    error: object = None

    def quantities(self) -> Quantities | None:
        """Return the counts; None if there are none."""
        if self.prompt_eval_count is None and self.eval_count is None:
            return None
        return plain(self.prompt_eval_count or 0, self.eval_count or 0)

    def durations_json(self) -> bytes:
        """Return how long each step took, by Ollama's names; empty if it was not reported."""
        found = {name: value for name in DURATIONS if (value := getattr(self, name)) is not None}
        # A server may write more than 64 bits.
        return msgspec.json.encode(found) if found else b""

    def created(self, otherwise: int) -> int:
        """Return when it was made, in seconds since 1970."""
        return made_at(self.created_at) or otherwise

    def mark(self) -> str:
        """Return what tells answers apart; the API has no ids, but times in nanoseconds."""
        return "".join(filter(str.isdigit, self.created_at)) or "0"


_DECODER = JsonReader(Piece)


def read_piece(data: bytes, provider: str) -> Piece:
    """Read an answer or a line. UpstreamError if it reports a failure or makes no sense."""
    try:
        piece = _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise malformed(provider, "it is not a chat response") from error
    if piece.error is not None:
        raise error_in_stream(piece.error, provider)
    if piece.message is None and not piece.done:
        raise malformed(provider, "it has no message")
    return piece


class PieceReader:
    """Reads the pieces of one answer, in order."""

    def __init__(self, mark: str) -> None:
        self.calls = 0
        self._mark = mark

    def delta(self, piece: Piece) -> ChatDelta | None:
        """Return what a piece adds; None if nothing."""
        message = piece.message
        if message is None:
            return None
        delta = ChatDelta()
        if message.thinking:
            delta.reasoning_content = message.thinking
            delta.reasoning_details.add(
                type="reasoning.text", text=message.thinking, format=FORMAT, index=0
            )
        if message.content:
            delta.content = message.content
        for called in message.tool_calls or ():
            call = delta.tool_calls.add(
                index=self.calls,
                id=called.id or f"call_ollama_{self._mark}_{self.calls}",
                type="function",
            )
            call.function.name = called.function.name
            # Servers may send it with indents.
            call.function.arguments = argument_text(called.function.arguments)
            self.calls += 1
        return delta if delta.ListFields() else None


class Finish(NamedTuple):
    """The stop reason; `native` where Ollama's word says more."""

    reason: "FinishReason.ValueType"
    native: str | None


_REASONS: "Mapping[str, FinishReason.ValueType]" = {
    "stop": FINISH_REASON_STOP,
    "length": FINISH_REASON_LENGTH,
    # A request without a turn only loads or unloads the model.
    "load": FINISH_REASON_STOP,
    "unload": FINISH_REASON_STOP,
}


def finish_of(reason: str | None, *, has_calls: bool) -> Finish:
    """Return what a reason means; it is left out by servers of old."""
    found = _REASONS.get(reason or "stop", FINISH_REASON_STOP)
    if found == FINISH_REASON_STOP and has_calls:
        found = FINISH_REASON_TOOL_CALLS
    return Finish(found, None if reason in {"stop", "length"} else reason)


def logprobs_json(logprobs: Sequence[_Logprob] | None) -> bytes:
    """Return the chances of tokens as OpenAI has them; empty if there are none."""
    if not logprobs:
        return b""
    content = [
        {**_chance(each), "top_logprobs": [_chance(other) for other in each.top_logprobs or ()]}
        for each in logprobs
    ]
    return orjson.dumps({"content": content, "refusal": None})


def _chance(candidate: _Candidate) -> dict[str, Any]:
    return {
        "token": candidate.token,
        "logprob": candidate.logprob,
        "bytes": list(candidate.token.encode()) if candidate.bytes is None else candidate.bytes,
    }
