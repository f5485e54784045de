"""Mistral's chat completions: OpenAI's, with differences.

https://docs.mistral.ai/api/endpoint/chat

What differs by name only is in the catalog; what differs in form is changed here, and only where
it is there.
"""

from contextlib import suppress
from copy import copy

from msgspec.structs import replace

from conduit_kernel.errors import UpstreamError
from conduit_providers.chat_events import ChatDecoder, ChatEvents
from conduit_providers.codecs.mistral.answer import Unfolding, as_openai, is_odd
from conduit_providers.codecs.mistral.request import fitted
from conduit_providers.codecs.openai.chat import OpenAIChatCodec
from conduit_providers.codecs.openai.stream import OpenAIChatDecoder
from conduit_providers.codecs.shared.sse import events_in
from conduit_providers.operations.chat import ChatAnswer, ChatCall, chat_answer
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

# Of `tools`, of calls and of their results.
_TOOL = b'"tool'


class MistralChatCodec:
    """Speaks `POST /chat/completions`."""

    def __init__(self) -> None:
        self._openai = OpenAIChatCodec(keeps_lists=True)

    def to_upstream(self, call: ChatCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, changed where Mistral requires it otherwise."""
        request = self._openai.to_upstream(call, endpoint, target)
        return replace(request, body=fitted(request.body, call, target.provider_name))

    def from_upstream(
        self, response: HttpResponse, call: ChatCall, endpoint: Endpoint
    ) -> ChatAnswer:
        """Pass the provider's body on, changed where it is not OpenAI's."""
        answer = self._openai.from_upstream(response, call, endpoint)
        if not is_odd(answer.json):
            return answer
        plain = as_openai(answer.json, "message", {}, call.provider)
        return chat_answer(usage=answer.usage, json=plain)

    def decoder(self, call: ChatCall, endpoint: Endpoint) -> ChatDecoder:
        """Return a fresh decoder for one streamed answer."""
        return MistralChatDecoder(call, endpoint)


class MistralChatDecoder:
    """Passes on the events of one answer, changed where they are not OpenAI's."""

    def __init__(self, call: ChatCall, endpoint: Endpoint) -> None:
        self.usage: Quantities | None = None
        self.done = False
        self.has_finished = False
        self.emitted = 0
        self.skipped = 0
        self._provider = call.provider
        self._openai = OpenAIChatDecoder(call, endpoint, keeps_lists=True)
        self._states: dict[int, Unfolding] = {}
        # What came before the first list of chunks; references to results of tools count its words.
        self._before: list[bytes] = []
        self._may_cite = _TOOL in call.request.json
        self._failure: UpstreamError | None = None

    def feed(self, data: bytes) -> ChatEvents | None:
        """Take the next bytes; return the events they complete, or None.

        UpstreamError if the provider reports a failure or sends malformed; events before that are
        returned first.
        """
        if self._failure is not None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        return self._changed(self._openai.feed(data))

    def close(self) -> ChatEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        if self._failure is not None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        return self._changed(self._openai.close())

    def _changed(self, events: ChatEvents | None) -> ChatEvents | None:
        self.usage = self._openai.usage
        self.emitted, self.skipped = self._openai.emitted, self._openai.skipped
        self.has_finished = self._openai.has_finished
        if events is not None:
            # Words end a thought, and so must be seen once something was changed.
            if self._states or is_odd(events.sse):
                events = self._rewritten(events.sse)
            elif self._may_cite:
                self._before.append(events.sse)
        self.done = self._openai.done and self._failure is None
        return events

    def _rewritten(self, sse: bytes) -> ChatEvents:
        kept: list[bytes] = []
        before, self._before = self._before, []
        for event in events_in(b"".join(before)):
            with suppress(UpstreamError):
                as_openai(event.data, "delta", self._states, self._provider)
        for event in events_in(sse):
            try:
                plain = as_openai(event.data, "delta", self._states, self._provider)
            except UpstreamError as error:
                self._failure = copy(error)
                break
            kept.append(b"data: %b\n\n" % plain)
        if self._failure is not None and not kept:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        return ChatEvents(sse=b"".join(kept))


CODEC = MistralChatCodec()
