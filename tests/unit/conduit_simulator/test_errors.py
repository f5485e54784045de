"""The simulator's errors, in OpenAI's words."""

import orjson
import pytest

from conduit_simulator.errors import ApiError, bad_request, error_for, missing_key, model_not_found


def told(error: ApiError) -> dict[str, object]:
    """Return the members of an error."""
    return dict(orjson.loads(error.body())["error"])


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", None),
        (401, "invalid_request_error", "invalid_api_key"),
        (404, "invalid_request_error", "model_not_found"),
        (418, "invalid_request_error", None),
        (429, "requests", "rate_limit_exceeded"),
        (500, "server_error", None),
        (503, "server_error", "overloaded"),
        (599, "server_error", None),
    ],
)
def test_each_status_has_its_words(status: int, kind: str, code: str | None) -> None:
    """Those that OpenAI does not document have the ones of their hundred."""
    error = error_for(status)
    assert error.status == status
    assert (told(error)["type"], told(error)["code"]) == (kind, code)
    assert told(error)["message"]
    assert error.headers == ()


def test_one_status_may_mean_several_things() -> None:
    """No money is a 429 as well, and no matter of waiting."""
    error = error_for(429, "insufficient_quota")
    assert told(error)["type"] == told(error)["code"] == "insufficient_quota"


def test_how_long_to_wait_is_in_the_header() -> None:
    """Zero seconds are said, too."""
    assert error_for(429, retry_after_seconds=0).headers == ((b"retry-after", b"0"),)


def test_names_of_models_are_quoted_in_part() -> None:
    """Whatever a caller sends comes back no longer than it need be."""
    error = model_not_found("x" * 5000)
    assert error.status == 404
    assert len(error.body()) < 500


def test_what_is_missing_is_named() -> None:
    """The member, and the key."""
    assert told(bad_request("no", "input"))["param"] == "input"
    assert (missing_key().status, told(missing_key())["code"]) == (401, "invalid_api_key")
