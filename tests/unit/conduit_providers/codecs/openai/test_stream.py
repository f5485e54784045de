"""Wherever a provider of OpenAI's dialect tells the counts, callers get the stream OpenAI gives.

https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
"""

import random
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from threading import Thread
from typing import Any

import openai
import orjson
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from conduit_kernel.errors import UpstreamError, UpstreamRateLimited
from conduit_providers.chat_events import ChatDecoder, ChatEvents
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.openai.chat import CODEC
from conduit_providers.codecs.openai.options import ChatOptions
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.quantities import CACHED_INPUT, INPUT, OUTPUT, Quantities, counted
from conduit_providers.spec import Endpoint

Json = dict[str, Any]
DONE = b"data: [DONE]\n\n"
# Stands for a number that is no double's.
HOLE = "hole"
HEAD: Json = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
COUNTS: Json = {
    "prompt_tokens": 7,
    "completion_tokens": 2,
    "total_tokens": 9,
    "prompt_tokens_details": {"cached_tokens": 4},
}
EARLY: Json = {**COUNTS, "completion_tokens": 1, "total_tokens": 8}
USED = counted([(INPUT, 3), (CACHED_INPUT, 4), (OUTPUT, 2)])
FILTERED: Json = {"prompt_filter_results": [{"prompt_index": 0}]}
EMPTY: Json = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}


