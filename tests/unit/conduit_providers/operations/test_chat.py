"""What a chat requires, what it may cost at most, and how one that is none is refused."""

import pytest
from tests.support.nonsense import deep

from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.json_limits import MAX_DEPTH, is_too_deep
from conduit_kernel.errors import InvalidRequest, MalformedJson, UpstreamError
from conduit_providers.operation import Requirements
from conduit_providers.operations.chat import OPERATION, chat_answer, chat_request, is_plain_json

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
        (b',"max_tokens":7,"max_completion_tokens":5', 7, True),
        (b',"max_tokens":5,"max_completion_tokens":7', 7, True),
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
    usage = OPERATION.estimate(form, None, 200, None, None)
    assert (usage.input_tokens, usage.output_tokens) == (1, 200)


def test_the_deepest_request_is_read_and_a_deeper_one_refused() -> None:
    """Every way has the same limit, whatever the dialect makes of the request."""
    body = b'{"model":"m",%b,"zz":%b}'
    assert chat_requirements(body % (HELLO, deep(MAX_DEPTH - 1))).model == "m"
    with pytest.raises(InvalidRequest, match="nested more than 200 levels deep") as refused:
        chat_requirements(body % (HELLO, deep(MAX_DEPTH)))
    assert refused.value.reason == "INVALID_REQUEST"


@pytest.mark.parametrize("name", ["Model", "MODEL", "mOdel"])
@pytest.mark.parametrize("value", [b'"o3-pro"', b"null", b"[]"])
def test_a_member_that_equals_model_but_for_case_is_refused(name: str, value: bytes) -> None:
    """Servers in Go would take it for the model, around the caller's models and the price."""
    with pytest.raises(InvalidRequest, match='did you mean "model"') as refused:
        chat_requirements(b'{"model":"m",%b,"%b":%b}' % (HELLO, name.encode(), value))
    assert refused.value.metadata["field"] == name


@pytest.mark.parametrize("name", [b"cachedContent", b"cached_content"])
def test_cached_content_that_is_no_name_is_none(name: bytes) -> None:
    """Nor what no double holds, which is the provider's to refuse."""
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"%b":%b}'
    assert chat_requirements(body % (name, b"-1e999")) == chat_requirements(body % (name, b"5"))


def test_of_two_models_the_last_one_counts() -> None:
    """As for most readers of JSON; codecs see to it that the provider gets no other."""
    assert chat_requirements(b'{"model":"a",%b,"model":"b"}' % HELLO).model == "b"


@pytest.mark.parametrize(
    "member", [b'"\xff":1', b'"zz":"\xff"', b'"zz":"\xed\xa0\x80"', b'"zz":"\\ud800"']
)
def test_what_is_no_text_is_malformed_also_where_nobody_reads_it(member: bytes) -> None:
    """It would reach the provider as it is."""
    with pytest.raises(MalformedJson):
        chat_requirements(b'{"model":"m",%b,%b}' % (HELLO, member))


@pytest.mark.parametrize("unknown", [b"nonsense", b"[]", deep(MAX_DEPTH + 1)])
def test_typed_requests_with_json_that_is_none_are_refused(unknown: bytes) -> None:
    """A caller over gRPC may put any bytes into members that are JSON."""
    form = chat_request(typed=ChatCompletionRequest(model="m", unknown_json=unknown))
    with pytest.raises(InvalidRequest):
        _ = form.json


def test_numbers_that_no_double_holds_are_malformed_where_they_are_read() -> None:
    """For dialects that need the request as a message."""
    form = chat_request(json=b'{"model":"m",%b,"zz":1e999}' % HELLO)
    with pytest.raises(MalformedJson):
        _ = form.typed


@pytest.mark.parametrize("member", [b'"id":7', b'"zz":1e999', b'"zz":%b' % deep(300)])
def test_answers_that_do_not_fit_the_contract_are_malformed(member: bytes) -> None:
    """Typed callers are told of the provider, which others may be asked instead of."""
    answer = chat_answer(usage=None, json=b'{"choices":[],%b}' % member)
    with pytest.raises(UpstreamError) as raised:
        answer.to_form(is_typed=True)
    assert raised.value.metadata["kind"] == "malformed"


@pytest.mark.parametrize(
    ("text", "is_plain"),
    [
        (deep(MAX_DEPTH), True),
        (deep(MAX_DEPTH + 1), False),
        (b"[{}" * (MAX_DEPTH // 2), True),
        (b"[{}" * (MAX_DEPTH // 2) + b"[" + b" " * MAX_DEPTH, False),
        ('{"content":"h\u00e9"}'.encode(), False),
    ],
)
def test_plain_json_is_within_the_limits_for_certain(text: bytes, *, is_plain: bool) -> None:
    """It is ASCII, and too short for more levels or without more brackets than there may be."""
    assert is_plain_json(text) is is_plain
    assert not (is_plain and is_too_deep(text))


def test_nothing_is_told_as_such() -> None:
    """Over gRPC it is a request whose form the caller forgot to set."""
    with pytest.raises(MalformedJson, match="The request is empty: it is neither JSON nor typed"):
        chat_requirements(b"")
