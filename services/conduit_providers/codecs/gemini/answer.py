"""What Gemini's generateContent answers, as OpenAI-shaped pieces.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from conduit_kernel.errors import ContentPolicy, UpstreamError
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import Index, JsonReader, known
from conduit_providers.quantities import (
    AUDIO_INPUT,
    IMAGE_INPUT,
    VIDEO_INPUT,
    Quantities,
    service_tier,
)
from conduit_providers.token_counts import TokenCounts

Json = dict[str, Any]


class FunctionCall(msgspec.Struct):
    """A call of a function; `args` is the JSON of its arguments."""

    name: str = ""
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw(b"{}")


class Blob(msgspec.Struct, rename="camel"):
    """Content in base64."""

    mime_type: str = ""
    data: str = ""


class Part(msgspec.Struct, rename="camel"):
    """A piece of content, of any kind."""

    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None
    # What the provider's own tools did; the API wants it back as it was.
    executable_code: msgspec.Raw = msgspec.Raw()
    code_execution_result: msgspec.Raw = msgspec.Raw()
    tool_call: msgspec.Raw = msgspec.Raw()
    tool_response: msgspec.Raw = msgspec.Raw()
    # Results of functions, files, and transcripts, which OpenAI's answers have no place for.
    function_response: msgspec.Raw = msgspec.Raw()
    file_data: msgspec.Raw = msgspec.Raw()
    audio_transcription: msgspec.Raw = msgspec.Raw()


class Content(msgspec.Struct):
    """The parts of one turn."""

    parts: list[Part] | None = None


class Likelihood(msgspec.Struct, rename="camel"):
    """A token and how likely it was."""

    token: str = ""
    token_id: int | None = None
    log_probability: float = 0.0


class Alternatives(msgspec.Struct):
    """The likely tokens of one place."""

    candidates: list[Likelihood] | None = None


class Logprobs(msgspec.Struct, rename="camel"):
    """The tokens that were chosen, and those that might have been."""

    chosen_candidates: list[Likelihood] | None = None
    top_candidates: list[Alternatives] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    """One of the answers, or a piece of it."""

    content: Content | None = None
    finish_reason: str | None = None
    index: Index = 0
    logprobs_result: Logprobs | None = None
    # Told as they are.
    finish_message: msgspec.Raw = msgspec.Raw()
    citation_metadata: msgspec.Raw = msgspec.Raw()
    grounding_metadata: msgspec.Raw = msgspec.Raw()
    url_context_metadata: msgspec.Raw = msgspec.Raw()
    safety_ratings: msgspec.Raw = msgspec.Raw()
    continuation_token: msgspec.Raw = msgspec.Raw()
    avg_logprobs: msgspec.Raw = msgspec.Raw()
    token_count: msgspec.Raw = msgspec.Raw()

    @property
    def parts(self) -> Sequence[Part]:
        """The pieces of the content; empty if there is none."""
        return (self.content.parts or ()) if self.content is not None else ()


class ModalityCount(msgspec.Struct, rename="camel"):
    """Tokens of one kind of content."""

    modality: str = ""
    token_count: int = 0


class Counts(msgspec.Struct, rename="camel"):
    """Token counts; those of a stream are cumulative.

    `prompt_token_count` includes what came from the cache, `candidates_token_count` leaves out
    what was thought.
    """

    prompt_token_count: int = 0
    candidates_token_count: int = 0
    cached_content_token_count: int = 0
    thoughts_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    prompt_tokens_details: list[ModalityCount] | None = None
    candidates_tokens_details: list[ModalityCount] | None = None
    cache_tokens_details: list[ModalityCount] | None = None
    traffic_type: str = ""
    service_tier: str = ""

    def quantities(self, searches: int = 0) -> Quantities:
        """Return what was used; the searches are told elsewhere."""
        read, cached = self.prompt_tokens_details, self.cache_tokens_details
        counts = TokenCounts(
            # What the provider's own tools brought is not in the prompt.
            input_tokens=self.prompt_token_count + self.tool_use_prompt_token_count,
            output_tokens=self.candidates_token_count,
            cached_input_tokens=self.cached_content_token_count,
            audio_input_tokens=_sum_of("AUDIO", read),
            image_input_tokens=_sum_of("IMAGE", read),
            video_input_tokens=_sum_of("VIDEO", read),
            reasoning_apart_tokens=self.thoughts_token_count,
            audio_output_tokens=_sum_of("AUDIO", self.candidates_tokens_details),
            image_output_tokens=_sum_of("IMAGE", self.candidates_tokens_details),
            web_searches=searches,
        )
        from_cache = {unit: _sum_of(name, cached) for name, unit in _MODALITIES} if cached else {}
        return counts.quantities(service_tier(self.tier), from_cache)

    @property
    def tier(self) -> str:
        """The latency tier in OpenAI's words; empty if it was not reported."""
        word = self.service_tier.lower() or self.traffic_type
        return _TIERS.get(word, word.lower())