def told(delta: Json, finish: str | None = None, **more: object) -> Json:
    """Return a chunk of one choice."""
    return {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def sse(chunks: Sequence[Json], end: bytes = DONE) -> bytes:
    """Return the bytes of a stream."""
    return b"".join(b"data: %b\n\n" % orjson.dumps(chunk) for chunk in chunks) + end


ANSWER = [told({"role": "assistant", "content": ""}), told({"content": "Hé"}), told({}, "stop")]
USAGE: Json = {**HEAD, "choices": [], "usage": COUNTS}
FIRST, WORDS, LAST = ANSWER
# What providers send for the one answer, by where the counts are.
STREAMS: dict[str, list[Json]] = {
    "on their own": [*ANSWER, USAGE],
    "with the last choice": [FIRST, WORDS, {**LAST, "usage": COUNTS}],
    "before the choices": [FIRST, WORDS, {"usage": COUNTS, **LAST}],
    "with a choice said again": [*ANSWER, told({"role": "assistant", "content": ""}, usage=COUNTS)],
    "with the last choice said again": [*ANSWER, {**LAST, "usage": COUNTS}],
    "in each chunk": [
        {**FIRST, "usage": EARLY},
        {**WORDS, "usage": EARLY},
        {**LAST, "usage": COUNTS},
    ],
    "in each chunk and alone": [
        {**FIRST, "usage": EARLY},
        {**WORDS, "usage": EARLY},
        {**LAST, "usage": EARLY},
        USAGE,
    ],
    "about no choices at all": [*ANSWER, {**USAGE, "choices": None}],
    "twice alone": [*ANSWER, {**USAGE, "usage": EARLY}, USAGE],
    "alone and with the choice": [
        FIRST,
        {**USAGE, "usage": EARLY},
        WORDS,
        {**LAST, "usage": COUNTS},
    ],
    "alone, then nothing that makes sense": [*ANSWER, USAGE, {**USAGE, "usage": {}}],
}


def decoder(request: Json | None = None, endpoint: Endpoint | None = None) -> ChatDecoder:
    """Return a fresh decoder of a call, of one that asks for nothing unless it is given."""
    request = request or {}
    call = ChatCall(
        chat_request(json=orjson.dumps(request)),
        alias="m",
        model="m",
        provider="P",
        stream=True,
        include_usage=bool((request.get("stream_options") or {}).get("include_usage")),
    )
    return CODEC.decoder(call, endpoint or Endpoint("openai_chat", "/chat", options=ChatOptions()))


ASKING: dict[str, Json] = {
    "by OpenAI's name": {"stream_options": {"include_usage": True}},
    "by OpenRouter's name": {"usage": {"include": True}},
}
SILENT: dict[str, Json] = {
    "with no word": {},
    "with another option": {"stream_options": {"include_obfuscation": False}},
    "with no": {"stream_options": {"include_usage": False}, "usage": {"include": False}},
    "with another's word": {"usage": 7, "messages": [{"role": "usage", "content": "usage"}]},
}


def read(
    pieces: Sequence[bytes],
    request: Json,
    endpoint: Endpoint | None = None,
    used: Quantities = USED,
) -> bytes:
    """Return the events of a stream that arrives in pieces; what was used is always known."""
    reader = decoder(request, endpoint)
    found: list[ChatEvents | None] = [reader.feed(piece) for piece in pieces]
    found.append(None if reader.done else reader.close())
    assert reader.usage == used
    return b"".join(events.sse for events in found if events)


def cuts(body: bytes) -> Iterator[list[bytes]]:
    """Yield a body cut in two at every byte, and into single ones."""
    for at in range(len(body)):
        yield [body[:at], body[at:]]
    yield [body[at : at + 1] for at in range(len(body))]


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("end", [DONE, b""], ids=["done", "hung up"])
def test_caller_who_asked_gets_the_counts_in_the_last_chunk(
    name: str, asking: str, end: bytes
) -> None:
    """One chunk without choices behind the answer, wherever the provider had the counts."""
    expected = sse([*ANSWER, USAGE], b"")
    body = sse(STREAMS[name], end)
    assert read([body], ASKING[asking]) == expected
    assert all(read(pieces, ASKING[asking]) == expected for pieces in cuts(body))


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("silence", SILENT)
def test_caller_who_did_not_ask_gets_no_counts(name: str, silence: str) -> None:
    """They are accounted all the same."""
    body = sse(STREAMS[name])
    assert read([body], SILENT[silence]) == sse(ANSWER, b"")
    assert all(read(pieces, SILENT[silence]) == sse(ANSWER, b"") for pieces in cuts(body))


class Stage(BaseHTTPRequestHandler):
    """Answers with the events that the server holds."""

    def do_POST(self) -> None:
        """Answer any request."""
        assert isinstance(self.server, Theatre)
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Theatre(HTTPServer):
    """A provider on loopback."""

    body = b""


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    """Run a provider."""
    with Theatre(("127.0.0.1", 0), Stage) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sdk_chunks(theatre: Theatre, body: bytes) -> list[ChatCompletionChunk]:
    """Return what OpenAI's SDK reads in a stream."""
    theatre.body = body
    address = f"http://127.0.0.1:{theatre.server_port}"
    with openai.OpenAI(api_key="k", base_url=address, max_retries=0, timeout=20) as client:
        asked = client.chat.completions.create(model="m", messages=[], stream=True)
        return list(asked)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("is_asked", [True, False], ids=["asked", "not asked"])
def test_sdk_reads_what_it_reads_from_openai(
    theatre: Theatre,
    name: str,
    is_asked: bool,  # noqa: FBT001 # a parameter
) -> None:
    """Chunk by chunk, and put together: the message, the reason, and the counts or none."""
    request = ASKING["by OpenAI's name"] if is_asked else {}
    ours = sdk_chunks(theatre, read([sse(STREAMS[name])], request) + DONE)
    openais = sdk_chunks(theatre, sse([*ANSWER, USAGE] if is_asked else ANSWER))
    assert ours == openais
    assert [bool(chunk.usage) for chunk in ours] == [False] * 3 + [True] * is_asked
    state = ChatCompletionStreamState()
    for chunk in ours:
        state.handle_chunk(chunk)
    whole = state.get_final_completion()
    assert whole.choices[0].message.content == "Hé"
    assert whole.choices[0].finish_reason == "stop"
    assert (whole.usage is not None and whole.usage.total_tokens == 9) is is_asked


@pytest.mark.parametrize("lacking", ["object", "id", "created", "model", "all"])
@pytest.mark.parametrize("wrong", [None, "", "text_completion"])
def test_chunks_say_what_they_are(lacking: str, wrong: str | None) -> None:
    """OpenAI's SDK passes over whatever does not, and loses the answer."""
    names = {*HEAD} if lacking == "all" else {"object", lacking}
    kept = {name: HEAD[name] for name in HEAD if name not in names}
    kept |= {} if wrong is None else {"object": wrong}
    chunks = [{**kept, "choices": each["choices"]} for each in ANSWER]
    for pieces in ([sse(chunks)], *cuts(sse(chunks))):
        reader, state = decoder(), ChatCompletionStreamState()
        found = b"".join(events.sse for piece in pieces if (events := reader.feed(piece)))
        for line in found.splitlines():
            if line.startswith(b"data: {"):
                chunk = ChatCompletionChunk.model_validate_json(line[6:], strict=True)
                state.handle_chunk(chunk)
        assert state.get_final_completion().choices[0].message.content == "Hé"


def test_pieces_of_calls_whose_type_is_null_do_not_take_it_away() -> None:
    """Accumulators put in what comes last."""
    call = {"index": 0, "id": "c", "type": "function"}
    more = {"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": "1}"}}
    begun = {**call, "function": {"name": "f", "arguments": '{"a":'}}
    chunks = [
        told({"role": "assistant", "content": None, "tool_calls": [begun]}),
        told({"tool_calls": [more]}),
        told({}, "tool_calls"),
    ]
    reader, state = decoder(), ChatCompletionStreamState()
    events = reader.feed(sse(chunks))
    assert events is not None
    for line in events.sse.splitlines():
        if line.startswith(b"data: {"):
            state.handle_chunk(ChatCompletionChunk.construct(**orjson.loads(line[6:])))
    [made] = state.get_final_completion().choices[0].message.tool_calls or []
    assert (made.type, made.function.arguments) == ("function", '{"a":1}')


