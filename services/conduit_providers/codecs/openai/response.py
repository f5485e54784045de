"""OpenAI's Responses for callers who speak them: what they send, and get, passes as it is.

https://platform.openai.com/docs/api-reference/responses; openai 3.57.0, the Python SDK:
types.responses.

Only thoughts are left out that another provider had, or another account, which marks of Conduit's
tell.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import orjson

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.openai.request import headers_of
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.codecs.shared.passed_body import members_in, objects_in, passed_body
from conduit_providers.codecs.shared.passed_events import EventHead, PassingDecoder
from conduit_providers.codecs.shared.sse import SseEvent
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.inbound.account_marks import MARK_BYTES as ACCOUNT_MARK
from conduit_providers.inbound.account_marks import account_of, marked
from conduit_providers.inbound.response_form import (
    ResponseAnswer,
    ResponseCall,
    ResponseEvents,
    response_answer,
)
from conduit_providers.inbound.sealed_thoughts import MARK_BYTES, is_sealed
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import Quantities, service_tier
from conduit_providers.spec import Endpoint, chosen
from conduit_providers.target import Target
from conduit_providers.token_counts import TokenCounts
from conduit_providers.wire import HttpRequest, HttpResponse

Json = dict[str, Any]

_SEARCH = "web_search_call"


class _Read(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Written(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: int | None = None


_NOT_READ, _NOT_WRITTEN = _Read(), _Written()


class ResponseUsage(msgspec.Struct, gc=False):
    """Tokens read include those of the cache, tokens written what was thought."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Read | None = None
    output_tokens_details: _Written | None = None

    def counts(self, web_searches: int = 0) -> TokenCounts | None:
        """Return what was used; None if that is not said."""
        if not (self.input_tokens or self.output_tokens):
            return None
        read = self.input_tokens_details or _NOT_READ
        written = self.output_tokens_details or _NOT_WRITTEN
        return TokenCounts(
            input_tokens=self.input_tokens or 0,
            output_tokens=self.output_tokens or 0,
            cached_input_tokens=read.cached_tokens or 0,
            cache_write_tokens=read.cache_write_tokens or 0,
            reasoning_tokens=written.reasoning_tokens or 0,
            web_searches=web_searches,
        )

    def quantities(self) -> Quantities | None:
        """Return the same, at the usual price."""
        counts = self.counts()
        return counts.quantities() if counts is not None else None


class _Searches(msgspec.Struct, gc=False):
    num_requests: int | None = None


class _ToolUsage(msgspec.Struct, gc=False):
    web_search: _Searches | None = None


class _Item(msgspec.Struct, gc=False):
    type: str = ""
    action: object = None

    @property
    def is_search(self) -> bool:
        """Return whether it is a search, which is paid; to open a page found is free."""
        if self.type != _SEARCH:
            return False
        return not isinstance(self.action, dict) or self.action.get("type") in {None, "search"}


class ReportedResponse(msgspec.Struct, gc=False):
    """The end of a response, and its counts."""

    status: str | None = None
    error: object = None
    output: list[_Item] | None = None
    usage: ResponseUsage | None = None
    tool_usage: _ToolUsage | None = None
    service_tier: object = None

    def quantities(self) -> Quantities | None:
        """Return what was used; None if that is not said."""
        counts = self.usage.counts(self._searches()) if self.usage is not None else None
        return None if counts is None else counts.quantities(service_tier(self.service_tier))

    def _searches(self) -> int:
        used = self.tool_usage.web_search if self.tool_usage is not None else None
        if used is not None and used.num_requests is not None:
            return used.num_requests
        return sum(item.is_search for item in self.output or ())


class _Event(EventHead):
    response: ReportedResponse | None = None
    code: object = None

    def failure(self) -> object:
        """Return what a failure says of itself, whose members stand beside the type."""
        return self.error or {"code": self.code, "message": self.message}


_ANSWER = JsonReader(ReportedResponse)
_EVENT = JsonReader(_Event)


