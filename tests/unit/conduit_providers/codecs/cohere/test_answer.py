"""The pieces of Cohere's answers."""

import msgspec
import orjson
import pytest

from conduit.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
)
from conduit_kernel.errors import UpstreamError, UpstreamTimeout
from conduit_providers.codecs.cohere.answer import (
    Citation,
    Counts,
    Logprob,
    Source,
    annotations,
    chat_usage,
    finish_of,
    logprobs,
)
from conduit_providers.quantities import (
    CACHED_INPUT,
    IMAGE_INPUT,
    INPUT,
    MOST,
    OUTPUT,
    Quantities,
    counted,
    plain,
)


def counts(value: object) -> Counts:
    """Read counts."""
    return msgspec.convert(value, Counts)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"billed_units": {"input_tokens": 3.0, "output_tokens": 2},
          "tokens": {"input_tokens": 70}}, plain(3, 2)),
        ({"tokens": {"input_tokens": 70, "output_tokens": 2}}, plain(70, 2)),
        ({"billed_units": {"image_tokens": 5}}, counted(((IMAGE_INPUT, 5),))),
        ({"billed_units": {"input_tokens": 3}, "cached_tokens": 2},
         counted(((INPUT, 1), (CACHED_INPUT, 2)))),
        ({"billed_units": {"input_tokens": 3}, "cached_tokens": 50},
         counted(((CACHED_INPUT, 3),))),
        ({"billed_units": {"output_tokens": 1e300}},
         counted(((OUTPUT, MOST),), is_consistent=False)),
        ({"billed_units": {"output_tokens": -2}}, counted((), is_consistent=False)),
        ({"billed_units": {}, "tokens": {}}, None),
        ({"billed_units": {"images": 1}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_what_is_charged_is_counted(value: object, found: Quantities | None) -> None:
    """Not what the model saw, unless that is all that is told; no more is cached than was read."""
    assert counts(value).quantities() == found


def test_what_the_model_saw_is_told_beside_it() -> None:
    """In numbers that the contract holds."""
    reported = counts({"tokens": {"input_tokens": 70.0, "output_tokens": 1e300}})
    usage = chat_usage(counted(((INPUT, 1), (CACHED_INPUT, 2), (OUTPUT, 4))), reported)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (3, 4, 7)
    assert usage.prompt_tokens_details.cached_tokens == 2
    assert orjson.loads(usage.unknown_json) == {
        "tokens": {"input_tokens": 70, "output_tokens": MOST}
    }
    assert chat_usage(plain(1), counts({})).unknown_json == b""


@pytest.mark.parametrize(
    ("word", "reason", "native"),
    [
        ("COMPLETE", FINISH_REASON_STOP, None),
        ("STOP_SEQUENCE", FINISH_REASON_STOP, "STOP_SEQUENCE"),
        ("MAX_TOKENS", FINISH_REASON_LENGTH, None),
        ("TOOL_CALL", FINISH_REASON_TOOL_CALLS, None),
        ("ERROR_TOXIC", FINISH_REASON_CONTENT_FILTER, "ERROR_TOXIC"),
        ("complete", FINISH_REASON_STOP, "complete"),
    ],
)
def test_a_reason_is_told_and_kept_where_it_says_more(
    word: str, reason: int, native: str | None
) -> None:
    """A new one is not lost."""
    assert finish_of(word, None, "P") == (reason, native)


def test_a_broken_answer_is_a_failure() -> None:
    """With what the provider says of it, if it does."""
    with pytest.raises(UpstreamTimeout, match="P ran out of time"):
        finish_of("TIMEOUT", None, "P")
    with pytest.raises(UpstreamError, match="the generation failed"):
        finish_of("ERROR", None, "P")
    with pytest.raises(UpstreamError, match="It broke"):
        finish_of("ERROR", "It broke.", "P")


def test_citations_are_openais_annotations() -> None:
    """One for each source; of thoughts and plans there are none to tell."""
    cited = Citation(
        1,
        3,
        "ab",
        [Source("document", "d", {"title": "t", "url": "u"}), Source("tool", None, None, {"x": 1})],
    )
    found = annotations([cited, Citation(type="PLAN", sources=[Source()])])
    assert [each["url_citation"] for each in found] == [
        {"start_index": 1, "end_index": 3, "title": "t", "url": "u"},
        {"start_index": 1, "end_index": 3, "title": "", "url": ""},
    ]
    assert found[0]["source"] == {"type": "document", "id": "d"}
    assert annotations([Citation(sources=None), Citation(sources=[])]) == []


@pytest.mark.parametrize("start", [-1, 2**31])
def test_places_are_numbers_that_the_contract_holds(start: int) -> None:
    """Others make no sense."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"start": start}, Citation)


def test_probabilities_are_told_by_piece_of_text() -> None:
    """Those of several tokens are a sum."""
    found = orjson.loads(logprobs([Logprob("é", [1, 2], [-0.5, -1.0]), Logprob()]))
    assert found["content"] == [
        {
            "token": "é",
            "logprob": -1.5,
            "bytes": [195, 169],
            "top_logprobs": [],
            "token_ids": [1, 2],
        },
        {"token": "", "logprob": 0, "bytes": [], "top_logprobs": []},
    ]
