"""Points of time as the database keeps them."""

from datetime import UTC, date, datetime, timedelta, timezone

from google.protobuf.timestamp_pb2 import Timestamp

from conduit_billing.timestamps import (
    DAY_MICROS,
    datetime_of,
    day_number,
    day_text,
    micros_at,
    micros_of,
    timestamp_of,
)


def test_a_time_survives_all_its_forms_to_the_microsecond() -> None:
    """No float has touched it: 2100 has more microseconds than a float is sure of."""
    for micros in (0, 1, 999_999, 1_795_435_200_123_457, 4_102_444_799_999_999):
        assert micros_of(timestamp_of(micros)) == micros
        assert micros_at(datetime_of(micros)) == micros


def test_a_time_before_1970_has_its_nanoseconds_above_zero() -> None:
    """As protobuf wants them."""
    stamp = timestamp_of(-1)
    assert (stamp.seconds, stamp.nanos) == (-1, 999_999_000)
    assert micros_of(stamp) == -1


def test_what_is_finer_than_a_microsecond_is_cut() -> None:
    """Downwards, so that no time is later than it was."""
    assert micros_of(Timestamp(seconds=1, nanos=1_999)) == 1_000_001


def test_a_time_in_another_zone_is_the_same_time() -> None:
    """What counts is the moment."""
    here = datetime(2026, 11, 23, 14, tzinfo=timezone(timedelta(hours=2)))
    assert micros_at(here) == micros_at(datetime(2026, 11, 23, 12, tzinfo=UTC))


def test_days_are_counted_from_1970() -> None:
    """Over all that dates can say."""
    assert (day_number(date(1970, 1, 1)), day_text(0)) == (0, "1970-01-01")
    assert (
        day_number(date(2026, 11, 23))
        == micros_at(datetime(2026, 11, 23, tzinfo=UTC)) // DAY_MICROS
    )
    for day in (date.min, date(1969, 12, 31), date.max):
        assert day_text(day_number(day)) == day.isoformat()
