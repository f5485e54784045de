"""Exchanges of other kinds than HTTP's as jobs of one step."""

from typing import Any

import pytest

from conduit_providers.jobs import JobRequest, OneStepJobCodec
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import GrpcMethod, GrpcRequest, HttpResponse

ENDPOINT = Endpoint(codec="x", path="/")
TARGET = Target("P", "X", "https://x.example")
REQUEST = GrpcRequest(GrpcMethod("/a.B/C"), (b"hi",))


class Codec:
    """Asks for one thing, and says what came."""

    def to_upstream(self, call: str, endpoint: Endpoint, target: Target) -> GrpcRequest:
        """Return the exchange."""
        return REQUEST

    def from_upstream(self, response: HttpResponse, call: str, endpoint: Endpoint) -> str:
        """Return what was asked, and answered."""
        return f"{call}: {response.body.decode()}"

    def decoder(self, call: str, endpoint: Endpoint) -> Any:  # noqa: ANN401 # any will do
        """Return what would read a stream."""
        return f"decoder of {call}"


def test_a_whole_answer_is_that_of_the_one_exchange() -> None:
    """There is nothing to take back."""
    job = OneStepJobCodec[str, str, Any](Codec()).whole("call", ENDPOINT, TARGET)
    assert next(job) == JobRequest(REQUEST)
    with pytest.raises(StopIteration) as end:
        job.send(HttpResponse(200, {}, b"hello"))
    assert end.value.value == "call: hello"


def test_a_stream_is_that_of_the_one_exchange() -> None:
    """Nothing comes before it, and nothing follows."""
    job = OneStepJobCodec[str, str, Any](Codec()).stream("call", ENDPOINT, TARGET)
    with pytest.raises(StopIteration) as end:
        next(job)
    opened = end.value.value
    assert (opened.step, opened.decoder) == (JobRequest(REQUEST), "decoder of call")
    with pytest.raises(StopIteration) as closed:
        next(opened.closing)
    assert closed.value.value is None
