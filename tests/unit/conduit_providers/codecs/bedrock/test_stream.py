"""What a hostile or broken ConverseStream does to its decoder: never harm, never half an answer."""

import random
from binascii import crc32
from collections.abc import Iterable, Mapping
from struct import pack

import orjson
import pytest
from tests.support.eventstream import event, frame

from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.bedrock.stream import ConverseStreamDecoder
from conduit_providers.operations.chat import ChatCall, chat_request

WORDS = ["Hello", ", ", "wörld ✨", "!"]


def decoder(headers: Mapping[str, str] | None = None) -> ConverseStreamDecoder:
    """Return a fresh decoder of a plain chat, whose answer has these headers."""
    raw = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
    call = ChatCall(
        chat_request(json=raw),
        alias="m",
        model="m",
        provider="Prod",
        stream=True,
        include_usage=True,
        created=1795435200,
    )
    call.answer_headers = headers or {}
    return ConverseStreamDecoder(call, "")


def delta(text: str) -> bytes:
    """Return an event with words."""
    return event("contentBlockDelta", orjson.dumps({"delta": {"text": text}}))


def answer(words: Iterable[str]) -> bytes:
    """Return a whole stream."""
    usage = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}
    return b"".join(
        (
            event("messageStart", b'{"role":"assistant"}'),
            *map(delta, words),
            event("messageStop", b'{"stopReason":"end_turn"}'),
            event("metadata", orjson.dumps({"usage": usage})),
        )
    )


def read(pieces: Iterable[bytes]) -> str:
    """Return the words of a stream that arrives in pieces, if it is whole."""
    reader, found = decoder(), []
    for piece in pieces:
        if events := reader.feed(piece):
            found += [choice.delta.content for c in events.chunks for choice in c.choices]
    reader.close()
    return "".join(found)


@pytest.mark.parametrize(
    ("headers", "name"),
    [({"x-amzn-requestid": "ca47a5ce"}, "ca47a5ce"), ({}, "chatcmpl-bedrock-1795435200")],
)
def test_all_chunks_have_the_id_of_the_request(headers: Mapping[str, str], name: str) -> None:
    """Events have none; a proxy may keep the header to itself, and there is an id all the same."""
    events = decoder(headers).feed(answer(WORDS))
    assert events is not None
    assert [chunk.id for chunk in events.chunks] == [name] * (len(WORDS) + 3)


def test_words_arrive_whatever_the_pieces() -> None:
    """Random cuts give the same words."""
    body, dice = answer(WORDS), random.Random(7)  # noqa: S311 # no secret
    for _ in range(50):
        cuts = sorted(dice.sample(range(1, len(body)), dice.randint(1, 20)))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        assert read(pieces) == "".join(WORDS)


def test_no_changed_byte_goes_unnoticed() -> None:
    """Checksums cover everything: a stream with one wrong byte is no whole answer."""
    body, dice = answer(WORDS), random.Random(7)  # noqa: S311 # no secret
    end = body.rfind(b"stopReason")
    for at in range(end):
        wrong = bytearray(body)
        wrong[at] ^= 1 << dice.randrange(8)
        with pytest.raises(UpstreamError):
            read([bytes(wrong)])


def test_garbage_is_refused() -> None:
    """Random bytes give an error of ours, and nothing else."""
    dice = random.Random(7)  # noqa: S311 # no secret
    for size in (1, 11, 12, 13, 100, 1000):
        for _ in range(20):
            with pytest.raises(UpstreamError):
                read([dice.randbytes(size)])


@pytest.mark.parametrize("end", range(0, len(answer(WORDS[:1])), 3))
def test_truncated_stream_is_never_whole(end: int) -> None:
    """Up to the reason to stop, an end is an interruption; behind it, the answer is whole."""
    body = answer(WORDS[:1])
    behind = body.rfind(b"stopReason") + len(b'stopReason":"end_turn"}') + 4
    if end >= behind:
        assert read([body[:end]]) == WORDS[0]
    else:
        with pytest.raises(StreamInterrupted):
            read([body[:end]])


