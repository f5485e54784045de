"""What the failure of a stream says, once some of it was handed out."""

from typing import Any, cast

import pytest

from conduit_kernel.errors import ConduitError, StreamInterrupted, UpstreamRateLimited
from conduit_kernel.http import BodyCut, Origin
from conduit_providers.auth import signer_for
from conduit_providers.redaction import Redactor
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_router.calls.upstream_stream import UpstreamStream
from conduit_router.routing.table import UpstreamTarget

SECRET = "hunter2/team.key"
TARGET = Target("Prod", "OpenAI", "https://api.example/v1")
UPSTREAM = UpstreamTarget(
    key_id="key_1",
    target=TARGET,
    signer=signer_for(Auth("bearer", ""), SECRET, TARGET),
    origin=Origin("https", "api.example", 443),
    base_path="/v1",
    is_guarded=True,
    redactor=Redactor(SECRET),
)


def interruption(error: Exception) -> ConduitError:
    """Return what a failure becomes."""
    # Neither is looked at: nothing more is read of a stream that failed.
    stream = UpstreamStream(UPSTREAM, cast("Any", None), cast("Any", None))
    with pytest.raises(StreamInterrupted) as raised:
        stream.interrupted(error)
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRateLimited(f"Slow down, {SECRET}"),
        StreamInterrupted(f"It broke at {SECRET}", upstream_code=SECRET),
    ],
)
def test_the_keys_value_is_in_no_interruption(error: ConduitError) -> None:
    """Whether the provider told of it in an event, or the stream made no sense."""
    told = interruption(error)
    assert SECRET not in f"{told} {told.message} {told.metadata}"
    assert "[redacted]" in told.message


def test_a_cut_is_an_interruption_that_names_the_provider() -> None:
    """Not the connection, of which callers know nothing."""
    assert interruption(BodyCut("10.0.0.1:443 ended")).message == "The stream from Prod was cut"
