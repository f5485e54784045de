"""What the OpenAI dialect does with bytes it does not take apart."""

import random

import orjson
import pytest
from tests.support.nonsense import deep

from conduit.v1.json_limits import MAX_DEPTH
from conduit_kernel.errors import InvalidRequest, StreamInterrupted, UpstreamError
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.openai.chat import CODEC
from conduit_providers.codecs.openai.options import ChatOptions
from conduit_providers.codecs.openai.usage import read_usage
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.quantities import (
    AUDIO_INPUT,
    CACHED_INPUT,
    INPUT,
    OUTPUT,
    REASONING,
    Quantities,
    counted,
    plain,
)
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

TARGET = Target("P", "OpenAI", "https://a.example")
PLAIN = Endpoint("openai_chat", "/chat", options=ChatOptions())
PICKY = Endpoint(
    "openai_chat",
    "/chat",
    drop=frozenset({"logit_bias", "stream_options"}),
    rename={"max_completion_tokens": "max_tokens"},
    drop_in_messages=frozenset({"name"}),
    options=ChatOptions(developer_role="system"),
)


def call_of(raw: bytes, *, stream: bool = False, include_usage: bool = False) -> ChatCall:
    """Return a call whose caller names the model `alias`."""
    return ChatCall(
        chat_request(json=raw),
        alias="alias",
        model='gpt-"4"',
        provider="P",
        stream=stream,
        include_usage=include_usage,
    )


def sent(raw: bytes, endpoint: Endpoint = PLAIN, *, stream: bool = False) -> bytes:
    """Return the body that goes out."""
    return CODEC.to_upstream(call_of(raw, stream=stream), endpoint, TARGET).body


def test_ordinary_body_keeps_its_bytes() -> None:
    """Only the model's name is another; spaces, order and numbers stay as they were."""
    raw = b'{ "temperature":1.00, "model" : "alias", "x":1e2, "messages":[] }'
    assert sent(raw) == b'{ "temperature":1.00, "model":"gpt-\\"4\\"", "x":1e2, "messages":[] }'


def test_stream_asks_for_usage() -> None:
    """Usage is asked for where the caller did not; the rest keeps its bytes."""
    raw = b'{"model":"alias","messages":[],"stream": true}'
    asked = b'{"stream_options":{"include_usage":true},'
    assert sent(raw, stream=True) == asked + b'"model":"gpt-\\"4\\"","messages":[],"stream": true}'


@pytest.mark.parametrize(
    "options", [b'{"include_obfuscation":false}', b'{"include_usage":false}', b"null"]
)
def test_stream_options_of_the_caller_are_kept(options: bytes) -> None:
    """What else the caller wants of a stream is not lost."""
    raw = b'{"model":"alias","messages":[],"stream":true,"stream_options":%b}' % options
    body = orjson.loads(sent(raw, stream=True))
    assert body["stream_options"] == {**(orjson.loads(options) or {}), "include_usage": True}


def test_stream_options_are_left_out_where_they_are_refused() -> None:
    """An endpoint without them is neither asked nor is that noted: the usage comes all the same."""
    raw = b'{"model":"alias","messages":[],"stream":true,"stream_options":{"include_usage":true}}'
    call = call_of(raw, stream=True, include_usage=True)
    body = orjson.loads(CODEC.to_upstream(call, PICKY, TARGET).body)
    assert "stream_options" not in body
    assert call.dropped == []


VALUES: list[object] = [
    "alias",
    "model",
    '"model":"alias"',
    'a \\"model\\" b',
    "stream",
    {"model": "alias"},
    {"stream": True, "logit_bias": 1},
    ["model", "stream", None],
    None,
    True,
    7,
    "é\x01ü",
]
NAMES = ["x", "model", "stream", "logit_bias", "max_completion_tokens", "max_tokens", "mod\u0065l"]


def random_request(rng: random.Random, *, stream: bool) -> dict[str, object]:
    """Return a request with whatever could be taken for something else."""
    request: dict[str, object] = {rng.choice(NAMES): rng.choice(VALUES) for _ in range(4)}
    request["messages"] = [
        {"role": "user", "content": rng.choice(["model", '"stream":true', "\u006dodel"])},
        {"role": rng.choice(["developer", "user"]), "content": [rng.choice(VALUES)], "name": "n"},
    ]
    request["model"] = "alias"
    request.pop("stream", None)
    if stream:
        request["stream"] = True
    return request


def written(request: dict[str, object], rng: random.Random) -> bytes:
    """Write a request as one of the ways that clients do, escapes in names included."""
    raw = orjson.dumps(request, option=rng.choice([0, orjson.OPT_INDENT_2]))
    if rng.random() < 0.3:
        raw = raw.replace(b"logit_bias", b"logit\\u005fbias").replace(b'"model"', b'"\\u006dodel"')
    return raw


