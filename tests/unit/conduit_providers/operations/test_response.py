"""What a request to Responses requires."""

from typing import Any

import orjson
import pytest

from conduit.v1 import response_requests_pb2 as pb
from conduit.v1.response_pb2 import ResponseCreation
from conduit_kernel.errors import ConduitError, InvalidRequest, MalformedJson
from conduit_providers.inbound.response_form import ResponseEvents, response_answer
from conduit_providers.operations.response import OPERATION
from conduit_providers.quantities import plain

Json = dict[str, Any]
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def body(**members: object) -> bytes:
    """Return a request."""
    return orjson.dumps({"model": "m", "input": "hi", **members})


def capabilities(**members: object) -> set[str]:
    """Return what a request needs."""
    return set(OPERATION.requirements(body(**members), stream=False).capabilities)


def test_what_routing_goes_by() -> None:
    """The model, the limit, the session, and others that may serve it."""
    found = OPERATION.requirements(
        body(max_output_tokens=9, prompt_cache_key="k", fallbacks=["n"]), stream=True
    )
    assert (found.model, found.operation, found.stream) == ("m", "chat", True)
    assert (found.max_output, found.fallbacks, found.session) == (9, ("n",), '"k"')


@pytest.mark.parametrize(
    ("members", "needed"),
    [
        ({}, set()),
        ({"tools": [{"type": "function", "name": "f"}]}, {"tools"}),
        ({"tools": []}, set()),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, {"json_schema"}),
        ({"text": {"format": {"type": "text"}}}, set()),
        ({"text": {"verbosity": "low"}}, set()),
        ({"input": "input_image"}, set()),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]}]},
            {"vision"},
        ),
        (
            {"input": [{"type": "function_call_output", "output": [{"type": "input_file"}]}]},
            {"files"},
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, {"audio"}),
        ({"input": [{"role": "user", "content": 'say "input_image"'}]}, set()),
    ],
)
def test_capabilities(members: Json, needed: set[str]) -> None:
    """Words alone need nothing; what is shown needs eyes, also in what came of a call."""
    assert capabilities(**members) == needed


@pytest.mark.parametrize(
    "members",
    [
        {"input": []},
        {"input": ""},
        {"input": None},
        {"max_output_tokens": "x"},
        {"temperature": "x"},
        {"tools": {}},
        {"model": 1},
        {"Model": "x"},
    ],
)
def test_wrong_requests_are_refused_before_anybody_is_asked(members: Json) -> None:
    """With the member's name."""
    with pytest.raises(InvalidRequest) as refused:
        OPERATION.requirements(body(**members), stream=False)
    assert refused.value.metadata["field"].lower() in {name.lower() for name in members}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]"])
def test_bodies_that_are_no_requests_are_refused(raw: bytes) -> None:
    """As for all operations."""
    with pytest.raises((MalformedJson, InvalidRequest)):
        OPERATION.requirements(raw, stream=False)


@pytest.mark.parametrize(
    "members",
    [{"previous_response_id": "resp_1"}, {"prompt": {"id": "p"}}, {"conversation": "conv_1"}],
)
def test_what_goes_on_from_something_needs_no_input(members: Json) -> None:
    """Whether its provider keeps it, that provider knows."""
    raw = orjson.dumps({"model": "m", **members})
    assert OPERATION.requirements(raw, stream=False).model == "m"


def test_both_forms_are_read_and_answered_alike() -> None:
    """Typed requests get typed answers."""
    typed = ResponseCreation(model="m")
    typed.input.add(text="hi")
    form = OPERATION.form_of(pb.CreateResponseRequest(response=typed))
    assert orjson.loads(form.json) == {"model": "m", "input": "hi"}
    assert OPERATION.form_of(pb.CreateResponseRequest(json=form.json)).typed == typed
    answer = response_answer(b'{"id":"r","status":"completed","output":[]}', None)
    response = pb.CreateResponseResponse()
    OPERATION.write(response, answer, is_typed=True)
    assert response.response.id == "r"
    OPERATION.write(response, answer, is_typed=False)
    assert response.json == answer.json
    events = ResponseEvents(sse=b'data: {"type":"response.created","sequence_number":0}\n\n')
    message = pb.StreamCreateResponseResponse()
    OPERATION.put(message, events, is_typed=True)
    assert message.pieces[0].type == "response.created"
    OPERATION.finished(message, plain(3, 4), is_typed=True)
    assert message.finished.usage.total_tokens == 7


def test_estimates_and_worst_cases() -> None:
    """About the words; never less than could be."""
    form = OPERATION.plain_form(body(max_output_tokens=50))
    requirements = OPERATION.requirements(form.json, stream=False)
    worst = OPERATION.worst_case(form, requirements)
    assert worst.is_bounded
    assert worst.usage.output_tokens == 50
    estimated = OPERATION.estimate(form, None, 5, None, None)
    assert 0 < estimated.input_tokens <= worst.usage.input_tokens
    kept = OPERATION.plain_form(b'{"model":"m","previous_response_id":"resp_1"}')
    assert OPERATION.estimate(kept, None, 0, None, None).input_tokens > 0


def test_pictures_by_url_are_known() -> None:
    """For endpoints that take none."""
    part = {"type": "input_image", "image_url": "https://x/y.png"}
    form = OPERATION.plain_form(body(input=[{"role": "user", "content": [part]}]))
    assert OPERATION.media(form) == {"https://x/y.png"}


def test_media_of_what_only_openai_reads_is_refused_there() -> None:
    """Its items are read by nobody else."""
    with pytest.raises(ConduitError):
        OPERATION.media(OPERATION.plain_form(body(previous_response_id="resp_1")))
