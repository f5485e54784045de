"""What a request for completions requires, and how it is split and joined."""

from typing import Any

import orjson
import pytest
from tests.support.replays import CATALOG

from conduit.v1 import completion_requests_pb2 as pb
from conduit.v1.completion_pb2 import CompletionCreation
from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.calls import Call
from conduit_providers.inbound.completion_form import (
    CompletionAnswer,
    CompletionEvents,
    completion_answer,
)
from conduit_providers.operation import MOST_PARTS
from conduit_providers.operations.completion import OPERATION, join_completions
from conduit_providers.quantities import Quantities, plain

Json = dict[str, Any]
CHAT = CATALOG.find("Groq").endpoints["chat"]
VLLM = CATALOG.find("vLLM").endpoints["chat"]


def body(**members: object) -> bytes:
    """Return a request."""
    return orjson.dumps({"model": "m", "prompt": "hi", **members})


def test_what_routing_goes_by() -> None:
    """The model, the limit, the session, the counts of streams, and others that may serve it."""
    found = OPERATION.requirements(
        body(max_tokens=9, session_id="k", fallbacks=["n"], stream_options={"include_usage": True}),
        stream=True,
    )
    assert (found.model, found.operation, found.stream) == ("m", "chat", True)
    assert (found.max_output, found.fallbacks, found.session) == (9, ("n",), '"k"')
    assert found.include_usage


@pytest.mark.parametrize(
    ("members", "written"),
    [
        ({}, 9),
        ({"n": 2}, 18),
        ({"prompt": ["a", "b"]}, 18),
        ({"prompt": [[1], [2]], "n": 3}, 54),
        ({"prompt": [1, 2, 3]}, 9),
        ({"best_of": 5, "n": 2}, 45),
    ],
)
def test_worst_cases_have_all_that_is_made(members: Json, written: int) -> None:
    """What `best_of` throws away is paid as well."""
    form = OPERATION.plain_form(body(max_tokens=9, **members))
    worst = OPERATION.worst_case(form, OPERATION.requirements(form.json, stream=False))
    assert (worst.usage.output_tokens, worst.is_bounded) == (written, True)
    unbounded = OPERATION.plain_form(body(**members))
    assert not OPERATION.worst_case(
        unbounded, OPERATION.requirements(unbounded.json, stream=False)
    ).is_bounded


@pytest.mark.parametrize(
    "members",
    [
        {"prompt": []},
        {"prompt": None},
        {"prompt": 1},
        {"prompt": {}},
        {"prompt": [{}]},
        {"prompt": ["a", 1]},
        {"prompt": [1, "a"]},
        {"prompt": [[1], 2]},
        {"prompt": [True, "a"]},
        {"max_tokens": "x"},
        {"max_tokens": -1},
        {"n": 2**40},
        {"n": -1},
        {"best_of": 2**40},
        {"temperature": "x"},
        {"suffix": 1},
        {"echo": "x"},
        {"model": 1},
        {"Model": "x"},
    ],
)
def test_wrong_requests_are_refused_before_anybody_is_asked(members: Json) -> None:
    """With the member's name."""
    with pytest.raises(InvalidRequest) as refused:
        OPERATION.requirements(body(**members), stream=False)
    assert refused.value.metadata["field"].lower() in {name.lower() for name in members}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]", b'{"model":"m"}'])
def test_bodies_that_are_no_requests_are_refused(raw: bytes) -> None:
    """As for all operations."""
    with pytest.raises((MalformedJson, InvalidRequest)):
        OPERATION.requirements(raw, stream=False)


