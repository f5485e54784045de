"""Google's generateContent for callers who speak it: what they send, and get, passes as it is.

https://ai.google.dev/api/generate-content

Left out are what callers say to Conduit, and signatures that another provider's thoughts had, which
are behind a mark of Conduit's; calls of functions get the one that the API takes for them.
"""

import re
from typing import Any

import msgspec
import orjson

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.gemini.answer import Candidate, Counts, Feedback, read_response
from conduit_providers.codecs.gemini.finish import check_finish
from conduit_providers.codecs.gemini.grounding import searches
from conduit_providers.codecs.gemini.model_turns import FOREIGN_SIGNATURE
from conduit_providers.codecs.shared.passed_body import members_in, objects_in
from conduit_providers.codecs.shared.passed_events import EventHead, PassingDecoder
from conduit_providers.failures import malformed
from conduit_providers.inbound.content_form import (
    ContentAnswer,
    ContentCall,
    ContentEvents,
    content_answer,
)
from conduit_providers.inbound.content_signatures import SIGNED
from conduit_providers.inbound.content_to_chat import OWN_MEMBERS
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import JSON_HEADERS, HttpRequest, HttpResponse

Json = dict[str, Any]

_GENERATE, _STREAM = ":generateContent", ":streamGenerateContent?alt=sse"
_SIGNED = SIGNED.encode()
_OWN = re.compile(rb'"(?:%b)"\s*:' % "|".join(OWN_MEMBERS).encode())


class _Event(EventHead, rename="camel"):
    candidates: list[Candidate] | None = None
    usage_metadata: Counts | None = None
    prompt_feedback: Feedback | None = None


_EVENT = JsonReader(_Event)


class GeminiContentCodec:
    """Speaks `POST .../{model}:generateContent`, and `:streamGenerateContent`."""

    # Nothing of the caller's is fetched for it.
    passes_media = True

    def to_upstream(self, call: ContentCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on. InvalidRequest if it is no JSON object."""
        verb = _STREAM if call.stream else _GENERATE
        head = _head(call.model, verb, endpoint, target)
        return HttpRequest("POST", head.path, head.headers, _body(call, target.provider_name))

    def from_upstream(
        self, response: HttpResponse, call: ContentCall, endpoint: Endpoint
    ) -> ContentAnswer:
        """Pass the provider's body on, after a look at its counts."""
        return self.read(response.body, call, endpoint)

    def head(self, model: str, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Build the request of an answer that comes whole."""
        return _head(model, _GENERATE, endpoint, target)

    def body(self, call: ContentCall, endpoint: Endpoint, target: Target) -> bytes:
        """Build the body. InvalidRequest for a stream, which has another head."""
        if call.stream:
            raise InvalidRequest("The head is that of a whole answer", field="")
        return _body(call, target.provider_name)

    def read(self, body: bytes, call: ContentCall, endpoint: Endpoint) -> ContentAnswer:
        """Read the answer's body."""
        found = read_response(body, call.provider)
        if not found.candidates or any(each.finish_reason is None for each in found.candidates):
            raise malformed(call.provider, "it has no candidate or no finish reason")
        for candidate in found.candidates:
            check_finish(candidate, call.provider)
        counts = found.usage_metadata
        grounding = [
            bytes(each.grounding_metadata) for each in found.candidates if each.grounding_metadata
        ]
        usage = counts.quantities(searches(grounding, call.model)) if counts is not None else None
        return content_answer(body, usage)

    def decoder(self, call: ContentCall, endpoint: Endpoint) -> "PassedContentDecoder":
        """Return a fresh decoder for one streamed answer."""
        return PassedContentDecoder(call)


class PassedContentDecoder(PassingDecoder[_Event, ContentEvents]):
    """Passes events on, to the end of the stream."""

    def __init__(self, call: ContentCall) -> None:
        super().__init__(call.provider, _EVENT, ContentEvents)
        self._model = call.model
        # Why each candidate stopped, as its last event says: older models repeat it in all of them.
        self._reasons: dict[int, str | None] = {}
        self._grounding: list[bytes] = []
        self._usage: Quantities | None = None

    @property
    def has_finished(self) -> bool:
        """Return whether each candidate has ended."""
        return bool(self._reasons) and all(self._reasons.values())

    @property
    def usage(self) -> Quantities | None:
        """Return what was used, as far as that was said."""
        return self._usage

    def _look_at(self, event: _Event) -> None:
        for place, candidate in enumerate(event.candidates or ()):
            check_finish(candidate, self._provider)
            self._reasons[candidate.index or place] = candidate.finish_reason
            if candidate.grounding_metadata:
                self._grounding.append(bytes(candidate.grounding_metadata))
        if event.prompt_feedback is not None and not event.candidates:
            # It is a refusal where it says why.
            read_response(
                msgspec.json.encode({"promptFeedback": event.prompt_feedback}), self._provider
            )
        if event.usage_metadata is not None:
            found = searches(self._grounding, self._model)
            self._usage = event.usage_metadata.quantities(found)


def _head(model: str, verb: str, endpoint: Endpoint, target: Target) -> HttpRequest:
    path = target.fill(endpoint.path, model=model.removeprefix("models/"))
    return HttpRequest("POST", path + verb, JSON_HEADERS + tuple(endpoint.headers.items()))


def _body(call: ContentCall, provider: str) -> bytes:
    """Return a caller's body as it came, without the model and other words to Conduit."""
    raw = call.request.json_at_hand or call.request.json
    if raw.find(_SIGNED) >= 0:
        raw = _without_others_signatures(raw, call, provider)
    name = b'{"model":%b' % orjson.dumps(call.alias)
    if raw.startswith(name) and _OWN.search(raw) is None:
        return b"{" + raw[len(name) :].removeprefix(b",")
    try:
        members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        raise InvalidRequest("The request must be a JSON object", field="") from error
    left_out = {"model", *OWN_MEMBERS}
    return msgspec.json.encode({k: v for k, v in members.items() if k not in left_out})


def _without_others_signatures(raw: bytes, call: ContentCall, provider: str) -> bytes:
    members = members_in(raw)
    for content in objects_in(members.get("contents")):
        parts = objects_in(content.get("parts"))
        kept = [fitted for part in parts if (fitted := _fitted(part, call, provider))]
        if kept != parts:
            content["parts"] = kept
    return orjson.dumps(members)


def _fitted(part: Json, call: ContentCall, provider: str) -> Json | None:
    """Return a part as the API takes it; None for another provider's thought."""
    name = "thoughtSignature" if "thoughtSignature" in part else "thought_signature"
    signature = part.get(name)
    if not isinstance(signature, str) or not signature.startswith(SIGNED):
        return part
    if part.get("thought"):
        call.drop("contents.parts.thought", provider)
        return None
    rest = {key: value for key, value in part.items() if key != name}
    return {**rest, name: FOREIGN_SIGNATURE} if "functionCall" in rest else rest


CODEC = GeminiContentCodec()
