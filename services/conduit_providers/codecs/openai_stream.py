"""The events of a streamed chat in OpenAI's dialect, passed on as they are.

An event is looked into only as far as it takes to know that it is one, whether a choice is
finished, and what was used.
"""

import re

import msgspec
import orjson

from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import ChatCall, ChatEvents
from conduit_providers.codecs.openai_usage import read_paths, read_usage
from conduit_providers.codecs.sse import EventBuffer, events_in
from conduit_providers.failures import error_in_stream, garbage
from conduit_providers.spec import Endpoint
from conduit_providers.usage import Usage

DONE = b"[DONE]"


class _Choice(msgspec.Struct):
    index: int = 0
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: object = None
    error: object = None


_decode = msgspec.json.Decoder(_Chunk).decode


class OpenAIChatDecoder:
    """Passes on the events of one answer, up to `[DONE]`."""

    __slots__ = (
        "_buffer",
        "_endpoint",
        "_error_path",
        "_failure",
        "_finished",
        "_has_sent_usage",
        "_include_usage",
        "_model_event",
        "_paths",
        "_provider",
        "_seen",
        "done",
        "usage",
    )

    def __init__(self, call: ChatCall, endpoint: Endpoint) -> None:
        self.usage: Usage | None = None
        self.done = False
        self._provider = call.provider
        self._include_usage = call.include_usage
        self._endpoint = endpoint
        self._paths = endpoint.usage
        self._error_path = str(endpoint.options.get("stream_error", ""))
        self._buffer = EventBuffer(call.provider)
        self._failure: UpstreamError | None = None
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        self._has_sent_usage = False
        self._model_event = b""

    def feed(self, data: bytes) -> ChatEvents | None:
        """Take the next bytes; return the events they complete, or None.

        UpstreamError if the provider reports a failure or sends garbage; events before that are
        returned first.
        """
        if self._failure is not None:
            raise self._failure
        block = self._buffer.take(data)
        return self._pass_on(block) if block and not self.done else None

    def close(self) -> ChatEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        if self._failure is not None:
            raise self._failure
        if self.done:
            return None
        events = self._pass_on_rest()
        if self.done:
            return events
        if not self._finished or self._seen - self._finished:
            raise StreamInterrupted(
                f"{self._provider} ended the stream before the answer was complete",
                provider=self._provider,
            )
        self.done = True
        return self._joined([events.sse] if events else [])

    def _pass_on_rest(self) -> ChatEvents | None:
        # Some servers forget the blank line behind the last event.
        rest = self._buffer.held.strip(b"\n")
        if not rest:
            return None
        try:
            return self._pass_on(rest + b"\n\n")
        except UpstreamError as error:
            if error.metadata.get("kind") != "garbage":
                raise
            return None

    def _pass_on(self, block: bytes) -> ChatEvents | None:
        try:
            if not block.isascii():
                block.decode()
        except UnicodeDecodeError:
            raise garbage(self._provider, "its stream is not UTF-8") from None
        block = with_stop(block, self._endpoint)
        parts = block.split(b"\n\n")
        parts.pop()
        kept: list[bytes] = []
        for part in parts:
            if not part.startswith(b"data: {") or b"\n" in part:
                self._keep_slowly(part, kept)
            elif self._is_wanted(part[6:]):
                kept.append(part)
            if self._failure is not None or self.done:
                break
        if self._failure is not None and not kept:
            raise self._failure
        if len(kept) == len(parts):
            return ChatEvents(sse=block)
        return self._joined([part + b"\n\n" for part in kept])

    def _joined(self, events: list[bytes]) -> ChatEvents | None:
        if self.done and self._include_usage and self.usage and not self._has_sent_usage:
            self._has_sent_usage = True
            events.append(b"data: %b\n\n" % _usage_chunk(self._model_event, self.usage))
        return ChatEvents(sse=b"".join(events)) if events else None

    def _keep_slowly(self, part: bytes, kept: list[bytes]) -> None:
        for event in events_in(part):
            data = event.data.replace(b"\n", b" ").strip()
            if data == DONE:
                self.done = True
            elif event.event == b"error":
                self._failure = self._failure_in(data)
            elif data and self._is_wanted(data):
                kept.append(b"data: " + data)

    def _failure_in(self, data: bytes) -> UpstreamError:
        try:
            told = orjson.loads(data)
        except orjson.JSONDecodeError:
            told = data.decode()
        if isinstance(told, dict):
            told = told.get("error") or told
        return error_in_stream(told, self._provider)

    def _is_wanted(self, data: bytes) -> bool:
        """Look into an event; whether it is passed on."""
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, msgspec.ValidationError):
            self._failure = garbage(self._provider, "an event is not a chat completion chunk")
            return False
        choices = chunk.choices
        if choices is None or chunk.usage is not None or chunk.error is not None or self._paths:
            return self._is_special_wanted(chunk, data)
        if self._error_path and b'"error"' in data:
            return self._is_special_wanted(chunk, data)
        # The ordinary event: one choice that was seen before and goes on.
        if len(choices) != 1 or choices[0].finish_reason or choices[0].index not in self._seen:
            self._note_choices(choices, data)
        return True

    def _is_special_wanted(self, chunk: _Chunk, data: bytes) -> bool:
        error = chunk.error
        if error is None and self._error_path and b'"error"' in data:
            error = _found_at(data, self._error_path)
        if error is not None:
            self._failure = error_in_stream(error, self._provider)
            return False
        if self._paths:
            self.usage = read_paths(data, self._paths, self.usage)
        if chunk.usage is not None:
            return self._note_usage(chunk, data)
        if chunk.choices is None:
            self._failure = garbage(self._provider, "an event has no choices")
            return False
        self._note_choices(chunk.choices, data)
        return True

    def _note_usage(self, chunk: _Chunk, data: bytes) -> bool:
        usage = read_usage(chunk.usage)
        if usage is not None:
            self.usage = usage
            if self._paths:
                self.usage = read_paths(data, self._paths, usage)
            self._has_sent_usage = self._has_sent_usage or self._include_usage
        self._note_choices(chunk.choices or [], data)
        return bool(chunk.choices) or self._include_usage

    def _note_choices(self, choices: list[_Choice], data: bytes) -> None:
        if choices:
            self._model_event = data
        for choice in choices:
            self._seen.add(choice.index)
            if choice.finish_reason:
                self._finished.add(choice.index)


def with_stop(data: bytes, endpoint: Endpoint) -> bytes:
    """Return an answer in which the provider's own word for `stop` is OpenAI's."""
    word = endpoint.options.get("stop_reason")
    if word is None or b'"%b"' % str(word).encode() not in data:
        return data
    # Quotes inside of texts are escaped, so that this is only ever found as a member.
    return re.sub(rb'("finish_reason"\s*:\s*)"%b"' % str(word).encode(), rb'\1"stop"', data)


def _found_at(data: bytes, path: str) -> object:
    found: object = orjson.loads(data)
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _usage_chunk(event: bytes, usage: Usage) -> bytes:
    """Return the chunk that OpenAI ends a stream with when asked for the usage."""
    known = orjson.loads(event) if event else {}
    return orjson.dumps(
        {
            "id": known.get("id", ""),
            "object": "chat.completion.chunk",
            "created": known.get("created", 0),
            "model": known.get("model", ""),
            "choices": [],
            "usage": {
                "prompt_tokens": usage.input_tokens,
                "completion_tokens": usage.output_tokens,
                "total_tokens": usage.input_tokens + usage.output_tokens,
                "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
                "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            },
        }
    )
