"""Counts of what a chat, or a text, would read."""

from typing import Any

import orjson
import pytest

from conduit.v1 import token_count_pb2 as pb
from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.operations.token_count import OPERATION
from conduit_providers.quantities import Quantities

Json = dict[str, Any]
TEXT = "x" * 40
MESSAGES = [{"role": "user", "content": TEXT}]


def body(**members: object) -> bytes:
    """Return a request."""
    return orjson.dumps({"model": "m", **members})


@pytest.mark.parametrize("members", [{"prompt": TEXT}, {"messages": MESSAGES, "tools": []}])
def test_texts_and_conversations_are_counted(members: Json) -> None:
    """For free, by whoever serves the model in chats."""
    form = OPERATION.plain_form(body(**members))
    found = OPERATION.requirements(form.json, stream=False)
    assert (found.model, found.operation) == ("m", "chat")
    worst = OPERATION.worst_case(form, found)
    assert (worst.usage, worst.is_bounded) == (Quantities(), True)
    assert OPERATION.estimate(form, None, 0, None, None) == Quantities()
    estimated = orjson.loads(OPERATION.estimated(form).json)
    assert estimated == {"count": 10, "is_estimate": True}


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"prompt": ""},
        {"messages": []},
        {"prompt": "a", "messages": MESSAGES},
        {"prompt": 1},
        {"messages": "a"},
        {"messages": ["a"]},
        {"prompt": "a", "tools": [1]},
        {"prompt": "a", "model": 1},
    ],
)
def test_what_says_nothing_or_too_much_is_refused(members: Json) -> None:
    """Before anybody is asked."""
    with pytest.raises(InvalidRequest):
        OPERATION.requirements(body(**members), stream=False)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]"])
def test_bodies_that_are_no_requests_are_refused(raw: bytes) -> None:
    """As for all operations."""
    with pytest.raises((MalformedJson, InvalidRequest)):
        OPERATION.requirements(raw, stream=False)


def test_an_estimate_says_so_in_both_forms() -> None:
    """A token for four characters."""
    plain = OPERATION.plain_form(body(prompt=TEXT))
    for request in (
        pb.CountTokensRequest(json=plain.json),
        pb.CountTokensRequest(counting=plain.typed),
    ):
        form, response = OPERATION.form_of(request), pb.CountTokensResponse()
        is_typed = form.json_at_hand is None
        OPERATION.write(response, OPERATION.estimated(form), is_typed=is_typed)
        if is_typed:
            assert (response.count.count, response.count.is_estimate) == (10, True)
        else:
            assert response.json == b'{"count":10,"is_estimate":true}'


def test_pictures_by_url_are_known() -> None:
    """For endpoints that take none."""
    part = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    form = OPERATION.plain_form(body(messages=[{"role": "user", "content": [part]}]))
    assert OPERATION.media(form) == {"https://x/y.png"}
