"""Operations in callers' words: what all of them have in common."""

import pytest
from tests.support.operations import form_of

from conduit_providers.inbound.caller_operation import CallerOperation, estimated_tokens
from conduit_providers.operation import WorstCase
from conduit_providers.operations import INBOUND, operation
from conduit_providers.quantities import plain

REQUESTS = {
    "message": b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hello you"}]}',
    "response": b'{"model":"m","max_output_tokens":9,"input":"hello you"}',
    "completion": b'{"model":"m","max_tokens":9,"prompt":"hello you"}',
}
# What is said in no chat.
OWN = {
    "message": b'{"model":"m","messages":[{"role":"user","content":[{"type":"upload"}]}]}',
    "response": b'{"model":"m","input":"hello","previous_response_id":"resp_1"}',
    "completion": b'{"model":"m","prompt":"hello","suffix":"you"}',
}


def named(name: str) -> CallerOperation:  # type: ignore[type-arg] # of any
    """Return the operation of a dialect."""
    found = operation(name)
    assert isinstance(found, CallerOperation)
    return found


def test_each_is_a_chat() -> None:
    """To routing, circuits, limits and charges."""
    assert set(REQUESTS) <= set(INBOUND)
    assert {named(name).name for name in REQUESTS} == {"chat"}
    assert {named(name).served_as for name in REQUESTS} == set(REQUESTS)


@pytest.mark.parametrize("name", REQUESTS)
def test_each_counts_as_the_chat_that_it_is(name: str) -> None:
    """Of the same words the same estimate; a byte is at most a token."""
    found, body = named(name), REQUESTS[name]
    form = found.plain_form(body)
    assert estimated_tokens(form) == 3
    requirements = found.requirements(body, stream=False)
    assert found.worst_case(form, requirements) == WorstCase(plain(len(body), 9), is_bounded=True)


# Three answers of nine tokens each, however they are asked for.
SEVERAL = [
    ("chat", b'{"model":"m","max_tokens":9,"n":3,"messages":[{"role":"user","content":"a"}]}'),
    ("completion", b'{"model":"m","max_tokens":9,"prompt":"a","n":3}'),
    ("completion", b'{"model":"m","max_tokens":9,"prompt":"a","n":2,"best_of":3}'),
    ("completion", b'{"model":"m","max_tokens":9,"prompt":["a","b","c"]}'),
    *(
        (
            "content",
            b'{"model":"m","contents":[{}],"generationConfig":%b,"generation_config":%b}' % configs,
        )
        for configs in (
            (b'{"maxOutputTokens":9,"candidateCount":3}', b"null"),
            (b"null", b'{"max_output_tokens":9,"candidate_count":3}'),
            (
                b'{"maxOutputTokens":1,"candidateCount":1}',
                b'{"max_output_tokens":9,"candidate_count":3}',
            ),
            (
                b'{"maxOutputTokens":9,"candidateCount":3}',
                b'{"max_output_tokens":-9,"candidate_count":-3}',
            ),
        )
    ),
]


@pytest.mark.parametrize(("name", "body"), SEVERAL)
def test_what_is_made_several_times_is_foreseen_as_often(name: str, body: bytes) -> None:
    """In the short form, which hard budgets go by, as in the long one."""
    found = operation(name)
    assert found is not None
    form = form_of(name, body)
    requirements = found.requirements(form.json, stream=False)
    assert found.worst_text(form, requirements) == (len(form.json), 27)
    assert found.worst_case(form, requirements) == WorstCase(
        plain(len(form.json), 27), is_bounded=True
    )


@pytest.mark.parametrize("name", OWN)
def test_what_no_chat_can_say_is_estimated_by_its_length(name: str) -> None:
    """It goes to the dialect's own provider alone."""
    form = named(name).plain_form(OWN[name])
    assert estimated_tokens(form) == -(-len(OWN[name]) // 4)
