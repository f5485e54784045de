"""What operations have in common, where they say nothing of their own."""

import pytest

from conduit_providers.calls import Call
from conduit_providers.operation import AnyOperation, estimate_tokens
from conduit_providers.operations import operation
from conduit_providers.operations.chat import chat_answer
from conduit_providers.spec import Endpoint

NAMES = ("chat", "converse", "embed", "rerank", "transcribe", "translate")


def named(name: str) -> AnyOperation:
    """Return an operation."""
    found = operation(name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_is_found_by_its_name(name: str) -> None:
    """The one that the contract gives its RPCs."""
    assert named(name).name == name


@pytest.mark.parametrize("name", ["", "nothing", "reading", "chat2"])
def test_what_this_version_does_not_do_is_none(name: str) -> None:
    """A newer contract may name more; what operations share is none of them."""
    assert operation(name) is None


def test_by_itself_a_call_is_whole_and_brings_no_media() -> None:
    """Operations that split or fetch say so."""
    rerank = named("rerank")
    form = rerank.form_of(named("rerank").form_of.__annotations__["request"]())
    call, endpoint = Call(form, alias="a", model="m"), Endpoint("x_rerank", "/")
    assert rerank.native_media(call, endpoint) is None
    assert list(rerank.media(form)) == []
    assert list(rerank.split(call, endpoint)) == [call]
    answer = chat_answer(usage=None, json=b"{}")
    assert rerank.join([answer]) is answer


@pytest.mark.parametrize(("characters", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2)])
def test_an_estimate_is_never_too_small_by_a_part(characters: int, tokens: int) -> None:
    """A part of a token is one."""
    assert estimate_tokens(characters) == tokens