def expected(request: dict[str, object], endpoint: Endpoint, *, stream: bool) -> dict[str, object]:
    """Return what must go out, worked out on the object instead of the bytes."""
    body = orjson.loads(orjson.dumps(request)) | {"model": 'gpt-"4"'}
    if stream and "stream_options" not in endpoint.drop:
        body["stream_options"] = {"include_usage": True}
    for name in endpoint.drop:
        body.pop(name, None)
    for old, new in endpoint.rename.items():
        if old in body:
            value = body.pop(old)
            body.setdefault(new, value)
    for message in body["messages"]:
        for name in endpoint.drop_in_messages:
            message.pop(name, None)
        if message["role"] == "developer":
            message["role"] = endpoint.options.developer_role or "developer"
    return dict(body)


@pytest.mark.parametrize("endpoint", [PLAIN, PICKY], ids=["plain", "picky"])
@pytest.mark.parametrize("stream", [False, True])
def test_bytes_and_object_mean_the_same(endpoint: Endpoint, stream: bool) -> None:  # noqa: FBT001 # a parameter
    """Whatever a body holds, splicing gives what reading and writing would."""
    rng = random.Random(7)  # noqa: S311 # a test needs no secret
    for _ in range(3000):
        request = random_request(rng, stream=stream)
        raw = written(request, rng)
        found = orjson.loads(sent(raw, endpoint, stream=stream))
        assert found == expected(request, endpoint, stream=stream), raw


@pytest.mark.parametrize("raw", [b"[]", b"7", b"{", b"\xff"])
def test_body_that_is_no_object_is_refused(raw: bytes) -> None:
    """A body that cannot be a request is the caller's error."""
    with pytest.raises(InvalidRequest):
        sent(raw)


def test_renamed_limit_gives_way_to_one_of_the_new_name() -> None:
    """Where both are given, the provider's own name wins."""
    raw = b'{"model":"alias","messages":[],"max_completion_tokens":9,"max_tokens":3}'
    assert orjson.loads(sent(raw, PICKY))["max_tokens"] == 3


CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":%d,"delta":{"role":"assistant","content":"%b"},"finish_reason":%b}]}\n\n'
)


def streamed(*pieces: bytes, include_usage: bool = False) -> bytes:
    """Return the events that pieces of a stream give."""
    decoder = CODEC.decoder(call_of(b"{}", stream=True, include_usage=include_usage), PLAIN)
    found = [decoder.feed(piece) for piece in pieces]
    found.append(None if decoder.done else decoder.close())
    return b"".join(events.sse for events in found if events)


def test_comments_and_fields_are_left_out() -> None:
    """Keep-alives, ids and names of events are not passed on; lines of one event are joined."""
    last = (CHUNK % (0, b"b", b'"stop"')).replace(b'"role":"assistant",', b"")
    said = b'"object":"chat.completion.chunk",'
    said += b'"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
    first = b"id: 7\nevent: message\ndata: {\ndata:" + said
    whole = b"data: { " + said + last
    assert streamed(b": keep-alive\n\n" + first + last + b"data: [DONE]\n\n") == whole
    assert streamed(first, last, b"data: [DONE]\n\n") == whole


def test_stream_without_done_is_complete_when_every_choice_is() -> None:
    """Some servers just hang up; all choices must have finished, and the end be clean."""
    first, second = CHUNK % (0, b"a", b'"stop"'), CHUNK % (1, b"b", b"null")
    assert streamed(first) == first
    assert streamed(first.removesuffix(b"\n\n")) == first
    with pytest.raises(StreamInterrupted):
        streamed(first + second)
    with pytest.raises(StreamInterrupted):
        streamed(b"")


def test_nothing_after_done_is_passed_on() -> None:
    """The end is the end."""
    last = CHUNK % (0, b"a", b'"stop"')
    assert streamed(last + b"data: [DONE]\n\n" + last) == last
    assert streamed(last, b"data: [DONE]", b"") == last


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {nope\n\n",
        b"data: 7\n\n",
        b"data: {}\n\n",
        b'data: {"choices":7}\n\n',
        b'data: {"choices":[{"index":"x"}]}\n\n',
        b"data: \xff\xfe\n\n",
        b"data: hello\n\n",
    ],
)
def test_garbage_raises(garbage: bytes) -> None:
    """An event that is no chunk is an error, never silence."""
    with pytest.raises(UpstreamError) as raised:
        streamed(garbage)
    assert raised.value.metadata["kind"] == "malformed"


