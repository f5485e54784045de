"""The pieces of Converse's answers; what caches cost is tested in test_cache_writes."""

import msgspec
import pytest

from conduit.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
)
from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.bedrock.answer import (
    Block,
    ConverseAnswer,
    answer_id,
    finish_of,
    thought_format,
)


def block(text: str) -> Block:
    """Read a block."""
    return msgspec.json.decode(text, type=Block)


@pytest.mark.parametrize(
    ("word", "reason", "native"),
    [
        ("end_turn", FINISH_REASON_STOP, None),
        ("max_tokens", FINISH_REASON_LENGTH, None),
        ("tool_use", FINISH_REASON_TOOL_CALLS, None),
        ("guardrail_intervened", FINISH_REASON_CONTENT_FILTER, "guardrail_intervened"),
        ("of a later version", FINISH_REASON_STOP, "of a later version"),
        ("", FINISH_REASON_STOP, ""),
    ],
)
def test_a_reason_is_told_and_kept_where_it_says_more(
    word: str, reason: int, native: str | None
) -> None:
    """A new one is not lost."""
    assert finish_of(word, "P", is_answer=False) == (reason, native)


def test_the_call_that_is_the_answer_is_no_call() -> None:
    """The caller has asked for an answer by a schema."""
    assert finish_of("tool_use", "P", is_answer=True) == (FINISH_REASON_STOP, None)
    assert finish_of("max_tokens", "P", is_answer=True).reason == FINISH_REASON_LENGTH


@pytest.mark.parametrize("word", ["malformed_model_output", "malformed_tool_use"])
def test_a_model_that_tripped_gave_no_answer(word: str) -> None:
    """Asked again it may do better."""
    with pytest.raises(UpstreamError, match="P: the model failed") as raised:
        finish_of(word, "P", is_answer=False)
    assert raised.value.metadata["upstream_code"] == word


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"text":"a"}', "a"),
        ('{"citationsContent":{"content":[{"text":"a"},{},{"text":"b"}]}}', "ab"),
        ('{"citationsContent":{"content":null}}', ""),
        ('{"image":{}}', ""),
    ],
)
def test_words_are_said_plainly_or_with_their_sources(text: str, words: str) -> None:
    """Blocks of other kinds have none."""
    assert block(text).words == words


def test_calls_that_the_provider_answers_itself_are_not_the_callers() -> None:
    """Whether others have a type or not."""
    for kind, is_ours in (("null", True), ('"tool_use"', True), ('"server_tool_use"', False)):
        found = block(f'{{"toolUse":{{"toolUseId":"t","name":"f","type":{kind}}}}}')
        assert (found.call is not None) is is_ours
    assert block('{"text":"a"}').call is None


@pytest.mark.parametrize("text", ["{}", '{"output":{}}', '{"output":{"message":{"content":[]}}}'])
def test_an_answer_without_a_message_has_no_blocks(text: str) -> None:
    """Whether it is one is for the codec to say."""
    assert msgspec.json.decode(text, type=ConverseAnswer).blocks == []


def test_an_answer_goes_by_the_id_of_its_request() -> None:
    """A proxy may have kept that to itself."""
    assert answer_id({"x-amzn-requestid": "r"}, 7) == "r"
    assert answer_id({}, 7) == answer_id({"x-amzn-requestid": ""}, 7) == "chatcmpl-bedrock-7"


def test_claudes_thoughts_are_good_wherever_claude_is() -> None:
    """Others' are Bedrock's."""
    assert thought_format("us.anthropic.claude-x") == "anthropic-claude-v1"
    assert thought_format("amazon.nova-pro-v1:0") == "amazon-bedrock-v1"
