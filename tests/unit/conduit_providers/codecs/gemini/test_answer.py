"""The pieces of Gemini's answers."""

import msgspec
import orjson
import pytest

from conduit_kernel.errors import ContentPolicy, UpstreamError
from conduit_providers.codecs.gemini.answer import (
    Candidate,
    Counts,
    Logprobs,
    answer_json,
    extras_json,
    logprobs_json,
    read_response,
)
from conduit_providers.quantities import (
    AUDIO_INPUT,
    CACHED_AUDIO_INPUT,
    CACHED_INPUT,
    IMAGE_OUTPUT,
    INPUT,
    OUTPUT,
    REASONING,
)


def counts(value: object) -> Counts:
    """Read counts."""
    return msgspec.convert(value, Counts)


def candidate(text: bytes) -> Candidate:
    """Read a candidate."""
    return msgspec.json.decode(text, type=Candidate)


def test_counts_are_taken_apart_by_kind_and_by_cache() -> None:
    """What own tools brought is read, too; what was thought stands beside the words."""
    found = counts(
        {
            "promptTokenCount": 20,
            "toolUsePromptTokenCount": 5,
            "candidatesTokenCount": 9,
            "thoughtsTokenCount": 3,
            "cachedContentTokenCount": 6,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}, {"modality": "NEW"}],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 2}],
            "trafficType": "ON_DEMAND_FLEX",
        }
    ).quantities()
    assert dict(found.leaves) == {
        INPUT: 13,
        AUDIO_INPUT: 6,
        CACHED_INPUT: 2,
        CACHED_AUDIO_INPUT: 4,
        OUTPUT: 7,
        IMAGE_OUTPUT: 2,
        REASONING: 3,
    }
    assert found.qualifiers == (("service_tier", "flex"),)
    assert found.is_consistent


def test_parts_that_are_more_than_the_whole_are_marked() -> None:
    """The totals count then."""
    details = [{"modality": "AUDIO", "tokenCount": 10}]
    found = counts({"promptTokenCount": 3, "promptTokensDetails": details}).quantities()
    assert (found.leaves, found.is_consistent) == (((INPUT, 3),), False)


@pytest.mark.parametrize(
    ("value", "tier"),
    [
        ({}, ""),
        ({"serviceTier": "STANDARD"}, "default"),
        ({"serviceTier": "priority", "trafficType": "ON_DEMAND"}, "priority"),
        ({"trafficType": "ON_DEMAND_PRIORITY"}, "priority"),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned_throughput"),
    ],
)
def test_tiers_have_openais_names(value: object, tier: str) -> None:
    """Those of a later version their own."""
    assert counts(value).tier == tier


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"nonsense", UpstreamError),
        (b"7", UpstreamError),
        (b'{"candidates":[{"index":-1}]}', UpstreamError),
        (b'{"error":{"code":503,"message":"No."}}', UpstreamError),
        (b'{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"No."}}', ContentPolicy),
    ],
)
def test_failures_inside_of_answers_are_failures(body: bytes, kind: type[UpstreamError]) -> None:
    """By their class, with Google's word."""
    with pytest.raises(kind) as raised:
        read_response(body, "P")
    assert type(raised.value) is kind
    if kind is ContentPolicy:
        assert raised.value.metadata["upstream_code"] == "SAFETY"
        assert "No." in raised.value.message


def test_feedback_beside_an_answer_hides_it_not() -> None:
    """Nor does feedback that blocks nothing."""
    body = b'{"promptFeedback":{"blockReason":"OTHER"},"candidates":[{}]}'
    assert read_response(body, "P").candidates
    assert read_response(b'{"promptFeedback":{}}', "P").candidates is None


def test_the_words_of_a_block_are_bounded() -> None:
    """Whatever a provider sends."""
    body = orjson.dumps(
        {"promptFeedback": {"blockReason": "x" * 9999, "blockReasonMessage": "y" * 9999}}
    )
    with pytest.raises(ContentPolicy) as raised:
        read_response(body, "P")
    assert len(raised.value.message) < 700


def test_probabilities_are_openais() -> None:
    """There may be fewer alternatives than tokens."""
    found = msgspec.convert(
        {
            "chosenCandidates": [{"token": "é", "logProbability": -0.5}, {"token": "b"}],
            "topCandidates": [{"candidates": [{"token": "c", "logProbability": -1}]}],
        },
        Logprobs,
    )
    content = orjson.loads(logprobs_json(found))["content"]
    assert [each["token"] for each in content] == ["é", "b"]
    assert content[0]["bytes"] == [195, 169]
    assert [len(each["top_logprobs"]) for each in content] == [1, 0]
    assert logprobs_json(None) == logprobs_json(Logprobs()) == b""


def test_what_openai_has_no_word_for_is_told_as_it_is() -> None:
    """Under names as Google's own dialect of OpenAI has them; nothing where that is no JSON."""
    found = candidate(b'{"safetyRatings":[{"a":1}],"finishMessage":1e999,"content":null}')
    assert orjson.loads(extras_json(found)) == {
        "extra_content": {"google": {"safety_ratings": [{"a": 1}], "finish_message": None}}
    }
    assert extras_json(Candidate()) == b""
    assert found.parts == ()


def test_what_is_told_of_the_prompt_and_the_model_is_handed_out() -> None:
    """In the same place; a prompt that nothing is said of says nothing."""
    said = b'{"promptFeedback":{"safetyRatings":[{"a":1}]},"modelStatus":{"message":"Retires"}}'
    assert orjson.loads(answer_json(read_response(said, "P"))) == {
        "extra_content": {
            "google": {
                "prompt_feedback": {"safety_ratings": [{"a": 1}]},
                "model_status": {"message": "Retires"},
            }
        }
    }
    assert answer_json(read_response(b'{"promptFeedback":{}}', "P")) == b""


@pytest.mark.parametrize(
    "told", [{"serviceTier": "unspecified"}, {"trafficType": "TRAFFIC_TYPE_UNSPECIFIED"}]
)
def test_a_tier_that_is_none_is_the_usual_one(told: dict[str, str]) -> None:
    """Otherwise it would be one that nobody has a price for."""
    assert counts(told).quantities().qualifiers == ()
