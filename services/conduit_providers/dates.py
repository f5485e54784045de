"""Times as providers write them, in headers and in answers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def http_date(text: str) -> datetime | None:
    """Read a date such as `Mon, 23 Nov 2026 12:00:00 GMT`; None if it is none."""
    try:
        return _in_a_zone(parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError):
        # The last one of a zone farther away than there are any.
        return None


def iso_time(text: str) -> datetime | None:
    """Read a time such as `2026-11-23T12:00:00.5Z`; None if it is none."""
    try:
        return _in_a_zone(datetime.fromisoformat(text))
    except ValueError:
        return None


def sent_at(headers: Mapping[str, str]) -> int:
    """Return when an answer was sent, in seconds since 1970; zero if it does not say."""
    return _seconds(http_date(headers.get("date", "")))


def made_at(text: str) -> int:
    """Return what a time is in seconds since 1970; zero if it is none."""
    return _seconds(iso_time(text))


def _in_a_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _seconds(moment: datetime | None) -> int:
    # Servers in Go write that they do not know a time as one in the year 1.
    return max(0, int(moment.timestamp())) if moment is not None else 0
