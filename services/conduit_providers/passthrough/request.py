"""Reads requests in providers' own words, as far as routing and accounting need it."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from conduit_kernel.errors import InvalidRequest, UnsupportedParameter
from conduit_providers.passthrough.rule import MODEL, PassthroughRule
from conduit_providers.request_reading import RequestReader, Unread

Pair = tuple[str, str]


class _Generation(msgspec.Struct, rename="camel"):
    max_output_tokens: int | None = None
    candidate_count: int | None = None
    # Google takes the names of the fields, too.
    plain_max_output_tokens: int | None = msgspec.field(default=None, name="max_output_tokens")
    plain_candidate_count: int | None = msgspec.field(default=None, name="candidate_count")

    def most(self) -> tuple[int | None, ...]:
        """Return the limits of what is written."""
        return self.max_output_tokens, self.plain_max_output_tokens

    def choices(self) -> tuple[int | None, ...]:
        """Return the numbers of answers."""
        return self.candidate_count, self.plain_candidate_count


class _Inference(msgspec.Struct, rename="camel"):
    max_tokens: int | None = None

    def most(self) -> tuple[int | None, ...]:
        """Return the limits of what is written."""
        return (self.max_tokens,)


class _ModelFields(msgspec.Struct):
    """Limits in what Converse hands to a model as it is, by the names that makers have for them.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
    """

    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_new_tokens: int | None = None
    max_gen_len: int | None = None
    max_token_count: int | None = msgspec.field(default=None, name="maxTokenCount")

    def most(self) -> tuple[int | None, ...]:
        """Return the limits of what is written."""
        return msgspec.structs.astuple(self)


# The dialects' own names; each is read wherever it stands.
class _Body(msgspec.Struct):
    model: str = ""
    stream: bool | None = None
    n: int | None = None
    # Of completions: all that are made are paid, whichever are given.
    best_of: int | None = None
    prompt: Unread = msgspec.UNSET
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    generation_config: _Generation | None = msgspec.field(default=None, name="generationConfig")
    plain_generation_config: _Generation | None = msgspec.field(
        default=None, name="generation_config"
    )
    inference: _Inference | None = msgspec.field(default=None, name="inferenceConfig")
    model_fields: _ModelFields | None = msgspec.field(
        default=None, name="additionalModelRequestFields"
    )


_reader = RequestReader(_Body)
# Servers differ in which of two members of the same name counts, also within others.
_WITHIN = (
    *("generationConfig", "generation_config", "inferenceConfig"),
    "additionalModelRequestFields",
)
_DECISIVE_WITHIN = tuple(
    each.encode_name
    for kind in (_Generation, _Inference, _ModelFields)
    for each in msgspec.structs.fields(kind)
)
_DECISIVE = tuple(each.encode_name for each in msgspec.structs.fields(_Body))
_DECISIVE_MARKS = tuple(b'"%b"' % name.lower().encode() for name in (*_DECISIVE, *_DECISIVE_WITHIN))
# An escaped letter; and two beyond ASCII, plain and escaped, that servers in Go take for `s` and
# `k`: https://pkg.go.dev/encoding/json#Unmarshal compares names as Unicode folds them.
_ODD_LETTERS = (b"\\u00", b"\\u017f", b"\\u212a", "\u017f".encode(), "\u212a".encode())
# What a body may refer to whose size its own says nothing of.
_MEDIA = (b'"image', b'"document"', b'"file', b'"input_image"', b'"input_file"', b'"video')


class PassedRequest(NamedTuple):
    """A request as it passes, and what was read in it."""

    rule: PassthroughRule
    path: str
    query: tuple[Pair, ...]
    headers: tuple[Pair, ...]
    body: bytes
    # By the provider's name for it.
    model: str
    # The instance's settings that the path names.
    settings: Mapping[str, str]
    stream: bool
    # The most tokens that each choice may have; None if unsaid.
    max_output: int | None
    choices: int
    # Whether it may refer to pictures, files and the like.
    has_media: bool


def read_request(
    rule: PassthroughRule,
    path: str,
    query: Iterable[Pair],
    headers: Iterable[Pair],
    body: bytes,
    *,
    provider: str = "",
) -> PassedRequest:
    """Read a request to a path that a rule names. InvalidRequest if it may not pass as it is.

    `provider` is the type, for errors.
    """
    found = _reader.read(body)
    _check_members(body, rule.refuses, provider)
    settings = rule.places_in(path)
    model = settings.pop(MODEL, found.model)
    if not model:
        raise InvalidRequest("model is required", field="model")
    generations = [
        each
        for each in (found.generation_config, found.plain_generation_config)
        if each is not None
    ]
    limits = (
        found.max_tokens,
        found.max_completion_tokens,
        found.max_output_tokens,
        *(
            limit
            for each in (*generations, found.inference, found.model_fields)
            if each
            for limit in each.most()
        ),
    )
    counts = (found.n, found.best_of, *(count for each in generations for count in each.choices()))
    said = [limit for limit in limits if limit is not None]
    return PassedRequest(
        rule,
        path,
        _passing_query(query, rule.query),
        _passing_headers(headers, rule.headers),
        body,
        model,
        settings,
        rule.streams or bool(found.stream),
        max(0, *said) if said else None,
        max(1, *(count or 0 for count in counts)) * _prompts(found.prompt),
        any(mark in body for mark in _MEDIA),
    )


def _prompts(prompt: Unread) -> int:
    """Return how many texts are gone on from; a list of numbers is the tokens of one."""
    if prompt is msgspec.UNSET or not bytes(prompt).lstrip().startswith(b"["):
        return 1
    texts = json.loads(bytes(prompt))
    return max(1, sum(not isinstance(each, int) for each in texts))


def _check_members(body: bytes, refused: Collection[str], provider: str) -> None:
    """Refuse members that may not pass, and a decisive one that is there twice."""
    lowered = body.lower()
    is_plain = not any(each in lowered for each in _ODD_LETTERS) and all(
        lowered.count(each) <= 1 for each in _DECISIVE_MARKS
    )
    if is_plain and not any(b'"%b"' % name.encode() in body for name in refused):
        return
    members: list[tuple[str, Any]] = json.loads(body, object_pairs_hook=list)
    _check_once(members, _DECISIVE)
    for name, value in members:
        if name in _WITHIN and value:
            _check_once(value, _DECISIVE_WITHIN)
    for name, value in members:
        if name in refused and value not in (None, False):
            message = f"{name} cannot pass through: it is about more than this request"
            raise UnsupportedParameter(message, parameter=name, provider=provider)


def _check_once(members: list[tuple[str, Any]], decisive: Collection[str]) -> None:
    names = [name.casefold() for name, _ in members]
    for name in decisive:
        if names.count(name.casefold()) > 1:
            raise InvalidRequest(f"{name} is there twice", field=name)


def _passing_query(query: Iterable[Pair], known: Collection[str]) -> tuple[Pair, ...]:
    """Return a query. InvalidRequest names the first parameter that does not pass."""
    found = tuple(query)
    for name, _ in found:
        if name not in known:
            shown = name[:100]
            message = f"The parameter {shown!r} does not pass to this provider"
            raise InvalidRequest(message, field=shown)
    return found


def _passing_headers(headers: Iterable[Pair], known: Collection[str]) -> tuple[Pair, ...]:
    """Return the headers that pass. InvalidRequest for a value that could be more than one."""
    found: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()  # noqa: PLW2901 # as the rule has it
        if name not in known:
            continue
        if not (value.isascii() and value.isprintable()):
            message = f"{name} has characters that no header may have"
            raise InvalidRequest(message, field=name)
        found[name] = value
    return tuple(found.items())
