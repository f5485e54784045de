"""Predictions, and where they may lead."""

from typing import Any

import orjson
import pytest

from conduit.v1.chat_pb2 import FINISH_REASON_LENGTH, FINISH_REASON_STOP
from conduit_kernel.errors import UpstreamError, UpstreamRefused
from conduit_providers.calls import Call
from conduit_providers.codecs.replicate.options import ChatModel, ChatOptions
from conduit_providers.codecs.replicate.prediction import (
    Prediction,
    answer_of,
    read_prediction,
    step_to,
)
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.quantities import MOST, Quantities, counted, plain
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

Json = dict[str, Any]
TARGET = Target("P", "Replicate", "https://api.replicate.com/v1")
ENDPOINT = Endpoint(
    "replicate_chat", "/", options=ChatOptions(origins=("https://stream.replicate.com",))
)


def prediction(**members: object) -> Prediction:
    """Read a prediction that succeeded."""
    raw = {"id": "p1", "status": "succeeded", "urls": {}, **members}
    return read_prediction(orjson.dumps(raw), "P")


def call(**members: object) -> ChatCall:
    """Return a call."""
    raw = orjson.dumps({"model": "a", "messages": [], **members})
    return Call(chat_request(json=raw), alias="a", model="acme/llm", provider="P", created=7)


@pytest.mark.parametrize(
    ("metrics", "usage"),
    [
        (None, None),
        ({"predict_time": 1.5}, None),
        ({"input_token_count": 3, "output_token_count": 2}, plain(3, 2)),
        ({"output_token_count": 2, "x": [1]}, plain(0, 2)),
        ({"input_token_count": "3"}, None),
        ({"input_token_count": MOST + 1}, counted(((1, MOST + 1),))),
    ],
)
def test_counts_are_told_by_language_models_alone(
    metrics: Json | None, usage: Quantities | None
) -> None:
    """And may make no sense."""
    assert prediction(metrics=metrics).quantities() == usage


@pytest.mark.parametrize(("output", "text"), [(None, ""), ("a", "a"), (["a", "b"], "ab"), ([], "")])
def test_words_come_whole_or_in_pieces(output: object, text: str) -> None:
    """Both are words."""
    assert prediction(output=output).text(call()) == text


@pytest.mark.parametrize("output", [7, {"a": 1}, [1], ["a", None]])
def test_a_model_that_writes_no_text_is_refused(output: object) -> None:
    """It is no language model."""
    with pytest.raises(UpstreamRefused, match="no language model"):
        prediction(output=output).text(call())


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"nonsense", "makes no sense"),
        (b'{"id":"p","status":"succeeded"}', "makes no sense"),
        (b'{"id":"p","status":"failed","urls":{},"error":"It broke."}', "It broke"),
        (b'{"id":"p","status":"failed","urls":{}}', "The prediction failed"),
        (b'{"id":"p","status":"canceled","urls":{}}', "was canceled"),
        (b'{"id":"p","status":"aborted","urls":{}}', "was canceled"),
    ],
)
def test_a_prediction_that_came_to_nothing_is_a_failure(body: bytes, why: str) -> None:
    """By what the provider says of it."""
    with pytest.raises(UpstreamError, match=why):
        read_prediction(body, "P")


def test_the_counts_may_say_why_the_model_stopped() -> None:
    """Replicate does not; without a limit, or without counts, it stopped by itself."""
    full = prediction(metrics={"output_token_count": 5})
    assert full.finish(call(max_tokens=5), ChatModel()) == FINISH_REASON_LENGTH
    for found, made in (
        (full, call(max_tokens=6)),
        (full, call()),
        (prediction(), call(max_tokens=5)),
    ):
        assert found.finish(made, ChatModel()) == FINISH_REASON_STOP


@pytest.mark.parametrize("time", ["", "soon", "0001-01-01T00:00:00Z"])
def test_a_time_that_is_none_gives_way_to_ours(time: str) -> None:
    """A right one does not."""
    assert prediction(created_at=time).created(7) == 7
    assert prediction(created_at="2026-11-23T12:00:00.5Z").created(7) == 1795435200


def test_an_answer_has_what_was_measured() -> None:
    """As it was told, unless no JSON of ours can hold it."""
    found = prediction(output=["Hi"], metrics={"predict_time": 1.5, "input_token_count": 3})
    answer = orjson.loads(answer_of(found, call(), ChatModel()).json)
    assert (answer["model"], answer["created"]) == ("acme/llm", 7)
    assert answer["metrics"] == {"predict_time": 1.5, "input_token_count": 3}
    assert answer["usage"]["prompt_tokens"] == 3
    raw = b'{"id":"p","status":"succeeded","urls":{},"metrics":{"a":123456789012345678901234}}'
    answer = orjson.loads(answer_of(read_prediction(raw, "P"), call(), ChatModel()).json)
    assert "metrics" not in answer


def test_steps_lead_to_the_instance_and_to_replicates_own() -> None:
    """With the query, from the root of the host."""
    for url, origin, path in (
        ("https://api.replicate.com/v1/predictions/p1?x=1", "https://api.replicate.com",
         "/v1/predictions/p1?x=1"),
        ("https://stream.replicate.com", "https://stream.replicate.com", "/"),
    ):  # fmt: skip
        step = step_to("GET", url, (("a", "b"),), TARGET, ENDPOINT)
        assert (step.origin, step.request) == (origin, HttpRequest("GET", path, (("a", "b"),)))
