"""Where the token counts sit in answers of OpenAI's dialect.

`prompt_tokens` includes what was read from the cache or written to it, and `completion_tokens` what
was thought. https://platform.openai.com/docs/api-reference/chat/object
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from conduit_providers.json_reading import parsed
from conduit_providers.provider_cost import cost_of_credits, cost_of_dollars, cost_of_ticks
from conduit_providers.quantities import (
    CACHED_INPUT,
    INPUT,
    MOST,
    OUTPUT,
    REASONING,
    Quantities,
    service_tier,
)
from conduit_providers.token_counts import TokenCounts


class _Prompt(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    video_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Completion(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


_NO_PROMPT, _NO_COMPLETION = _Prompt(), _Completion()
_NO_TIERS = (None, "default")


class UsageReport(msgspec.Struct, gc=False):
    """The value of an answer's `usage`, as far as it makes sense.

    Read it without being strict: some providers write counts as strings.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _Prompt | None = None
    completion_tokens_details: _Completion | None = None
    # What it cost, as some say: see `provider_cost`.
    cost: object = None
    cost_in_usd_ticks: object = None
    cost_details: object = None
    is_byok: object = None


def read_usage(value: object) -> TokenCounts | None:
    """Read the value of an answer's `usage`. None if it reports no counts that make sense."""
    try:
        return counts_of(msgspec.convert(value, UsageReport, strict=False))
    except msgspec.ValidationError:
        return None


def counts_of(report: UsageReport) -> TokenCounts | None:
    """Return the counts of a report; None if there are none."""
    read, written = report.prompt_tokens, report.completion_tokens
    if not read and not written:
        # No call uses nothing: some servers send zeros where they do not count.
        return None
    prompt = report.prompt_tokens_details or _NO_PROMPT
    completion = report.completion_tokens_details or _NO_COMPLETION
    reasoning = completion.reasoning_tokens or 0
    # xAI counts thoughts apart from the words; the total gives it away.
    # https://docs.x.ai/docs/guides/reasoning
    is_apart = report.total_tokens == (read or 0) + (written or 0) + reasoning
    return TokenCounts(
        input_tokens=read or 0,
        output_tokens=written or 0,
        cached_input_tokens=prompt.cached_tokens or 0,
        cache_write_tokens=prompt.cache_write_tokens or 0,
        audio_input_tokens=prompt.audio_tokens or 0,
        image_input_tokens=prompt.image_tokens or 0,
        video_input_tokens=prompt.video_tokens or 0,
        reasoning_tokens=0 if is_apart else reasoning,
        reasoning_apart_tokens=reasoning if is_apart else 0,
        audio_output_tokens=completion.audio_tokens or 0,
        image_output_tokens=completion.image_tokens or 0,
        provider_cost=_cost_told(report),
    )


def _cost_told(report: UsageReport) -> int | None:
    if report.cost_in_usd_ticks is not None:
        return cost_of_ticks(report.cost_in_usd_ticks)
    if report.is_byok is True:
        return cost_of_credits(report.cost, report.cost_details)
    return cost_of_dollars(report.cost)


def quantities_of(report: UsageReport, tier: object) -> Quantities | None:
    """Return what an answer used, and at which service tier; None if it does not say.

    The same as `counts_of` says, in the time that every call can afford.
    """
    prompt, completion = report.prompt_tokens_details, report.completion_tokens_details
    if tier not in _NO_TIERS or _has_rare(prompt, completion):
        return _taken_apart(report, tier)
    if report.cost is not None or report.cost_in_usd_ticks is not None:
        return _taken_apart(report, tier)
    read, written = report.prompt_tokens or 0, report.completion_tokens or 0
    cached = prompt.cached_tokens or 0 if prompt is not None else 0
    reasoning = completion.reasoning_tokens or 0 if completion is not None else 0
    if not cached and not reasoning and 0 < read <= MOST and 0 < written <= MOST:
        return Quantities(((INPUT, read), (OUTPUT, written)))
    if not 0 <= cached < read <= MOST or not 0 <= reasoning < written <= MOST:
        return _taken_apart(report, tier)
    leaves = ((INPUT, read - cached), (CACHED_INPUT, cached)) if cached else ((INPUT, read),)
    if not reasoning:
        return Quantities((*leaves, (OUTPUT, written)))
    is_apart = report.total_tokens == read + written + reasoning
    spoken = written if is_apart else written - reasoning
    return Quantities((*leaves, (OUTPUT, spoken), (REASONING, reasoning)))


def _has_rare(prompt: _Prompt | None, completion: _Completion | None) -> bool:
    """Return whether more is reported than what is cached and what was thought."""
    if prompt is not None and (prompt.audio_tokens or prompt.image_tokens or prompt.video_tokens):
        return True
    if prompt is not None and prompt.cache_write_tokens:
        return True
    return completion is not None and bool(completion.audio_tokens or completion.image_tokens)


def _taken_apart(report: UsageReport, tier: object) -> Quantities | None:
    counts = counts_of(report)
    return counts.quantities(service_tier(tier)) if counts is not None else None


def counts_at(
    body: bytes, paths: Mapping[str, str], counts: TokenCounts | None
) -> TokenCounts | None:
    """Read the counts that a provider keeps elsewhere, from the whole answer.

    `paths` is an endpoint's `usage`. Counts that are not there stay as they were.
    """
    if not any(b'"%b"' % path.rpartition(".")[2].encode() in body for path in paths.values()):
        return counts
    try:
        document = parsed(body)
    except msgspec.DecodeError:
        # Something elsewhere in it, which is passed on as it came, is none.
        return counts
    places = {name: _at(document, path) for name, path in paths.items()}
    found = {name: count for name, count in places.items() if count is not None}
    return replace(counts or TokenCounts(), **found) if found else counts


def tier_at(body: bytes, path: str) -> object:
    """Return the service tier that an answer names at a path; None if it names none."""
    if b'"%b"' % path.rpartition(".")[2].encode() not in body:
        return None
    try:
        return _found(parsed(body), path)
    except msgspec.DecodeError:
        # Something elsewhere in it, which is passed on as it came, is none.
        return None


def _at(document: object, path: str) -> int | None:
    value = _found(document, path)
    return value if isinstance(value, int) else None


def _found(value: object, path: str) -> object:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
