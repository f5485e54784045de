"""What a chat requires, what it may cost at most, and how one that is none is refused."""

import pytest

from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.operation import Requirements
from conduit_providers.operations.chat import OPERATION, chat_request

HELLO = b'"messages":[{"role":"user","content":"hi"}]'


def chat_requirements(body: bytes, *, stream: bool = False) -> Requirements:
    """Read a chat request."""
    return OPERATION.requirements(body, stream=stream)


def test_the_fields_that_routing_needs() -> None:
    """Model, stream and usage wish; unknown members do not matter."""
    required = chat_requirements(
        b'{"model":"m",%b,"stream_options":{"include_usage":true},"new":[{}]}' % HELLO, stream=True
    )
    assert (required.model, required.stream, required.include_usage) == ("m", True, True)
    assert not required.capabilities


@pytest.mark.parametrize(
    ("extra", "capability"),
    [
        (b',"tools":[{"type":"function"}]', "tools"),
        (b',"response_format":{"type":"json_schema"}', "json_schema"),
        (b',"response_format":{"type":"json_object"}', "json_object"),
    ],
)
def test_capabilities_of_the_request(extra: bytes, capability: str) -> None:
    """What is asked for beyond plain words."""
    assert chat_requirements(b'{"model":"m",%b%b}' % (HELLO, extra)).capabilities == {capability}


@pytest.mark.parametrize(
    ("kind", "capability"),
    [("image_url", "vision"), ("input_audio", "audio"), ("file", "files")],
)
def test_capabilities_of_the_parts(kind: str, capability: str) -> None:
    """A picture anywhere in the conversation needs a model that sees."""
    part = b'{"type":"%b"}' % kind.encode()
    body = b'{"model":"m","messages":[{"role":"user","content":[%b]}]}' % part
    assert chat_requirements(body).capabilities == {capability}


def test_the_word_alone_is_no_picture() -> None:
    """A tool that has an argument called image_url does not make the request one of vision."""
    body = b'{"model":"m",%b,"metadata":{"image_url":"file"}}' % HELLO
    assert not chat_requirements(body).capabilities


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{%b}" % HELLO, "model"),
        (b'{"model":1,%b}' % HELLO, "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[]}', "messages"),
        (b'{"model":"m","messages":"hi"}', "messages"),
        (b'{"model":"m",%b,"temperature":"hot"}' % HELLO, "temperature"),
        (b'{"model":"m",%b,"stream":"yes"}' % HELLO, "stream"),
        (b'{"model":"m",%b,"max_tokens":1.5}' % HELLO, "max_tokens"),
        (b"[]", ""),
    ],
)
def test_a_wrong_type_names_its_field(body: bytes, field: str) -> None:
    """The caller learns which field to correct."""
    with pytest.raises(InvalidRequest) as refused:
        chat_requirements(body)
    assert refused.value.reason == "INVALID_REQUEST"
    assert refused.value.metadata["field"] == field


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nonsense", b'{"model":"m",%b} tail' % HELLO, b"\xff\xfe"]
)
def test_what_is_not_json_is_told_so(body: bytes) -> None:
    """And not taken for a missing field."""
    with pytest.raises(MalformedJson):
        chat_requirements(body)


@pytest.mark.parametrize(
    ("extra", "written", "is_bounded"),
    [
        (b"", 0, False),
        (b',"max_tokens":7', 7, True),
        (b',"max_tokens":7,"max_completion_tokens":5', 5, True),
        (b',"max_tokens":7,"n":3', 21, True),
        (b',"max_tokens":-1', 0, True),
    ],
)
def test_the_worst_case_counts_every_byte_and_every_choice(
    extra: bytes, written: int, *, is_bounded: bool
) -> None:
    """No tokenizer makes more tokens than bytes, and no answer is longer than asked for."""
    form = chat_request(json=b'{"model":"m",%b%b}' % (HELLO, extra))
    worst = OPERATION.worst_case(form, chat_requirements(form.json))
    assert worst.usage.input_tokens == len(form.json)
    assert (worst.usage.output_tokens, worst.is_bounded) == (written, is_bounded)


def test_an_estimate_counts_what_was_said_and_handed_out() -> None:
    """Four characters a token for what is read; what was streamed the decoder has counted."""
    form = chat_request(json=b'{"model":"m",%b}' % HELLO)
    usage = OPERATION.estimate(form, None, 200, None)
    assert (usage.input_tokens, usage.output_tokens) == (1, 200)
