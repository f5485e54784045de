"""Moderations at OpenAI and Mistral."""

from typing import Any

import orjson
import pytest
from tests.support.replays import CATALOG

from conduit_kernel.errors import UpstreamError, UpstreamRateLimited
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.moderate import CODEC
from conduit_providers.operations.moderate import OPERATION, ModerateAnswer
from conduit_providers.quantities import Quantities, plain
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

Json = dict[str, Any]
OPENAI = CATALOG.find("OpenAI").endpoints["moderate"]
MISTRAL = CATALOG.find("Mistral").endpoints["moderate"]
TARGET = Target("P", "OpenAI", "https://x")
PARTS = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


def call_of(given: object, **members: object) -> Call[Any]:
    """Return a call."""
    form = OPERATION.plain_form(orjson.dumps({"input": given, **members}))
    return Call(form, alias="my-alias", model="mod", provider="P", dropped=[])


def sent(endpoint: Endpoint, given: object, **members: object) -> tuple[Json, list[str]]:
    """Return what goes out, and what was left out."""
    call = call_of(given, **members)
    body: Json = orjson.loads(CODEC.to_upstream(call, endpoint, TARGET).body)
    return body, call.dropped


def read(
    endpoint: Endpoint, results: object, given: object = "a", **members: object
) -> ModerateAnswer:
    """Return an answer."""
    body = orjson.dumps({"id": "1", "model": "mod", "results": results, **members})
    return CODEC.from_upstream(HttpResponse(200, {}, body), call_of(given), endpoint)


def test_the_model_is_named_where_the_caller_named_none() -> None:
    """By the provider's name."""
    assert sent(OPENAI, "a") == ({"model": "mod", "input": "a"}, [])
    assert sent(OPENAI, PARTS, model="my-alias")[0] == {"model": "mod", "input": PARTS}


def test_who_judges_texts_alone_gets_parts_as_one() -> None:
    """And texts as they are."""
    assert sent(MISTRAL, PARTS)[0]["input"] == ["a\nb"]
    assert sent(MISTRAL, ["a", "b"])[0]["input"] == ["a", "b"]


def test_judgements_without_a_verdict_get_one() -> None:
    """One category is enough; others stay as they are."""
    found = read(
        MISTRAL, [{"categories": {"x": False, "y": True}}, {"categories": {"x": False}}], ["a", "b"]
    )
    assert [each["flagged"] for each in orjson.loads(found.json)["results"]] == [True, False]
    told = b'{"results":[{"flagged":false,"categories":{"x":true}}],"n":1.50}'
    same = CODEC.from_upstream(HttpResponse(200, {}, told), call_of("a"), OPENAI)
    assert same.json == told


@pytest.mark.parametrize(
    ("given", "results"),
    [
        ("a", []),
        ("a", None),
        (["a", "b"], [{"flagged": False}]),
        (PARTS, [{"flagged": False}] * 2),
        ("a", [{}]),
        ("a", [{"flagged": "no"}]),
    ],
)
def test_a_judgement_that_is_missing_is_a_failure(given: object, results: object) -> None:
    """Silence must not look harmless."""
    with pytest.raises(UpstreamError):
        read(OPENAI, results, given)


def test_errors_in_good_answers_are_failures() -> None:
    """By what they say."""
    error = {"code": "rate_limit_exceeded", "message": "slow"}
    with pytest.raises(UpstreamRateLimited):
        read(OPENAI, None, error=error)


def test_what_is_free_uses_nothing() -> None:
    """Elsewhere it is what the provider counts, or else unknown."""
    usage = {"prompt_tokens": 5, "completion_tokens": 0, "total_tokens": 5}
    assert read(OPENAI, [{"flagged": False}], usage=usage).usage == Quantities()
    assert read(MISTRAL, [{"categories": {}}], usage=usage).usage == plain(5)
    assert read(MISTRAL, [{"categories": {}}]).usage is None