@pytest.mark.parametrize("lengths", [(0, 0), (15, 0), (16, 200), (2**32 - 1, 0), (30, 2**31)])
def test_lengths_that_make_no_sense_are_refused(lengths: tuple[int, int]) -> None:
    """A prelude may lie with a right checksum; it neither loops nor waits for ever."""
    prelude = pack("!II", *lengths)
    whole = prelude + pack("!I", crc32(prelude)) + b"\0" * 400
    with pytest.raises(UpstreamError):
        read([whole])


def test_headers_of_unknown_types_are_refused() -> None:
    """A type of header that nobody knows is garbage, not an exception of the parser."""
    broken = frame({":event-type": "x"}, b"{}").replace(b"\x07", b"\x2a")
    body = broken[:-4]
    with pytest.raises(UpstreamError):
        read([body + pack("!I", crc32(body))])


def test_memory_is_bounded() -> None:
    """A message that says it will be too large is refused before it comes."""
    prelude = pack("!II", 20 * 1024 * 1024, 0)
    with pytest.raises(UpstreamError, match="too large"):
        decoder().feed(prelude + pack("!I", crc32(prelude)))


def test_message_of_too_many_bytes_is_refused_at_once() -> None:
    """The same for one that arrives whole."""
    with pytest.raises(UpstreamError, match="too large"):
        read([delta("x" * MAX_EVENT_BYTES)])


def test_large_event_is_read() -> None:
    """An event of a megabyte is nothing special."""
    assert read([answer(["x" * 1_000_000])]) == "x" * 1_000_000


def test_many_events_at_once_are_read() -> None:
    """Ten thousand words in one piece arrive in order."""
    words = [str(i) for i in range(10_000)]
    assert read([answer(words)]) == "".join(words)


def test_unmodelled_error_has_its_words() -> None:
    """An error message, which has no payload, keeps its code and its words."""
    headers = {":message-type": "error", ":error-code": "Boom", ":error-message": "It broke."}
    with pytest.raises(UpstreamError, match=r"It broke\.") as raised:
        read([frame(headers, b"")])
    assert raised.value.metadata["upstream_code"] == "Boom"


def test_failure_is_raised_again() -> None:
    """What failed once does not go on."""
    reader = decoder()
    failure = event("throttlingException", b'{"message":"Slow down."}')
    events = reader.feed(delta("Hi") + failure)
    assert events is not None
    for _ in range(2):
        with pytest.raises(UpstreamError):
            reader.feed(delta("more"))
    with pytest.raises(UpstreamError):
        reader.close()


def test_metadata_does_not_end_an_answer_that_has_not_stopped() -> None:
    """Counts alone make no answer whole."""
    with pytest.raises(StreamInterrupted):
        read([delta("Hi"), event("metadata", b'{"usage":{"inputTokens":1}}')])


@pytest.mark.parametrize(
    ("told", "qualifiers"),
    [
        ({"serviceTier": {"type": "priority"}}, (("service_tier", "priority"),)),
        ({"serviceTier": {"type": "default"}}, ()),
        ({"serviceTier": None}, ()),
        ({"performanceConfig": {"latency": "optimized"}}, (("latency", "optimized"),)),
        (
            {"performanceConfig": {"latency": "optimized"}, "serviceTier": {"type": "flex"}},
            (("latency", "optimized"), ("service_tier", "flex")),
        ),
        ({"performanceConfig": {"latency": "standard"}}, ()),
        ({"performanceConfig": {"latency": 7}}, ()),
    ],
)
def test_the_tier_and_the_latency_that_served_are_charged(
    told: dict[str, object], qualifiers: object
) -> None:
    """They come with the counts, behind the reason to stop; what is usual is not named."""
    reader = decoder()
    metadata = {"usage": {"inputTokens": 1, "outputTokens": 2}, **told}
    reader.feed(event("messageStart", b'{"role":"assistant"}') + delta("Hi"))
    reader.feed(event("messageStop", b'{"stopReason":"end_turn"}'))
    reader.feed(event("metadata", orjson.dumps(metadata)))
    assert reader.usage is not None
    assert reader.usage.qualifiers == qualifiers
