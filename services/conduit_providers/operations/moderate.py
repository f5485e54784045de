"""Moderations: `Moderate`, in the shape of OpenAI's API."""

from typing import Any, ClassVar

import msgspec

from conduit.v1 import moderation_requests_pb2 as pb
from conduit.v1.moderation_json import (
    moderation_from_json,
    moderation_request_from_json,
    moderation_request_to_json,
    moderation_to_json,
)
from conduit.v1.moderation_pb2 import Moderation, ModerationRequest
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.codec import Codec
from conduit_providers.model_rows import ModerateModel
from conduit_providers.operation import (
    NOTHING,
    AnsweredOperation,
    Requirements,
    WorstCase,
    estimate_tokens,
)
from conduit_providers.quantities import Quantities, plain
from conduit_providers.request_reading import RequestReader, Routed

ModerateCall = Call[ModerationRequest]
ModerateAnswer = Answer[Moderation]
ModerateCodec = Codec[ModerateCall, ModerateAnswer]

# OpenAI's clients need not name one.
DEFAULT_MODEL = "omni-moderation-latest"
PICTURES = "vision"
_PICTURE = "image_url"
_NOTHING = Quantities()


class _Part(msgspec.Struct):
    type: str


class _Moderation(Routed):
    input: str | list[str | _Part]
    model: str = DEFAULT_MODEL


_read = RequestReader(_Moderation).read


def moderation_request(
    *, json: bytes | None = None, typed: ModerationRequest | None = None
) -> Form[ModerationRequest]:
    """Hold a request."""
    return Form(moderation_request_from_json, moderation_request_to_json, json, typed)


def moderate_answer(*, usage: Quantities | None, json: bytes) -> ModerateAnswer:
    """Hold an answer."""
    return Answer(moderation_from_json, moderation_to_json, json, None, usage)


class ModerateOperation(AnsweredOperation[ModerationRequest, Moderation]):
    """Judges whether texts and pictures may do harm."""

    name: ClassVar[str] = "moderate"
    codec_type: ClassVar[type] = Codec

    def form_of(self, request: pb.ModerateRequest) -> Form[ModerationRequest]:
        """Return what is judged."""
        if request.WhichOneof("form") == "moderation":
            return moderation_request(typed=request.moderation)
        return moderation_request(json=request.json)

    def plain_form(self, body: bytes) -> Form[ModerationRequest]:
        """Return what is judged."""
        return moderation_request(json=body)

    def requirements(self, body: bytes, *, stream: bool) -> Requirements:
        """Read a request."""
        asked = _read(body)
        if not asked.input:
            raise InvalidRequest("input must not be empty", field="input")
        return Requirements(
            # A typed request without one has an empty name.
            asked.model or DEFAULT_MODEL,
            "moderate",
            capabilities=frozenset({PICTURES}) if _has_pictures(asked.input) else NOTHING,
            fallbacks=asked.named_fallbacks(),
            session=asked.session(),
            tags=asked.tags(),
        )

    def estimate(
        self,
        form: Form[ModerationRequest],
        answer: ModerateAnswer | None,
        emitted: int,
        codec: object,
        facts: Any,  # noqa: ANN401 # of whichever codec
    ) -> Quantities:
        """Count characters; nothing where the model is free."""
        is_free = isinstance(facts, ModerateModel) and facts.is_free
        return _NOTHING if is_free else plain(estimate_tokens(len(form.json)))

    def worst_case(self, form: Form[ModerationRequest], requirements: Requirements) -> WorstCase:
        """Count a token for each byte: no tokenizer makes more of them."""
        return WorstCase(plain(len(form.json)), is_bounded=True)

    def write(
        self, response: pb.ModerateResponse, answer: ModerateAnswer, *, is_typed: bool
    ) -> None:
        """Put the judgements into the response."""
        if is_typed:
            response.moderation.CopyFrom(answer.typed)
        else:
            response.json = answer.json


def _has_pictures(given: str | list[str | _Part]) -> bool:
    return any(isinstance(each, _Part) and each.type == _PICTURE for each in given)


OPERATION = ModerateOperation()