class Feedback(msgspec.Struct, rename="camel"):
    """The reason for which the prompt was not answered."""

    block_reason: str | None = None
    block_reason_message: str | None = None
    safety_ratings: msgspec.Raw = msgspec.Raw()


class Response(msgspec.Struct, rename="camel"):
    """A whole answer, or an event of a stream."""

    candidates: list[Candidate] | None = None
    usage_metadata: Counts | None = None
    model_version: str = ""
    response_id: str = ""
    create_time: str = ""
    prompt_feedback: Feedback | None = None
    model_status: msgspec.Raw = msgspec.Raw()
    error: object = None


_DECODER = JsonReader(Response)
# Documents count as text. https://ai.google.dev/api/generate-content#Modality
_MODALITIES = (("AUDIO", AUDIO_INPUT), ("IMAGE", IMAGE_INPUT), ("VIDEO", VIDEO_INPUT))
# The words of https://cloud.google.com/vertex-ai TrafficType and of the Gemini API's tiers.
_TIERS: Mapping[str, str] = {
    "standard": "default",
    "unspecified": "default",
    "TRAFFIC_TYPE_UNSPECIFIED": "",
    "ON_DEMAND": "default",
    "ON_DEMAND_PRIORITY": "priority",
    "ON_DEMAND_FLEX": "flex",
}


def read_response(data: bytes, provider: str) -> Response:
    """Read an answer or an event.

    UpstreamError if it reports a failure or makes no sense; ContentPolicy if the prompt was
    blocked.
    """
    try:
        response = _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise malformed(provider, "it is not a generated content") from error
    if response.error is not None:
        raise error_in_stream(response.error, provider)
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason and not response.candidates:
        raise _blocked(feedback, feedback.block_reason, provider)
    return response


def _blocked(feedback: Feedback, reason: str, provider: str) -> UpstreamError:
    words = f": {feedback.block_reason_message[:500]}" if feedback.block_reason_message else ""
    return ContentPolicy(
        f"{provider} blocked the prompt ({reason[:100]}){words}",
        provider=provider,
        upstream_code=reason[:100],
    )


def _sum_of(modality: str, details: Sequence[ModalityCount] | None) -> int:
    if not details:
        return 0
    return sum(each.token_count for each in details if each.modality == modality)


def logprobs_json(found: Logprobs | None) -> bytes:
    """Return log probabilities as OpenAI has them; empty if there are none."""
    if found is None or not found.chosen_candidates:
        return b""
    tops = found.top_candidates or []
    content = [
        _logprob(chosen)
        | {
            "top_logprobs": [
                _logprob(each) for each in (tops[i].candidates or () if i < len(tops) else ())
            ]
        }
        for i, chosen in enumerate(found.chosen_candidates)
    ]
    return orjson.dumps({"content": content, "refusal": None})


def _logprob(each: Likelihood) -> Json:
    return {
        "token": each.token,
        "logprob": each.log_probability,
        "bytes": list(each.token.encode()),
        **({} if each.token_id is None else {"token_id": each.token_id}),
    }


_METADATA = (
    "finish_message",
    "citation_metadata",
    "grounding_metadata",
    "url_context_metadata",
    "safety_ratings",
    "continuation_token",
    "avg_logprobs",
    "token_count",
)


def extras_json(candidate: Candidate) -> bytes:
    """Return what an answer tells that OpenAI has no word for; empty if nothing.

    It is `{"extra_content": {"google": {...}}}`, where Google's own OpenAI dialect puts such
    things, with names as in `grounding_metadata`.
    """
    metadata = {name: bytes(getattr(candidate, name)) for name in _METADATA}
    google = {name: known(raw) for name, raw in metadata.items() if raw}
    return _beside(google)


def answer_json(response: Response) -> bytes:
    """Return what is told of the prompt and of the model, in the same way; empty if nothing."""
    feedback = response.prompt_feedback
    ratings = known(bytes(feedback.safety_ratings)) if feedback is not None else None
    google: Json = {"prompt_feedback": {"safety_ratings": ratings}} if ratings else {}
    if status := known(bytes(response.model_status)):
        google["model_status"] = status
    return _beside(google)


def _beside(google: Json) -> bytes:
    return orjson.dumps({"extra_content": {"google": google}}) if google else b""