def test_chunks_without_counts_keep_their_bytes() -> None:
    """Spaces, order and numbers of the others stay; of the changed one those of its members."""
    begin = b'{"index":0, "delta":{"role":"assistant"}}'
    first = b'data: { "x":1e2, "choices": [ %b ],"object": "chat.completion.chunk" }\n\n' % begin
    null = b'data: {"choices":[{"index":0,"delta":{}}],"usage":null}\n\n'
    end = b' {"index":0,"delta":{},"finish_reason":"stop"} '
    last = b'data: {"y":5.70e-05,"choices":[%b],"usage":%b}\n\n'
    left = b'data: {"y":5.70e-05,"choices":[%b]}\n\n' % end
    body = first + null + last % (end, orjson.dumps(COUNTS)) + DONE
    assert read([body], {}) == first + null + left


def test_pieces_of_calls_and_words_are_one_burst_as_it_came() -> None:
    """Nothing of a burst is written anew where all of it is in OpenAI's form."""
    begin = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": "{"}}
    reader = decoder()
    reader.feed(sse([told({"role": "assistant", "tool_calls": [begin]})], b""))
    burst = sse([told({"tool_calls": [more]}), told({"content": "a"})], b"").replace(b":", b": ")
    burst = burst.replace(b"data:  ", b"data: ")
    events = reader.feed(burst)
    assert events is not None
    assert events.sse == burst
    odd = reader.feed(sse([told({"tool_calls": [{**more, "id": "a"}]})], b""))
    assert odd is not None
    assert odd.sse == sse([told({"tool_calls": [more]})], b"")


def test_said_again_is_passed_on_if_it_says_more() -> None:
    """A choice behind its end is left out with its counts only if nothing would be lost."""
    late = told({"annotations": [{"type": "url_citation", "index": 0}]})
    scored = told({}, "stop")
    scored["choices"][0]["logprobs"] = {"content": []}
    for more in (late, scored):
        found = read([sse([*ANSWER, {**more, "usage": COUNTS}])], ASKING["by OpenAI's name"])
        assert found == sse([*ANSWER, more, USAGE], b"")


def test_each_choice_ends_before_the_counts() -> None:
    """Of several choices, each with counts, only the last counts are told."""
    said = {"role": "assistant", "content": "b"}
    other = {**LAST, "choices": [{"index": 1, "delta": said, "finish_reason": "stop"}]}
    body = sse([FIRST, WORDS, {**LAST, "usage": EARLY}, {**other, "usage": COUNTS}])
    expected = sse([*ANSWER, other, USAGE], b"")
    assert all(read(pieces, ASKING["by OpenAI's name"]) == expected for pieces in cuts(body))


def test_counts_from_elsewhere_become_openais() -> None:
    """Where the provider has its own places and names, the chunk has OpenAI's beside them."""
    paths = {"input_tokens": "x.in", "output_tokens": "x.out", "cached_input_tokens": "x.cached"}
    endpoint = Endpoint("openai_chat", "/chat", options=ChatOptions(), usage=paths)
    last = {**LAST, "x": {"in": 7, "out": 2, "cached": 4}}
    asked = ASKING["by OpenAI's name"]
    assert read([sse([FIRST, WORDS, last])], asked, endpoint) == sse(
        [FIRST, WORDS, last, USAGE], b""
    )
    mixed = {**last, "usage": {"prompt_tokens": 7, "completion_tokens": 2, "cost": 0.5}}
    counts = {**COUNTS, "cost": 0.5}
    told = USED.costing(500_000_000)
    assert read([sse([FIRST, WORDS, mixed])], asked, endpoint, told) == sse(
        [FIRST, WORDS, last, {**USAGE, "usage": counts}], b""
    )


def test_what_comes_before_the_answer_comes_with_its_first_chunk() -> None:
    """Azure's findings about the prompt are told with the first choice, not on their own."""
    early = [{**EMPTY, **FILTERED}, {"choices": [], "x": 1}]
    for first in (FIRST, {**FIRST, "usage": EARLY}):
        body = sse([*early, first, WORDS, {**LAST, "usage": COUNTS}])
        expected = sse([{**FIRST, **FILTERED, "x": 1}, WORDS, LAST, USAGE], b"")
        assert all(read(pieces, ASKING["by OpenAI's name"]) == expected for pieces in cuts(body))


def test_what_comes_before_no_answer_is_told_in_the_end() -> None:
    """A stream that is complete without a choice loses nothing."""
    early = {**EMPTY, **FILTERED}
    for chunks, asked in ([early], {}), ([early, USAGE], ASKING["by OpenAI's name"]):
        reader, found = decoder(asked), b""
        for byte in sse(chunks):
            events = reader.feed(bytes([byte]))
            found += events.sse if events else b""
        assert reader.done
        assert found == sse(chunks, b"")


def test_what_comes_before_a_failure_does_not_hide_it() -> None:
    """Nothing was said yet, so that another attempt can still be made."""
    failure = b'data: {"error":{"message":"overloaded"}}\n\n'
    with pytest.raises(UpstreamError, match="overloaded"):
        decoder().feed(sse([{**EMPTY, **FILTERED}], failure))


def test_what_comes_before_the_answer_is_bounded() -> None:
    """A provider that never comes to the point does not fill the memory."""
    reader, most = decoder(), MAX_EVENT_BYTES // 2**20
    events = [sse([{"choices": [], f"x{n}": "y" * 2**20}], b"") for n in range(most)]
    assert all(reader.feed(event) is None for event in events[1:])
    with pytest.raises(UpstreamError, match="does not come to an answer"):
        reader.feed(events[0])


def test_an_error_without_a_wrapping_is_one() -> None:
    """Mistral and older servers send their error as the event, not as a member of it."""
    error = {
        "object": "error",
        "message": "Service tier capacity exceeded for this model.",
        "type": "service_tier_capacity_exceeded",
        "code": "3505",
        "raw_status_code": 429,
    }
    reader = decoder()
    reader.feed(sse(ANSWER[:2], end=b""))
    with pytest.raises(UpstreamRateLimited, match="Service tier capacity"):
        reader.feed(sse([error], end=b""))


@pytest.mark.parametrize("event", [{"object": "pong"}, {"message": None}])
def test_an_event_that_is_neither_answer_nor_error_makes_no_sense(event: Json) -> None:
    """It is not passed on, and not taken for the end."""
    with pytest.raises(UpstreamError, match="makes no sense"):
        decoder().feed(sse([event], end=b""))


@pytest.mark.parametrize(
    "odd", [{"choices": [{**LAST["choices"][0], "x": HOLE}]}, {"service_tier": HOLE}, {"x": HOLE}]
)
def test_numbers_that_nobody_holds_are_passed_on_and_hide_no_counts(odd: Json) -> None:
    """They are not of what is read, wherever they stand."""
    last = orjson.dumps({**LAST, **odd, "usage": COUNTS}).replace(b'"%b"' % HOLE.encode(), b"1e999")
    body = sse([FIRST, WORDS], b"data: %b\n\n" % last + DONE)
    found = read([body], ASKING["by OpenAI's name"])
    assert b"1e999" in found
    told_last = found.replace(b"1e999", b"0").rsplit(b"data: ", 1)[1]
    assert orjson.loads(told_last)["usage"] == COUNTS


# What may come between the pieces of an answer: ordinary events, and others that are none.
BETWEEN = (
    b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
    'data: {"choices":[{"index":0,"delta":{"content":"é"}}]}\n\n'.encode(),
    b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % (b"w" * 900),
    b'data: {"choices":[{"index":0,"delta":{}}],"deep":%b%b}\n\n' % (b"[" * 150, b"]" * 150),
    b'data: {"choices":[{"index":0,"delta":{}}],"x":"data: {\\\\n\\\\n"}\n\n',
    b'data: {"choices":[{"index":0,"delta":{"content":"b"}}]}\nid: 7\n\n',
    b'data: {"choices":[{"index":0,"delta":{"content":"c"}}]}\n{"choices":[]}\n\n',
    b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"d"}}]}\n\n',
    b'data:{"choices":[{"index":0,"delta":{"content":"e"}}]}\n\n',
    b'event: message\ndata: {"choices":[{"index":0,"delta":{"content":"f"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{"content":"g"}}]}\r\n\r\n',
    b'data: {"choices":[{"index":1,"delta":{"content":"h"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{}},{"index":1,"delta":{}}]}\n\n',
    b'data: {"choices":[],"x":1}\n\n',
    b'data: {"choices":[{"index":0,"delta":{}}],"usage":%b}\n\n' % orjson.dumps(EARLY),
    b": comment\n\n",
    b"\n\n",
)
PIECES = [b"", b" word", "é".encode(), b"\\n", b'\\"', b"\\u00e9", b"{[]}", b'\\"content\\":\\"']
ALIKE = tuple(
    b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % word for word in PIECES
)
MALFORMED = (
    b"data: {\n\n",
    b'data: {"choices":[{"index":0,"delta":{"content":"a"b"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{"content":"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{}}],"deep":%b%b}\n\n' % (b"[" * 250, b"]" * 250),
)


