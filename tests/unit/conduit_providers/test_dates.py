"""Times as providers write them, and what only looks like one."""

from datetime import UTC, datetime

import pytest

from conduit_providers.dates import http_date, iso_time, made_at, sent_at

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 23 Nov 2026 12:00:00 GMT",
        "Mon, 23 Nov 2026 13:00:00 +0100",
        # Of an unknown zone, which is taken for UTC and not for this machine's.
        "Mon, 23 Nov 2026 12:00:00 -0000",
    ],
)
def test_dates_of_headers_have_a_zone(text: str) -> None:
    """So that they can be compared."""
    assert http_date(text) == NOON
    assert sent_at({"date": text}) == int(NOON.timestamp())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "1795435200",
        "Mon, 99 Nov 2026 12:00:00 GMT",
        "Mon, 23 Nov 99999 12:00:00 GMT",
        "Mon, 23 Nov 2026 12:00:00 +9999999999999",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    """A zone that no clock knows, too."""
    assert http_date(text) is None
    assert sent_at({"date": text}) == 0


@pytest.mark.parametrize(
    "text",
    ["2026-11-23T12:00:00Z", "2026-11-23T12:00:00.414671123Z", "2026-11-23T12:00:00"],
)
def test_times_have_a_zone_and_up_to_nine_decimals(text: str) -> None:
    """As Go writes them."""
    moment = iso_time(text)
    assert moment is not None
    assert moment.replace(microsecond=0) == NOON
    assert made_at(text) == int(NOON.timestamp())


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01T00:00:00Z", "\x00", "²"])
def test_what_is_no_time_is_none(text: str) -> None:
    """Whatever a provider puts in its place."""
    assert iso_time(text) is None
    assert made_at(text) == 0


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00"])
def test_a_time_that_a_server_does_not_know_is_not_told(text: str) -> None:
    """Servers in Go write the year 1 for it."""
    assert made_at(text) == 0


def test_an_answer_without_a_date_has_none() -> None:
    """Proxies may keep the header to themselves."""
    assert sent_at({}) == 0