def test_both_forms_are_read_and_answered_alike() -> None:
    """Typed requests get typed answers; a stream of events has OpenAI's end."""
    typed = CompletionCreation(model="m")
    typed.prompt.add(text="hi")
    form = OPERATION.form_of(pb.CreateCompletionRequest(completion=typed))
    assert orjson.loads(form.json) == {"model": "m", "prompt": ["hi"]}
    answer = answered("a")
    response = pb.CreateCompletionResponse()
    OPERATION.write(response, answer, is_typed=True)
    assert response.completion.choices[0].text == "a"
    OPERATION.write(response, answer, is_typed=False)
    assert response.json == answer.json
    message = pb.StreamCreateCompletionResponse()
    events = CompletionEvents(sse=b"data: %b\n\n" % answer.json)
    OPERATION.put(message, events, is_typed=True)
    assert message.pieces[0].choices[0].text == "a"
    OPERATION.finished(message, plain(3, 4), is_typed=True)
    assert message.finished.usage.total_tokens == 7
    assert not message.events
    plain_message = pb.StreamCreateCompletionResponse()
    OPERATION.finished(plain_message, None, is_typed=False)
    assert plain_message.events == b"data: [DONE]\n\n"


def answered(*texts: str, usage: Quantities | None = None) -> CompletionAnswer:
    """Return an answer."""
    choices = [
        {"text": text, "index": place, "finish_reason": "stop", "logprobs": {"tokens": [text]}}
        for place, text in enumerate(texts)
    ]
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m"}
    return completion_answer(usage, json=orjson.dumps({**head, "choices": choices}))


def parts(prompt: object, endpoint: Any = CHAT) -> list[object]:  # noqa: ANN401 # of the catalog
    """Return the prompts of the calls that a call becomes."""
    form = OPERATION.plain_form(body(prompt=prompt, n=2))
    call = Call(form, alias="m", model="model", provider="P")
    return [orjson.loads(part.request.json)["prompt"] for part in OPERATION.split(call, endpoint)]


def test_several_texts_are_several_chats() -> None:
    """Servers of completions take them at once."""
    assert parts(["a", "b", "c"]) == [["a"], ["b"], ["c"]]
    assert parts([[1, 2], [3]]) == [[[1, 2]], [[3]]]
    assert parts([1, 2]) == [[1, 2]]
    assert parts("a [b]") == ["a [b]"]
    assert parts(["a", "b"], VLLM) == [["a", "b"]]


def test_a_call_becomes_so_many_and_no_more() -> None:
    """A limit of requests would count any number of them as one."""
    assert len(parts(["a"] * MOST_PARTS)) == MOST_PARTS
    for prompt in (["a"] * (MOST_PARTS + 1), [[1]] * (MOST_PARTS + 1)):
        with pytest.raises(InvalidRequest, match="would take 2,049 requests"):
            OPERATION.requirements(body(prompt=prompt), stream=False)
    # Tokens are one text, however many.
    OPERATION.requirements(body(prompt=[1] * (MOST_PARTS + 1)), stream=False)


def test_what_parts_leave_out_is_the_calls() -> None:
    """They share what is told."""
    call = Call(OPERATION.plain_form(body(prompt=["a", "b"])), alias="m", model="x", dropped=[])
    first, second = OPERATION.split(call, CHAT)
    first.drop("best_of", "P")
    second.drop("best_of", "P")
    assert call.dropped == ["best_of"]


def test_joined_completions_are_numbered_through() -> None:
    """Those of each text together, with all that was used."""
    one = answered("a", "b", usage=plain(3, 4))
    two = answered("c", "d", usage=plain(5, 6))
    whole = join_completions([one, two])
    found = orjson.loads(whole.json)
    assert [(c["text"], c["index"]) for c in found["choices"]] == [
        ("a", 0),
        ("b", 1),
        ("c", 2),
        ("d", 3),
    ]
    assert found["choices"][2]["logprobs"] == {"tokens": ["c"]}
    assert found["usage"]["total_tokens"] == 18
    assert whole.usage == plain(8, 10)
    assert join_completions([one]) is one


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    """Rather than too small."""
    whole = join_completions([answered("a", usage=plain(3, 4)), answered("b")])
    assert whole.usage is None
    assert "usage" not in orjson.loads(whole.json)
