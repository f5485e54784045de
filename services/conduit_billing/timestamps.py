"""Points of time as the database keeps them: microseconds since 1970, UTC."""

from datetime import UTC, date, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

MICRO = 1_000_000
HOUR_MICROS = 3_600 * MICRO
DAY_MICROS = 24 * HOUR_MICROS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros_of(timestamp: Timestamp) -> int:
    """Return a message's timestamp in microseconds."""
    return timestamp.seconds * MICRO + timestamp.nanos // 1000


def timestamp_of(micros: int) -> Timestamp:
    """Return a point of time as a message."""
    return Timestamp(seconds=micros // MICRO, nanos=micros % MICRO * 1000)


def micros_at(at: datetime) -> int:
    """Return a point of time in microseconds, exactly."""
    return (at - EPOCH) // timedelta(microseconds=1)


def datetime_of(micros: int) -> datetime:
    """Return a point of time with its time zone, UTC."""
    return EPOCH + timedelta(microseconds=micros)


def day_number(day: date) -> int:
    """Return how many days after 1970-01-01 a day is."""
    return (day - EPOCH.date()).days


def day_text(number: int) -> str:
    """Return a day as `2026-11-23`."""
    return (EPOCH.date() + timedelta(days=number)).isoformat()
