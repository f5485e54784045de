"""What an embedding request requires, and how one that is none is refused."""

import pytest
from tests.support.replays import CATALOG

from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.operation import MOST_PARTS, Requirements
from conduit_providers.operations.embed import OPERATION, embedding_request, has_tokens


def requirements(body: bytes) -> Requirements:
    """Read an embedding request."""
    return OPERATION.requirements(body, stream=False)


def test_embeddings_require_a_model_and_an_input() -> None:
    """Strings, lists of strings and tokens are all inputs; nothing is none."""
    assert requirements(b'{"model":"m","input":"x"}').model == "m"
    assert requirements(b'{"model":"m","input":[[1,2],[3]]}').operation == "embed"
    with pytest.raises(InvalidRequest):
        requirements(b'{"model":"m","input":[]}')
    with pytest.raises(InvalidRequest):
        requirements(b'{"input":"x"}')


@pytest.mark.parametrize(
    ("given", "is_tokens"),
    [
        (b'"x"', False),
        (b'["1","2"]', False),
        (b"[1,2]", True),
        (b"[[1,2],[3]]", True),
        (b" [ [1] ]", True),
    ],
)
def test_tokens_prefer_who_takes_them(given: bytes, *, is_tokens: bool) -> None:
    """One text, several, the tokens of one, and of several."""
    body = b'{"model":"m","input":%b}' % given
    assert requirements(body).capabilities == ({"token_input"} if is_tokens else set())
    assert has_tokens(Call(embedding_request(json=body), "m", "m")) is is_tokens


def test_a_call_becomes_so_many_and_no_more() -> None:
    """A limit of requests would count any number of them as one."""
    endpoint, titan = CATALOG.find("Bedrock").endpoints["embed"], "amazon.titan-embed-text-v2:0"
    assert endpoint.facts_of(titan).max_inputs == 1

    def parts(count: int) -> int:
        inputs = b",".join([b'"a"'] * count)
        form = embedding_request(json=b'{"model":"m","input":[%b]}' % inputs)
        return len(OPERATION.split(Call(form, "m", titan), endpoint))

    assert parts(MOST_PARTS) == MOST_PARTS
    with pytest.raises(InvalidRequest, match="would take 2,049 requests"):
        parts(MOST_PARTS + 1)