@pytest.mark.parametrize("seed", range(120))
def test_events_are_passed_on_alike_however_they_come(seed: int) -> None:
    """In one piece, one by one, or several at a time; what is malformed is left out each time."""
    draw = random.Random(seed)  # noqa: S311 # chooses a course of events
    ends = [b'data: {"choices":[{"index":%d,"finish_reason":"stop"}]}\n\n' % n for n in (0, 1)]
    first = b'data: {"choices":[{"index":0,"delta":{"content":"first"}}]}\n\n'
    odd = draw.choice([0, 1, 10])
    events = [first, *draw.choices(BETWEEN * odd + ALIKE * 10, k=30), *ends]
    if draw.random() < 0.5:
        events.insert(draw.randrange(1, 30), draw.choice(MALFORMED))
    events.append(b'data: {"choices":[],"usage":%b}\n\n' % orjson.dumps(COUNTS))
    body = b"".join(events) + DONE
    whole = read([body], {})
    assert read([*events, DONE], {}) == whole
    places = sorted(draw.sample(range(len(body)), k=9))
    assert read([body[a:b] for a, b in pairwise([0, *places, len(body)])], {}) == whole
    assert whole.count(b'"first"') == 1
    assert b"\xff" not in whole
    assert b"[" * 250 not in whole
