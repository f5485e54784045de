"""OpenAI's batches: a file of lines, a batch of it, and files of results."""

import json

import pytest
from tests.unit.conduit_providers.batch_apis.test_api import spec_of

from conduit_providers.batch_apis.api import BegunBatch, NewBatch
from conduit_providers.batch_apis.openai import API
from conduit_providers.wire import HttpRequest, HttpResponse

ASKED = HttpRequest("POST", "/chat/completions", (), b'{"model":"m"}')


def answer(**members: object) -> HttpResponse:
    """Return an answer."""
    return HttpResponse(200, {}, json.dumps(members).encode())


def test_a_file_that_is_still_read_is_waited_for() -> None:
    """Azure makes no batch of one before."""
    _, batches, target = spec_of("OpenAI")
    batch = NewBatch("ours", "m", ASKED.path, (), [API.entry("0", ASKED, batches)])
    steps = API.begin(batch, batches, target)
    sent = next(steps)
    assert (sent.method, sent.path) == ("POST", "/files")
    assert b'"url":"/v1/chat/completions","body":{"model":"m"}' in sent.body
    look = steps.send(answer(id="file-1", status="pending"))
    assert (look.method, look.path) == ("GET", "/files/file-1")
    made = steps.send(answer(id="file-1", status="processed"))
    assert json.loads(made.body)["input_file_id"] == "file-1"
    with pytest.raises(StopIteration) as end:
        steps.send(answer(id="batch_1", status="validating"))
    assert end.value.value == BegunBatch("batch_1", "file-1")


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_request_is_one_line_whatever_stands_between_its_values(end: bytes) -> None:
    """Another line within it would be a request of its own, which no limit was held against."""
    _, batches, _ = spec_of("OpenAI")
    other = b'{"custom_id":"x","method":"POST","url":"/v1/chat/completions","body":{"model":"n"}}'
    body = b'{"model":"m","text":"a\\nb","metadata":' + end + other + end + b"}"
    entry = API.entry("0", HttpRequest("POST", ASKED.path, (), body), batches)
    assert len(entry.splitlines()) == 1
    assert json.loads(entry)["body"] == json.loads(body)


def test_a_batch_that_had_no_room_is_told_from_one_that_failed() -> None:
    """The one is worth another try at the provider."""
    _, batches, target = spec_of("OpenAI")
    for code, is_crowded in (("token_limit_exceeded", True), ("invalid_json_line", False)):
        errors = {"object": "list", "data": [{"code": code}]}
        state = API.state(answer(id="b", status="failed", errors=errors), batches, target)
        assert (state.is_over, state.is_crowded) == (True, is_crowded)


def test_both_files_of_results_are_read_and_deleted() -> None:
    """And so is the file of the requests."""
    _, batches, target = spec_of("OpenAI")
    over = answer(id="b", status="expired", output_file_id="o", error_file_id="e")
    state = API.state(over, batches, target)
    assert [each.path for each in state.results] == ["/files/o/content", "/files/e/content"]
    gone = API.deletions(BegunBatch("b", "i"), state, batches, target)
    assert [(each.method, each.path) for each in gone] == [
        ("DELETE", f"/files/{name}") for name in "ioe"
    ]


def test_a_line_without_an_answer_is_one_that_was_not_made() -> None:
    """As those are of which a batch had no time."""
    found = API.result(b'{"custom_id":"7","response":null,"error":{"code":"batch_expired"}}')
    assert found is not None
    assert (found.name, found.response) == ("7", None)