def test_event_without_end_is_bounded() -> None:
    """Memory is bounded however long an event grows."""
    decoder = CODEC.decoder(call_of(b"{}", stream=True), PLAIN)
    half = b"x" * (MAX_EVENT_BYTES // 2)
    assert decoder.feed(half) is None
    assert decoder.feed(half) is None
    with pytest.raises(UpstreamError, match="event of more than"):
        decoder.feed(b"x")


def test_random_bytes_never_crash_a_decoder() -> None:
    """Whatever arrives, the decoder gives events or one of our errors."""
    rng = random.Random(11)  # noqa: S311 # a test needs no secret
    alphabet = [
        b"data: ",
        b"{",
        b"}",
        b'"choices":[',
        b"]",
        b"\n",
        b"\n\n",
        b"\r",
        b":",
        b"\xff",
        b"[DONE]",
    ]
    for _ in range(2000):
        raw = b"".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 30)))
        decoder = CODEC.decoder(call_of(b"{}", stream=True), PLAIN)
        try:
            decoder.feed(raw)
            decoder.close()
        except UpstreamError:
            continue
        assert decoder.done


@pytest.mark.parametrize(
    ("told", "expected_usage"),
    [
        (None, None),
        ({}, None),
        ("many", None),
        ({"prompt_tokens": "3", "completion_tokens": "4"}, plain(3, 4)),
        ({"prompt_tokens": 3, "total_tokens": 3}, plain(3)),
        (
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 141,
                "completion_tokens_details": {"reasoning_tokens": 100},
            },
            counted([(INPUT, 32), (OUTPUT, 9), (REASONING, 100)]),
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 7,
                "total_tokens": 16,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": None},
            },
            counted([(INPUT, 3), (AUDIO_INPUT, 2), (CACHED_INPUT, 4), (OUTPUT, 2), (REASONING, 5)]),
        ),
    ],
)
def test_usage_counts_everything_once(told: object, expected_usage: Quantities | None) -> None:
    """Reasoning is part of the output, also with providers that count it apart."""
    counts = read_usage(told)
    assert (counts.quantities() if counts is not None else None) == expected_usage
    whole = {"choices": [{"message": {}}], "usage": told}
    answer = CODEC.from_upstream(HttpResponse(200, {}, orjson.dumps(whole)), call_of(b"{}"), PLAIN)
    assert answer.usage == expected_usage


def test_a_byte_order_mark_is_passed_over() -> None:
    """Servers on Windows put one before their streams; no caller could read it."""
    last = CHUNK % (0, b"b", b'"stop"')
    assert streamed(b"\xef\xbb\xbf" + last + b"data: [DONE]\n\n") == last


@pytest.mark.parametrize("value", [b"false", b" false", b"null"])
def test_a_stream_that_is_not_wanted_changes_nothing(value: bytes) -> None:
    """Many clients say so in every request; only the model's name differs then."""
    raw = b'{"model":"alias","stream":%b,"messages": []}' % value
    assert sent(raw) == b'{"model":"gpt-\\"4\\"","stream":%b,"messages": []}' % value


def test_a_call_that_became_whole_is_sent_so() -> None:
    """Whatever the request's own word was."""
    assert orjson.loads(sent(b'{"model":"alias","messages":[],"stream":true}')) == {
        "model": 'gpt-"4"',
        "messages": [],
    }


def test_of_two_models_the_provider_gets_the_one_that_was_routed_by() -> None:
    """Also where it has the alias's own name, and the body would pass as it is."""
    call = call_of(b'{"model":"o3-pro","messages":[],"model":"alias"}')
    call.model = "alias"
    assert CODEC.to_upstream(call, PLAIN, TARGET).body == b'{"model":"alias","messages":[]}'


@pytest.mark.parametrize("depth", [MAX_DEPTH, 300, 1100, 5000])
def test_answers_that_are_nested_too_deep_are_malformed(depth: int) -> None:
    """Whole and streamed, before a reader or a writer gives up on them."""
    choice = b'"choices":[{"index":0,"message":{},"delta":{},"finish_reason":"stop"}]'
    body = b'{%b,"zz":%b}' % (choice, deep(depth))
    with pytest.raises(UpstreamError) as whole:
        CODEC.from_upstream(HttpResponse(200, {}, body), call_of(b"{}"), PLAIN)
    decoder = CODEC.decoder(call_of(b"{}", stream=True), PLAIN)
    with pytest.raises(UpstreamError) as streamed_one:
        decoder.feed(b"data: %b\n\n" % body)
    assert whole.value.metadata["kind"] == streamed_one.value.metadata["kind"] == "malformed"
