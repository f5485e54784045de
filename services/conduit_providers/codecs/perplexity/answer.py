"""What Perplexity's Agent API answers, as OpenAI-shaped pieces.

perplexityai 0.46.1, the Python SDK: generated.api.ResponsesResponseOutput.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
import orjson

from conduit.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    ChatUsage,
    FinishReason,
)
from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.shared.counts import chat_usage
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import Index
from conduit_providers.provider_cost import cost_of_dollars
from conduit_providers.quantities import (
    CACHE_WRITE,
    CACHED_INPUT,
    INPUT,
    OUTPUT,
    WEB_SEARCH,
    Quantities,
    counted,
)

Json = dict[str, Any]

_MESSAGE, _CALL, _FOUND = "message", "function_call", "search_results"
# By which the tools that search the web are counted.
_SEARCHES = ("search_web", "web_search")


class Details(msgspec.Struct):
    """The counts of what was read, by where it came from."""

    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class Invocations(msgspec.Struct):
    """The times that a tool was used."""

    invocation: int | None = None


class Counts(msgspec.Struct):
    """The consumption of a call."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: Details | None = None
    tool_calls_details: dict[str, Invocations] | None = None
    # What Perplexity charges for it, in dollars.
    cost: dict[str, object] | None = None

    def quantities(self) -> Quantities:
        """Return what is charged: what the cache had is among what was read."""
        details = self.input_tokens_details or Details()
        read = details.cache_read_input_tokens or 0
        written = details.cache_creation_input_tokens or 0
        plain = (self.input_tokens or 0) - read - written
        used = self.tool_calls_details or {}
        searches = sum(used[name].invocation or 0 for name in _SEARCHES if name in used)
        return counted(
            (
                (INPUT, plain),
                (CACHED_INPUT, read),
                (CACHE_WRITE, written),
                (OUTPUT, self.output_tokens or 0),
                (WEB_SEARCH, searches),
            )
        ).costing(cost_of_dollars(self.cost))

    def usage(self) -> ChatUsage:
        """Return the counts as OpenAI's answers have them, with Perplexity's own beside them."""
        message = chat_usage(self.quantities())
        beside: Json = {}
        if self.cost:
            beside["cost"] = self.cost
        if self.tool_calls_details:
            beside["tool_calls_details"] = self.tool_calls_details
        if beside:
            message.unknown_json = msgspec.json.encode(beside)
        return message


class Annotation(msgspec.Struct):
    """A stretch of a text, and the page that it is taken from."""

    start_index: Index | None = None
    end_index: Index | None = None
    title: str | None = None
    url: str | None = None


class Part(msgspec.Struct):
    """A part of what was said."""

    text: str | None = None
    annotations: list[Annotation] | None = None


class Item(msgspec.Struct):
    """A message, a call of the caller's tool, or what came of one of Perplexity's own."""

    type: str = ""
    content: list[Part] | str | None = None
    results: list[Json] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    thought_signature: str | None = None


class Incomplete(msgspec.Struct):
    """The reason for which an answer is not complete."""

    reason: str | None = None


class Reply(msgspec.Struct):
    """A whole answer, or its head."""

    id: str = ""
    model: str = ""
    status: str | None = None
    output: list[Item] | None = None
    usage: Counts | None = None
    error: object = None
    incomplete_details: Incomplete | None = None


class Finish(NamedTuple):
    """The finish reason; `native` where Perplexity's word says more."""

    reason: "FinishReason.ValueType"
    native: str | None


_STATUSES: "Mapping[str, FinishReason.ValueType]" = {
    "completed": FINISH_REASON_STOP,
    # The caller's tools are to run.
    "requires_action": FINISH_REASON_STOP,
    "incomplete": FINISH_REASON_LENGTH,
}
_FILTERED = "content_filter"


def finish_of(reply: Reply, provider: str) -> Finish:
    """Return why an answer ended. UpstreamError if it is broken, or none."""
    if reply.error is not None or reply.status in {"failed", "cancelled"}:
        raise failure(reply.error, provider)
    reason = _STATUSES.get(reply.status or "")
    if reason is None:
        raise malformed(provider, "it has not ended")
    details = reply.incomplete_details
    if details is not None and details.reason == _FILTERED:
        reason = FINISH_REASON_CONTENT_FILTER
    return Finish(reason, None)


def failure(error: object, provider: str) -> UpstreamError:
    """Return the error that Perplexity reported inside an answer of 2xx."""
    return error_in_stream(error or {"message": "the answer failed"}, provider)


def text_of(items: Iterable[Item]) -> str:
    """Return all that was said."""
    return "".join(part.text or "" for part in _parts(items))


def calls_in(items: Iterable[Item]) -> list[Item]:
    """Return the calls of the caller's tools."""
    return [item for item in items if item.type == _CALL]


def annotations(items: Iterable[Item]) -> list[Json]:
    """Return what the text cites in OpenAI's form, by its places in the whole text."""
    found: list[Json] = []
    start = 0
    for part in _parts(items):
        found += [_annotation(each, start) for each in part.annotations or ()]
        start += len(part.text or "")
    return found


def sources(items: Iterable[Item]) -> Json:
    """Return the pages that were found, by the names that they had in chats with Sonar."""
    found = [page for item in items if item.type == _FOUND for page in item.results or ()]
    if not found:
        return {}
    urls = [page["url"] for page in found if isinstance(page.get("url"), str)]
    return {"citations": list(dict.fromkeys(urls)), "search_results": found}


def signature_member(item: Item) -> bytes:
    """Return the signature of a call as a member that callers hand back; nothing if it has none."""
    if not item.thought_signature:
        return b""
    return orjson.dumps(
        {"extra_content": {"google": {"thought_signature": item.thought_signature}}}
    )


def _parts(items: Iterable[Item]) -> Iterable[Part]:
    for item in items:
        if item.type == _MESSAGE and isinstance(item.content, list):
            yield from item.content


def _annotation(cited: Annotation, start: int) -> Json:
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": start + (cited.start_index or 0),
            "end_index": start + (cited.end_index or 0),
            "title": cited.title or "",
            "url": cited.url or "",
        },
    }
