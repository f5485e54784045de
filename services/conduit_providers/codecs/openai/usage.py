"""Where the token counts sit in answers of OpenAI's dialect."""

from collections.abc import Mapping

import msgspec
import orjson
from msgspec.structs import replace

from conduit_providers.usage import Usage


class _Prompt(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None
    audio_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Completion(msgspec.Struct, frozen=True):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


_NO_PROMPT, _NO_COMPLETION = _Prompt(), _Completion()


class ToldUsage(msgspec.Struct):
    """The value of an answer's `usage`, as far as it makes sense.

    Read it without being strict: some providers write counts as strings.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _Prompt | None = None
    completion_tokens_details: _Completion | None = None


def read_usage(value: object) -> Usage | None:
    """Read the value of an answer's `usage`. None if it tells no counts that make sense."""
    try:
        told = msgspec.convert(value, ToldUsage, strict=False)
    except msgspec.ValidationError:
        return None
    return usage_of(told)


def usage_of(told: ToldUsage) -> Usage | None:
    """Return the counts that were told; None if there are none."""
    read, written = told.prompt_tokens, told.completion_tokens
    if read is None and written is None:
        return None
    prompt, completion = told.prompt_tokens_details, told.completion_tokens_details
    if prompt is None and completion is None:
        return Usage(read or 0, written or 0)
    prompt, completion = prompt or _NO_PROMPT, completion or _NO_COMPLETION
    return Usage(
        input_tokens=read or 0,
        output_tokens=_output_tokens(told, completion.reasoning_tokens or 0),
        cached_input_tokens=prompt.cached_tokens or 0,
        cache_write_tokens=prompt.cache_write_tokens or 0,
        reasoning_tokens=completion.reasoning_tokens or 0,
        audio_input_tokens=prompt.audio_tokens or 0,
        audio_output_tokens=completion.audio_tokens or 0,
    )


def read_paths(body: bytes, paths: Mapping[str, str], usage: Usage | None) -> Usage | None:
    """Read the counts that a provider keeps elsewhere, from the whole answer.

    `paths` is an endpoint's `usage`. Counts that are not there stay as they were.
    """
    if not any(b'"%b"' % path.rpartition(".")[2].encode() in body for path in paths.values()):
        return usage
    document = orjson.loads(body)
    found = {name: _at(document, path) for name, path in paths.items()}
    counts = {name: count for name, count in found.items() if count is not None}
    return replace(usage or Usage(), **counts) if counts else usage


def _at(value: object, path: str) -> int | None:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, int) else None


def _output_tokens(told: ToldUsage, reasoning: int) -> int:
    written = told.completion_tokens or 0
    # xAI counts thoughts apart from the words; the total gives it away.
    # https://docs.x.ai/docs/guides/reasoning
    total = (told.prompt_tokens or 0) + written + reasoning
    return written + reasoning if reasoning and told.total_tokens == total else written
