"""Requests as rows, and as the contract has them."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from math import isfinite
from typing import Any

from google.protobuf.message import DecodeError

from conduit.internal.v1.request_log_service_pb2 import LogRequestsRequest, RequestKind
from conduit.internal.v1.request_lookup_pb2 import FoundRequest
from conduit.v1.request_record_pb2 import AttemptRecord, RequestRecord
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.request_places import place_at

MAX_ID = 128
# An end that no clock reaches, and what lasts or costs more than anything does.
MOST = 2**62
_KIND_NAMES = (
    *("virtual_key_id", "group_id", "model_alias", "operation", "is_streamed", "provider_id"),
    *("provider_name", "key_id", "actual_model_name", "status", "code", "http_status"),
)
_COUNTS = ("input_tokens", "output_tokens", "attempts", "fallbacks", "revision")
_COLUMNS = (
    *("kind", "id", "ended_at", "duration", "first_event", "pause", "attempt_duration"),
    "cost_nano_usd",
    *_COUNTS,
    *("upstream_request_id", "rest"),
)
# The columns of a row, in the table's order.
ROW = (
    *("id", "ended_at", "kind_id", "duration", "first_event", "pause", "attempt_duration", "cost"),
    *(*_COUNTS, "upstream_request_id", "tags", "rest"),
)


def kind_row(kind: RequestKind, now: int) -> dict[str, Any]:
    """Return a kind as its row."""
    digest = blake2b(kind.SerializeToString(deterministic=True), digest_size=8).digest()
    return {
        **{name: cleaned(getattr(kind, name)) for name in _KIND_NAMES},
        "id": int.from_bytes(digest, "big", signed=True),
        "seen_at": now,
        "key_tags": joined_tags(kind.tags),
    }


def request_rows(request: LogRequestsRequest, kinds: Sequence[int]) -> list[tuple[object, ...]]:
    """Return requests as their rows, with values for `ROW`; `kinds` are the ids of their kinds.

    InvalidRequest where columns are not equally long, or say what cannot be.
    """
    columns = [getattr(request, name) for name in _COLUMNS]
    if any(len(each) != len(request.id) for each in columns):
        raise InvalidRequest("All columns must be equally long", field="kind")
    kind, names, ended_at, *lasting, cost, read, written, attempts, fallbacks, revision = columns[
        :13
    ]
    if any(not 0 < len(each) <= MAX_ID for each in names) or max(kind, default=-1) >= len(kinds):
        raise InvalidRequest("A request must have an end, an id, and a kind", field="id")
    if any(not 0 <= each < MOST / 1e9 for each in ended_at):
        raise InvalidRequest("A request must have an end, an id, and a kind", field="ended_at")
    tags, rests = _split(columns[14])
    rows = zip(
        _texts(names),
        [int(each * 1e9) for each in ended_at],
        [kinds[each] for each in kind],
        *map(micros, lasting),
        [each if each >= 0 else None for each in cost],
        *(read, written, attempts, fallbacks, revision),
        *(_texts(columns[13]), tags, rests),
        strict=True,
    )
    return list(rows)


def _split(rests: Sequence[bytes]) -> tuple[list[str], list[bytes]]:
    """Return the tags of requests, and what else there is to know of them."""
    tags, others = [""] * len(rests), [b""] * len(rests)
    for place, rest in enumerate(rests):
        if rest:
            known = _record_of(rest)
            tags[place] = joined_tags(known.tags)
            del known.tags[:]
            others[place] = known.SerializeToString()
    return tags, others


def _texts(column: Sequence[str]) -> Sequence[str]:
    """Return texts as databases take them; all at once, as hardly ever one is not so already."""
    whole = "".join(column)
    return column if cleaned(whole) == whole else [cleaned(each) for each in column]


def found_request(row: Any, *, is_whole: bool) -> FoundRequest:  # noqa: ANN401 # a row, or what is like one
    """Return a request and its kind, in one row, with its place in the list of all."""
    record = RequestRecord(
        id=row.id,
        duration_ms=row.duration / 1000,
        attempt_count=row.attempts,
        tags=split_tags(row.tags, row.key_tags),
        **{name: getattr(row, name) for name in _KIND_NAMES},
        **{name: getattr(row, name) for name in ("input_tokens", "output_tokens", "fallbacks")},
        revision=row.revision,
    )
    record.started_at.FromMicroseconds(max(0, row.ended_at // 1000 - row.duration))
    if row.first_event:
        record.first_event_ms = row.first_event / 1000
    if row.cost is not None:
        record.cost_nano_usd = row.cost
    if is_whole:
        record.attempts.extend(_attempts(row))
    return FoundRequest(place=place_at(row.ended_at, row.id), record=record)


def joined_tags(tags: Iterable[str]) -> str:
    """Return tags as a column has them."""
    kept = [cleaned(tag).replace("\n", " ") for tag in tags]
    return "\n".join(["", *kept, ""]) if kept else ""


def split_tags(*columns: str) -> list[str]:
    """Return the tags of columns, each once."""
    return list(dict.fromkeys(tag for each in columns for tag in each.split("\n") if tag))


def _attempts(row: Any) -> Sequence[AttemptRecord]:  # noqa: ANN401 # as above
    """Return the attempts of a request; the one of a request that went as usual is in its row."""
    if row.rest:
        return RequestRecord.FromString(row.rest).attempts
    if not row.attempt_duration:
        return ()
    attempt = AttemptRecord(
        provider_id=row.provider_id,
        provider_name=row.provider_name,
        key_id=row.key_id,
        actual_model_name=row.actual_model_name,
        is_sent=True,
        upstream_request_id=row.upstream_request_id,
        pause_ms=row.pause / 1000,
        duration_ms=row.attempt_duration / 1000,
    )
    if row.first_event:
        attempt.first_event_ms = row.first_event / 1000
    if row.cost is not None:
        attempt.cost_nano_usd = row.cost
    return [attempt]


def _record_of(rest: bytes) -> RequestRecord:
    try:
        return RequestRecord.FromString(rest)
    except DecodeError as error:
        raise InvalidRequest("What else there is to know cannot be read", field="rest") from error


def micros(column: Sequence[float]) -> list[int]:
    """Return seconds as whole microseconds, within what databases have."""
    if isfinite(sum(column)) and min(column, default=0.0) >= 0.0:
        most = max(column, default=0.0)
        if most <= MOST / 1e6:
            return [int(each * 1e6) for each in column]
    # In this order nothing is left of what is no number.
    return [int(min(max(0.0, each), MOST / 1e6) * 1e6) for each in column]


def cleaned(value: Any) -> Any:  # noqa: ANN401 # a text, or what may stay as it is
    """Return a value as it is stored."""
    # PostgreSQL's texts have none of these.
    return value.replace("\x00", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
