"""Calls in providers' own words, as routing and accounting see them."""

from conduit_providers.catalog import load_catalog
from conduit_providers.passthrough.operation import (
    MEDIA_TOKENS,
    OPERATIONS,
    PassedEmbed,
    PassedOperation,
)
from conduit_providers.passthrough.request import read_request
from conduit_providers.passthrough.rule import PassthroughRule
from conduit_providers.quantities import Quantities, plain
from conduit_providers.target import Target

BODY = b'{"model": "m", "max_tokens": 5, "n": 2}'


def _made(
    kind: type[PassedOperation] = PassedOperation, body: bytes = BODY, usage: str = "openai"
) -> PassedOperation:
    path = PassthroughRule(
        path="/chat",
        usage=usage,
        headers=frozenset({"anthropic-version"}),
        query=frozenset({"beta"}),
    )
    request = read_request(
        path, "/chat", [("beta", "a b")], [("Anthropic-Version", "2099-01-01")], body
    )
    return kind(request, "alias")


def test_requirements_are_the_aliass() -> None:
    """The model is known by the name that the operator gave it."""
    made = _made()
    found = made.requirements(BODY, stream=True)
    assert (found.model, found.operation, found.stream) == ("alias", "chat", True)
    assert (found.max_output, found.choices) == (5, 2)


def test_the_request_goes_as_it_came() -> None:
    """With what the caller says in the place of what is usual, and a query that is one again."""
    endpoint = load_catalog().find("Anthropic").endpoints["chat"]
    target = Target("p", "Anthropic", "https://a.example")
    sent = _made().to_upstream(endpoint, target)
    assert (sent.method, sent.path, sent.body) == ("POST", "/chat?beta=a+b", BODY)
    assert dict(sent.headers)["anthropic-version"] == "2099-01-01"


def test_the_worst_case_is_the_body_and_all_that_may_be_written() -> None:
    """For each choice; without a limit it is open, and media count as a whole context."""
    made = _made()
    form, required = made.form, made.requirements(BODY, stream=False)
    assert made.worst_case(form, required) == (plain(len(BODY), 10), True, None)
    assert made.worst_text(form, required) == (len(BODY), 10)
    open_ended = _made(body=b'{"model": "m", "a": {"image_url": ""}}')
    usage, is_bounded, _ = open_ended.worst_case(form, required)
    assert usage.input_tokens > MEDIA_TOKENS
    assert not is_bounded


def test_vectors_write_nothing() -> None:
    """So their worst case is known without a limit."""
    made = _made(PassedEmbed, b'{"model": "m"}')
    required = made.requirements(b"", stream=False)
    assert required.operation == "embed"
    assert made.worst_case(made.form, required) == (plain(14), True, None)


def test_what_is_free_uses_nothing() -> None:
    """At its worst, and where nobody counts."""
    made = _made(usage="free")
    assert made.worst_case(made.form, made.requirements(b"", stream=False)).usage == Quantities()
    assert made.worst_text(made.form, made.requirements(b"", stream=False)) is None
    assert made.estimate(made.form, None, 99, None, None) == Quantities()


def test_what_nobody_counts_is_estimated() -> None:
    """By the body's characters, and by what was handed out."""
    assert _made().estimate(_made().form, None, 3, None, None) == plain(10, 3)
    assert OPERATIONS.keys() == {"chat", "embed"}
