"""What routing reads of a request, and how it refuses what is none."""

import pytest

from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_router.routing.requirements import chat_requirements, embedding_requirements

HELLO = b'"messages":[{"role":"user","content":"hi"}]'


def test_the_fields_that_routing_needs() -> None:
    """Model, stream and usage wish; unknown members do not matter."""
    wants = chat_requirements(
        b'{"model":"m",%b,"stream":true,"stream_options":{"include_usage":true},"new":[{}]}' % HELLO
    )
    assert (wants.model, wants.stream, wants.include_usage) == ("m", True, True)
    assert not wants.capabilities


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


def test_embeddings_want_a_model_and_an_input() -> None:
    """Strings, lists of strings and tokens are all inputs; nothing is none."""
    assert embedding_requirements(b'{"model":"m","input":"x"}').model == "m"
    assert embedding_requirements(b'{"model":"m","input":[[1,2],[3]]}').operation == "embed"
    with pytest.raises(InvalidRequest):
        embedding_requirements(b'{"model":"m","input":[]}')
    with pytest.raises(InvalidRequest):
        embedding_requirements(b'{"input":"x"}')
