"""OpenAI's older completions: what callers send, and get, passes as it is.

https://platform.openai.com/docs/api-reference/completions; openai 3.57.0, the Python SDK:
types.completion, types.completion_choice, types.completion_create_params.
"""

import re

import msgspec
import orjson

from conduit_providers.codecs.openai.request import headers_of
from conduit_providers.codecs.openai.usage import read_usage
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.passed_body import members_in, passed_body
from conduit_providers.codecs.shared.passed_events import EventHead, PassingDecoder
from conduit_providers.codecs.shared.sse import SseEvent
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.inbound.completion_form import (
    CompletionAnswer,
    CompletionCall,
    CompletionEvents,
    CompletionForm,
    completion_answer,
)
from conduit_providers.json_reading import Index, JsonReader
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_OVER = re.compile(rb"^data: ?\[DONE\]", re.MULTILINE)
_OPTIONS = b'"stream_options"'
_WITH_USAGE = b'"stream_options":{"include_usage":true},'


class _Choice(msgspec.Struct, gc=False):
    text: str
    index: Index = 0
    finish_reason: object = None


class _Whole(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: object = None
    error: object = None


class _Event(EventHead):
    choices: list[_Choice] | None = None
    usage: object = None


_ANSWER = JsonReader(_Whole)
_EVENT = JsonReader(_Event)


class OpenAICompletionCodec:
    """Speaks `POST /completions`."""

    def to_upstream(self, call: CompletionCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model."""
        head = self.head(call.model, endpoint, target)
        return HttpRequest(head.method, head.path, head.headers, self.body(call, endpoint, target))

    def from_upstream(
        self, response: HttpResponse, call: CompletionCall, endpoint: Endpoint
    ) -> CompletionAnswer:
        """Pass the provider's body on, after a look at its counts."""
        return self.read(response.body, call, endpoint)

    def head(self, model: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request but for its body."""
        path = target.fill(endpoint.options.completions_path, model=model)
        return HttpRequest("POST", path, headers_of(endpoint))

    def body(self, call: CompletionCall, endpoint: Endpoint, target: Target) -> bytes:
        """Build the body out of the caller's; a stream is always asked for its counts."""
        raw = passed_body(call.request.json_at_hand or call.request.json, call)
        if not call.stream or "stream_options" in endpoint.drop:
            return raw
        if raw.find(_OPTIONS) < 0:
            start = raw.find(b"{") + 1
            return raw[:start] + _WITH_USAGE + raw[start:]
        members = members_in(raw)
        options = members.get("stream_options")
        members["stream_options"] = {
            **(options if isinstance(options, dict) else {}),
            "include_usage": True,
        }
        return orjson.dumps(members)

    def read(self, body: bytes, call: CompletionCall, endpoint: Endpoint) -> CompletionAnswer:
        """Read the answer's body."""
        answer = read_answer(_ANSWER, body, call.provider, "it is not a completion")
        if answer.error is not None:
            raise error_in_stream(answer.error, call.provider)
        if not answer.choices:
            raise malformed(call.provider, "it has no choices")
        return completion_answer(_used(answer.usage), json=body)

    def decoder(self, call: CompletionCall, endpoint: Endpoint) -> "PassedCompletionDecoder":
        """Return a fresh decoder for one streamed answer."""
        form = call.request
        assert isinstance(form, CompletionForm)  # noqa: S101 # as the operation makes them
        return PassedCompletionDecoder(call.provider, form.choices, tells_usage=call.include_usage)


class PassedCompletionDecoder(PassingDecoder[_Event, CompletionEvents]):
    """Passes events on, up to the end of each completion, and the counts to those who asked."""

    def __init__(self, provider: str, choices: int, *, tells_usage: bool) -> None:
        """Take how many completions there are to be."""
        super().__init__(provider, _EVENT, CompletionEvents)
        self._choices = choices
        self._tells_usage = tells_usage
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        # Whether the provider said that nothing follows.
        self._is_over = False
        # Whether the event under way has the counts, and nothing else.
        self._is_count = False
        self._usage: Quantities | None = None

    @property
    def has_finished(self) -> bool:
        """Return whether each completion has ended."""
        if not self._seen or not self._seen <= self._finished:
            return False
        # Some servers give fewer than they were asked for.
        return self._is_over or len(self._finished) >= self._choices

    @property
    def usage(self) -> Quantities | None:
        """Return what was used, as far as that was said."""
        return self._usage

    def _pass_on(self, block: bytes) -> CompletionEvents | None:
        self._is_over = self._is_over or _OVER.search(block) is not None
        return super()._pass_on(block)

    def _look_at(self, event: _Event) -> None:
        for choice in event.choices or ():
            self._seen.add(choice.index)
            if choice.finish_reason is not None:
                self._finished.add(choice.index)
        self._is_count = not event.choices and event.usage is not None
        self._usage = _used(event.usage) or self._usage

    def _looked_at(self, event: SseEvent) -> bytes:
        passed = super()._looked_at(event)
        return b"" if self._is_count and not self._tells_usage else passed


def _used(usage: object) -> Quantities | None:
    counts = read_usage(usage) if usage is not None else None
    return counts.quantities() if counts is not None else None


CODEC = OpenAICompletionCodec()
