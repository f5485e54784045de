"""What an embedding request requires, and how one that is none is refused."""

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.operation import Requirements
from conduit_providers.operations.embed import OPERATION


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
