"""What is looked for in the log, as conditions, and what was found."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement

from conduit.internal.v1.request_lookup_pb2 import FoundRequest, RequestLookup
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.request_places import parts_of
from conduit_storage.request_log.rows import cleaned
from conduit_storage.request_log.tables import KindRow

# Behind all that begins alike.
LAST = "\U0010ffff"
# Beyond any point in time, and anything that lasts.
_MOST = 2**62


class Found(NamedTuple):
    """The requests that were found, newest first."""

    requests: Sequence[FoundRequest]
    # The place up to which was looked; empty if all was, or enough was found.
    looked_until: str = ""


class Span(NamedTuple):
    """Between which ends requests are looked for: from, before, and behind a place."""

    since: int | None
    until: int | None
    after: tuple[int, str] | None


def merged(limit: int, *all_found: Found) -> Found:
    """Return what several found, as far as all of them have looked."""
    until = min((each.looked_until for each in all_found if each.looked_until), default="")
    requests = [
        request
        for each in all_found
        for request in each.requests
        if not until or request.place <= until
    ]
    requests = sorted(requests, key=lambda request: request.place)[:limit]
    return Found(requests, "" if len(requests) >= limit else until)


def span_of(lookup: RequestLookup) -> Span:
    """Return between which ends requests are looked for. InvalidRequest for a place that is none.

    Points in time are nanoseconds since 1970.
    """
    asked, after = lookup.filter, None
    if lookup.after:
        parts = parts_of(lookup.after)
        if parts is None:
            raise InvalidRequest("after must be a place", field="lookup.after")
        after = within(parts[0]), cleaned(parts[1])
    return Span(
        within(asked.since.ToNanoseconds()) if asked.HasField("since") else None,
        within(asked.until.ToNanoseconds()) if asked.HasField("until") else None,
        after,
    )


def of_kinds(lookup: RequestLookup) -> list[ColumnElement[bool]]:
    """Return what kinds are looked for; nothing for all of them."""
    asked = lookup.filter
    wanted = (
        (KindRow.model_alias, cleaned(lookup.model_alias)),
        (KindRow.status, lookup.status),
        (KindRow.actual_model_name, asked.actual_model_name),
        (KindRow.provider_id, asked.provider_id),
        (KindRow.key_id, asked.key_id),
        (KindRow.virtual_key_id, asked.virtual_key_id),
        (KindRow.group_id, asked.group_id),
        (KindRow.code, asked.code),
        (KindRow.operation, asked.operation),
    )
    return [column == value for column, value in wanted if value]


def within(number: int) -> int:
    """Return a number as databases have it, or one that is as far from all that are stored."""
    return max(-_MOST, min(number, _MOST))