class OpenAIResponseCodec:
    """Speaks `POST /responses`."""

    def to_upstream(self, call: ResponseCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model."""
        head = self.head(call.model, endpoint, target)
        return HttpRequest(head.method, head.path, head.headers, self.body(call, endpoint, target))

    def from_upstream(
        self, response: HttpResponse, call: ResponseCall, endpoint: Endpoint
    ) -> ResponseAnswer:
        """Pass the provider's body on, after a look at its counts."""
        return self.read(response.body, call, endpoint)

    def head(self, model: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request but for its body."""
        options = endpoint.options
        path = chosen(options.responses_paths, target.settings) or options.responses_path
        return HttpRequest("POST", target.fill(path, model=model), headers_of(endpoint))

    def kept(
        self,
        method: str,
        parts: Sequence[str],
        query: Mapping[str, str | Sequence[str]],
        endpoint: Endpoint,
        target: Target,
    ) -> HttpRequest:
        """Ask about a response that the provider keeps, by its id, or about a part of it."""
        path = below(self.head("", endpoint, target).path, parts, query)
        return HttpRequest(method, path, tuple(endpoint.headers.items()))

    def body(self, call: ResponseCall, endpoint: Endpoint, target: Target) -> bytes:
        """Build the body out of the caller's."""
        raw = call.request.json_at_hand or call.request.json
        call.account = target.account
        if raw.find(ACCOUNT_MARK) >= 0:
            raw = _with_own_state(raw, call, target)
        if raw.find(MARK_BYTES) >= 0:
            raw = _without_others_thoughts(raw, call, target.provider_name)
        return passed_body(raw, call)

    def read(self, body: bytes, call: ResponseCall, endpoint: Endpoint) -> ResponseAnswer:
        """Read the answer's body."""
        answer = read_answer(_ANSWER, body, call.provider, "it is not a response")
        if answer.error is not None:
            raise error_in_stream(answer.error, call.provider)
        if answer.status is None:
            raise malformed(call.provider, "it has no status")
        return response_answer(marked(body, call.account), answer.quantities())

    def decoder(self, call: ResponseCall, endpoint: Endpoint) -> "PassedResponseDecoder":
        """Return a fresh decoder for one streamed answer."""
        return PassedResponseDecoder(call.provider, call.account)


class PassedResponseDecoder(PassingDecoder[_Event, ResponseEvents]):
    """Passes events on, up to the one that ends the response; one that failed is a failure."""

    def __init__(self, provider: str, account: str = "") -> None:
        """Take the account that seals what is sealed."""
        super().__init__(provider, _EVENT, ResponseEvents)
        self._usage: Quantities | None = None
        self._account = account

    @property
    def has_finished(self) -> bool:
        """Return whether the answer is complete."""
        return self.done

    @property
    def usage(self) -> Quantities | None:
        """Return what was used, as far as that was said."""
        return self._usage

    def _looked_at(self, event: SseEvent) -> bytes:
        """Return an event as it is passed on, with the account of what is sealed in it."""
        return marked(super()._looked_at(event), self._account)

    def _look_at(self, event: _Event) -> None:
        response = event.response
        if response is None:
            return
        match event.type:
            case "response.completed" | "response.incomplete":
                self._usage = response.quantities()
                self.done = True
            case "response.failed":
                self._usage = response.quantities()
                raise error_in_stream(response.error, self._provider)


def below(
    path: str, parts: Sequence[str], query: Mapping[str, str | Sequence[str]] | None = None
) -> str:
    """Return what stands below a path, which may have a query."""
    path, _, fixed = path.partition("?")
    queries = "&".join(filter(None, (fixed, urlencode(query or {}, doseq=True))))
    path = "/".join((path, *(quote(part, safe="") for part in parts)))
    return f"{path}?{queries}" if queries else path


def _without_others_thoughts(raw: bytes, call: ResponseCall, provider: str) -> bytes:
    """Return a body without the thoughts of other providers, which OpenAI cannot read."""
    members = members_in(raw)
    items = objects_in(members.get("input"))
    kept = [item for item in items if not _is_others_thought(item)]
    if len(kept) < len(items):
        call.drop("input.reasoning", provider)
        members["input"] = kept
    return orjson.dumps(members)


def _with_own_state(raw: bytes, call: ResponseCall, target: Target) -> bytes:
    """Return a body with what this account sealed, without its marks.

    Thoughts of another account are left out, and told. UnsupportedCapability for a compaction of
    one, which stands for the conversation.
    """
    members = members_in(raw)
    items = objects_in(members.get("input"))
    kept = [found for item in items if (found := _own_item(item, target)) is not None]
    if len(kept) < len(items):
        call.drop("input.reasoning", target.provider_name)
        # What a thought belongs to is refused without it, where it says so by its id.
        kept = [{name: each[name] for name in each if name != "id"} for each in kept]
    members["input"] = kept
    return orjson.dumps(members)


def _own_item(item: Json, target: Target) -> Json | None:
    """Return an item as the account gave it; None for a thought of another one's."""
    account, sealed = account_of(item.get("encrypted_content"))
    if not account:
        return item
    if account == target.account:
        return item | {"encrypted_content": sealed}
    if item.get("type") == "reasoning":
        return None
    message = "A compaction can be read by the account alone that made it"
    raise UnsupportedCapability(message, capability="compaction")


def _is_others_thought(item: Json) -> bool:
    match item:
        case {"type": "reasoning", "encrypted_content": str(sealed)}:
            return is_sealed(sealed)
        case _:
            return False


CODEC = OpenAIResponseCodec()
