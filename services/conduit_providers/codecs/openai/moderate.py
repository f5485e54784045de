"""Moderations at OpenAI, and at Mistral, which speaks them with categories of its own.

https://platform.openai.com/docs/api-reference/moderations and https://docs.mistral.ai/api/#tag/classifiers;
openai 3.57.0, types.moderation; mistralai 3.7.0, client.models.moderationobject.
"""

from typing import Any

import msgspec
import orjson

from conduit.v1.moderation_pb2 import ModerationInput
from conduit_providers.codecs.openai.request import fitted_body, headers_of
from conduit_providers.codecs.openai.usage import read_usage
from conduit_providers.codecs.shared.answers import read_answer
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader, parsed
from conduit_providers.model_rows import ModerateModel
from conduit_providers.operations.moderate import (
    PICTURES,
    ModerateAnswer,
    ModerateCall,
    moderate_answer,
)
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

_NOTHING = Quantities()


class _Result(msgspec.Struct):
    flagged: bool | None = None
    categories: dict[str, bool | None] | None = None


class _Answer(msgspec.Struct):
    results: list[_Result] | None = None
    usage: object = None
    error: object = None


_ANSWER = JsonReader(_Answer)


class OpenAIModerateCodec:
    """Speaks `POST /moderations`."""

    def to_upstream(self, call: ModerateCall, endpoint: Endpoint, target: Target) -> HttpRequest:
        """Pass the caller's body on, with the provider's name of the model.

        Where only texts are judged, the parts of one are one text.
        """
        if PICTURES not in endpoint.capabilities and _has_parts(call):
            call = _in_texts(call)
        return HttpRequest(
            "POST",
            target.fill(endpoint.path_for(target.settings), model=call.model),
            headers_of(endpoint),
            fitted_body(call, endpoint, target.provider_name),
        )

    def from_upstream(
        self, response: HttpResponse, call: ModerateCall, endpoint: Endpoint
    ) -> ModerateAnswer:
        """Pass the provider's body on; say whether a text is flagged where only categories do.

        UpstreamError unless each text has its judgement: one that is missing looks harmless.
        """
        body = response.body
        found = read_answer(_ANSWER, body, call.provider, "it is no moderation")
        if (error := found.error) is not None:
            raise error_in_stream(error, call.provider)
        results = found.results or []
        if len(results) != _judgements(call):
            raise malformed(call.provider, "it has not a result for each text")
        if any(each.flagged is None and each.categories is None for each in results):
            raise malformed(call.provider, "a result says nothing")
        if any(each.flagged is None for each in results):
            body = _flagged(body, results)
        return moderate_answer(usage=_used(found.usage, call, endpoint), json=body)


def _has_parts(call: ModerateCall) -> bool:
    return any(each.HasField("part") for each in call.typed.input)


def _judgements(call: ModerateCall) -> int:
    return 1 if _has_parts(call) else len(call.typed.input)


def _in_texts(call: ModerateCall) -> ModerateCall:
    text = "\n".join(map(_text_of, call.typed.input))
    request = call.request.with_member("input", orjson.dumps([text]))
    return msgspec.structs.replace(call, request=request)


def _text_of(given: ModerationInput) -> str:
    return given.part.text if given.HasField("part") else given.text


def _flagged(body: bytes, results: list[_Result]) -> bytes:
    answer: dict[str, Any] = parsed(body)
    for written, read in zip(answer["results"], results, strict=True):
        if read.flagged is None:
            written["flagged"] = any((read.categories or {}).values())
    return orjson.dumps(answer)


def _used(usage: object, call: ModerateCall, endpoint: Endpoint) -> Quantities | None:
    facts = endpoint.facts_of(call.model)
    if isinstance(facts, ModerateModel) and facts.is_free:
        return _NOTHING
    counts = read_usage(usage) if usage is not None else None
    return counts.quantities() if counts is not None else None


CODEC = OpenAIModerateCodec()
