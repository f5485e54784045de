"""Every wire case, replayed: what we send, and what we make of what comes back.

A case is a folder `<provider type>/<operation>/<case>` with

* `call.json`: the call: `source` (where the answer is from; see `SOURCES`), `about` (the page on
  what the case shows, where that is another one), `model` (the provider's name of it),
  `request` (OpenAI's JSON, as a caller sends it), and where needed `isStrict`, `settings`,
  `organization`, `project`, `fetched` (URL to media type and base64)
* `sent.http`: the request that goes out, signed; `result.json`: what the caller gets; expected
* `received.http`: the answer; JSON, server-sent events, or an error. An AWS event stream is written
  as server-sent events, and framed before it is read

`pytest tests/wire --update-wire` writes the expected side anew.
"""

import base64
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.eventstream import framed
from tests.support.operations import form_of, typed_json

from conduit.v1.chat_chunk_json import chat_completion_chunk_to_json
from conduit.v1.key_credential_pb2 import KeyCredential
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import ConduitError, StreamInterrupted
from conduit_providers.auth import signer_for
from conduit_providers.calls import Call
from conduit_providers.catalog import Catalog, load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.failures import error_from
from conduit_providers.operations.chat import ChatDecoder
from conduit_providers.quantities import LEAVES, Quantities
from conduit_providers.spec import Endpoint, ProviderSpec
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

HERE = Path(__file__).parent
SECRET = "wire-secret-0123456789"
CATALOG: Catalog = load_catalog(base_urls={"Simulator": "http://127.0.0.1:9999/v1"})
CASES = sorted(path.parent for path in HERE.glob("*/*/*/call.json"))
Json = dict[str, Any]
FRAMES = "application/vnd.amazon.eventstream"


def expected(case: Path) -> Json:
    """Return the expected result; nothing of a case that is yet to be written."""
    file = case / "result.json"
    return dict(orjson.loads(file.read_bytes())) if file.exists() else {}


STREAMS = [case for case in CASES if "events" in expected(case)]
WHOLE_STREAMS = [case for case in STREAMS if "error" not in expected(case)]
ANSWERS = [case for case in CASES if "answer" in expected(case)]


def name_of(case: Path) -> str:
    """Return a case's name for the test report."""
    return case.relative_to(HERE).as_posix()


class Case:
    """One case, and the parts of the catalog it is about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.call: Json = orjson.loads((folder / "call.json").read_bytes())
        self.operation = folder.parent.name
        self.spec: ProviderSpec = CATALOG.find(folder.parent.parent.name)
        self.endpoint: Endpoint = self.spec.endpoints[self.operation]
        self.target = self._target()

    def _target(self) -> Target:
        provider = Provider(
            name=f"{self.spec.name} Production",
            provider_type=self.spec.name,
            base_url=self.call.get("baseUrl", "")
            or ("" if CATALOG.base_url(self.spec) else "https://llm.example.com/v1"),
        )
        provider.settings.update(self.call.get("settings", {}))
        key = KeyCredential(
            organization=self.call.get("organization", ""), project=self.call.get("project", "")
        )
        return CATALOG.targets(provider, key)[self.operation]

    def fresh_call(self) -> Call[Any]:
        """Return the call, as the router makes it."""
        request = self.call.get("request", {})
        raw = orjson.dumps(request)
        options = request.get("stream_options") or {}
        # Lists of models are asked for without a request.
        operation = "chat" if self.operation == "models" else self.operation
        return Call(
            form_of(operation, raw),
            alias=request.get("model", ""),
            model=self.call.get("model", ""),
            stream=bool(request.get("stream")),
            include_usage=bool(options.get("include_usage")),
            is_strict=bool(self.call.get("isStrict")),
            fetched={
                url: (media_type, base64.b64decode(content))
                for url, (media_type, content) in self.call.get("fetched", {}).items()
            },
            provider=self.target.provider_name,
            created=1795435200,
        )

    def sent(self, call: Call[Any]) -> HttpRequest:
        """Return the signed request."""
        signer = signer_for(self.spec.auth, SECRET, self.target)
        return signer.sign(self._unsigned(call))

    def _unsigned(self, call: Call[Any]) -> HttpRequest:
        codec, of = codec_named(self.endpoint.codec), (self.endpoint, self.target)
        is_list = self.operation == "models"
        sent: HttpRequest = codec.to_upstream(*of) if is_list else codec.to_upstream(call, *of)
        return sent

    def received(self) -> HttpResponse:
        """Read the answer."""
        head, _, body = (self.folder / "received.http").read_bytes().partition(b"\n\n")
        status, *lines = head.decode().splitlines()
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        if headers.get("content-type") == FRAMES:
            body = framed(body)
        elif "text/event-stream" not in headers.get("content-type", ""):
            body = body.removesuffix(b"\n")
        return HttpResponse(int(status.split()[1]), headers, body)

    def result(self, call: Call[Any]) -> Json:
        """Return what the caller gets."""
        response = self.received()
        try:
            if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                raise error_from(response, self.spec, self.target)
            return self._good(response, call)
        except ConduitError as error:
            return said(error)

    def _good(self, response: HttpResponse, call: Call[Any]) -> Json:
        codec = self.endpoint.codec
        if self.operation == "models":
            page = codec_named(codec).from_upstream(response, self.endpoint)
            return {"models": list(page.names), "nextPath": page.next_path}
        if call.stream:
            return self._streamed(response.body, call)
        answer = codec_named(codec).from_upstream(response, call, self.endpoint)
        return {"answer": orjson.loads(answer.json), "usage": counts(answer.usage)}

    def decoder(self, call: Call[Any] | None = None) -> ChatDecoder:
        """Return a fresh decoder of the answer."""
        call = call or self.fresh_call()
        call.answer_headers = self.received().headers
        decoder: ChatDecoder = codec_named(self.endpoint.codec).decoder(call, self.endpoint)
        return decoder

    def _streamed(self, body: bytes, call: Call[Any]) -> Json:
        decoder = self.decoder(call)
        events = []
        try:
            if found := decoder.feed(body):
                events += data_in(found.sse)
            if not decoder.done and (found := decoder.close()):
                events += data_in(found.sse)
        except ConduitError as error:
            return {"events": events, **said(error)}
        return {"events": events, "usage": counts(decoder.usage)}

    def streamed_in(self, pieces: list[bytes]) -> tuple[bytes, Quantities | None]:
        """Return the events as bytes, and the usage, of a stream that arrives in pieces."""
        decoder = self.decoder()
        found = [decoder.feed(piece) for piece in pieces if not decoder.done]
        if not decoder.done:
            found.append(decoder.close())
        return b"".join(events.sse for events in found if events), decoder.usage


def said(error: ConduitError) -> Json:
    """Return an error as the expected side has it."""
    return {"error": {"reason": error.reason, "message": error.message, "metadata": error.metadata}}


def counts(usage: Quantities | None) -> Json | None:
    """Return how many of each leaf, by name, and what else the price depends on."""
    if usage is None:
        return None
    named: Json = {LEAVES[unit].name: count for unit, count in usage.leaves}
    if usage.qualifiers:
        named["qualifiers"] = dict(usage.qualifiers)
    return named if usage.is_consistent else {**named, "isConsistent": False}


def data_in(sse: bytes) -> list[Json]:
    """Return the JSON of each event."""
    return [orjson.loads(event.removeprefix(b"data: ")) for event in sse.split(b"\n\n") if event]


def as_text(request: HttpRequest, target: Target) -> bytes:
    """Return a request as `sent.http` has it: the full URL, so that the host is seen too."""
    lines = [f"{request.method} {target.base_url}{request.path}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    return "\n".join(lines).encode() + b"\n\n" + request.body + b"\n"


def expect(file: Path, found: bytes, *, is_updating: bool) -> None:
    """Compare with the expected side, or write it."""
    if is_updating:
        file.write_bytes(found)
    assert found.decode() == file.read_text()


@pytest.mark.parametrize("folder", CASES, ids=name_of)
def test_case_is_sent_and_read_as_expected(folder: Path, is_updating: bool) -> None:  # noqa: FBT001 # a fixture
    """The request, its signature and the result are those that were reviewed."""
    case = Case(folder)
    call = case.fresh_call()
    try:
        sent = case.sent(call)
    except ConduitError as error:
        result = said(error)
    else:
        expect(folder / "sent.http", as_text(sent, case.target), is_updating=is_updating)
        result = case.result(call)
    if call.dropped:
        result["dropped"] = call.dropped
    text = orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    expect(folder / "result.json", text, is_updating=is_updating)
    assert SECRET.encode() not in text


@pytest.mark.parametrize(
    "folder", [case for case in STREAMS if case not in WHOLE_STREAMS], ids=name_of
)
def test_failing_stream_gives_what_came_before_the_failure(folder: Path) -> None:
    """However the bytes are cut, the events before a failure arrive first, then the error."""
    case = Case(folder)
    body = case.received().body
    for size in (1, 7, 64):
        decoder = case.decoder()
        events: list[Json] = []
        with pytest.raises(ConduitError) as raised:  # noqa: PT012 # events come until it raises
            for at in range(0, len(body), size):
                found = decoder.feed(body[at : at + size])
                events += data_in(found.sse) if found else []
            decoder.close()
        assert {"events": events, **said(raised.value)} == expected(folder)


# Where an answer is from. What is composed is put together from what is named, not copied;
# tests/conformance/oracles/test_received_types.py reads it by the type.
SOURCES = re.compile(
    r"documentation: https://\S+( \(composed\))?"
    r"|SDK types: \S+ \S+ \S+( at \w+)? \(composed\)"
    r"|server source: https://\S+( \(composed\))?"
    # Someone shows what they got.
    r"|reported: https://\S+"
    # No page or type shows it: why we think so.
    r"|composed: .+"
    # No provider sends it.
    r"|made up: .+"
)


@pytest.mark.parametrize("folder", CASES, ids=name_of)
def test_case_names_its_source(folder: Path) -> None:
    """Each answer says where it is from, and whether it is copied, composed or made up."""
    call = orjson.loads((folder / "call.json").read_bytes())
    assert SOURCES.fullmatch(call["source"])
    assert call.get("about", "https://").startswith("https://")


@pytest.mark.parametrize("folder", WHOLE_STREAMS, ids=name_of)
def test_stream_is_the_same_wherever_it_is_cut(folder: Path) -> None:
    """A decoder gives the same events and counts for any two pieces, and byte by byte."""
    case = Case(folder)
    body = case.received().body
    whole = case.streamed_in([body])
    assert all(case.streamed_in([body[:i], body[i:]]) == whole for i in range(1, len(body)))
    assert case.streamed_in([body[i : i + 1] for i in range(len(body))]) == whole
    if case.received().headers.get("content-type") == FRAMES:
        return
    windows = body.replace(b"\n", b"\r\n")
    assert case.streamed_in([windows]) == whole
    assert case.streamed_in([windows[i : i + 1] for i in range(len(windows))]) == whole


@pytest.mark.parametrize("folder", WHOLE_STREAMS, ids=name_of)
def test_truncated_stream_raises(folder: Path) -> None:
    """A stream that ends before its answer is complete never looks whole."""
    case = Case(folder)
    body = case.received().body
    for end in range(first_finish(body)):
        with pytest.raises(StreamInterrupted):
            case.streamed_in([body[:end]])


def first_finish(body: bytes) -> int:
    """Return where the event or line begins that first says why the model stopped."""
    names = (b"finish_reason", b"finishReason", b"stop_reason", b"stopReason", b"done_reason")
    marks = [b'"%b":%b"' % (name, space) for name in names for space in (b"", b" ")]
    at = min(body.find(mark) for mark in (*marks, b"event: done") if mark in body)
    if b":event-type" in body:
        # A frame begins earlier, and is not whole here either.
        return at
    return max(body.rfind(b"data:", 0, at), body.rfind(b"\n", 0, at) + 1)


@pytest.mark.parametrize("folder", STREAMS, ids=name_of)
def test_typed_chunks_say_what_the_bytes_say(folder: Path) -> None:
    """Both forms of a stream have the same text, calls and reasons."""
    case = Case(folder)
    decoder = case.decoder()
    events = decoder.feed(case.received().body)
    assert events is not None
    typed = [orjson.loads(orjson.dumps(chat_completion_chunk_to_json(c))) for c in events.chunks]
    assert joined(typed) == joined(data_in(events.sse))


@pytest.mark.parametrize("folder", ANSWERS, ids=name_of)
def test_typed_answer_says_what_the_bytes_say(folder: Path) -> None:
    """Both forms of a whole answer have the same text, calls, reasons and vectors."""
    case = Case(folder)
    result = expected(folder)
    response, call = case.received(), case.fresh_call()
    answer = codec_named(case.endpoint.codec).from_upstream(response, call, case.endpoint)
    typed = typed_json(case.operation, answer)
    assert told_by(typed) == told_by(result["answer"])


def told_by(answer: Json) -> object:
    """Return what a whole answer says: a chat's choices, an embedding's vectors, all of others."""
    if "choices" in answer:
        return message_of(answer)
    return answer.get("data", answer)


def message_of(completion: Json) -> list[Json]:
    """Return what the choices of a whole answer say."""
    return [told(choice["message"], choice) for choice in completion["choices"]]


def told(message: Json, choice: Json) -> Json:
    """Return what a message or a joined stream says, by the contract's names."""
    return {
        "text": message.get("content") or "",
        "reasoning": message.get("reasoning_content") or message.get("reasoning") or "",
        "refusal": message.get("refusal") or "",
        "calls": [
            (call.get("id"), call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or []
        ],
        "finish": choice.get("finish_reason"),
    }


def joined(chunks: list[Json]) -> list[Json]:
    """Put the chunks of a stream together."""
    messages: dict[int, Json] = {}
    finishes: dict[int, str] = {}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        message = messages.setdefault(choice["index"], {"tool_calls": []})
        add_delta(message, choice["delta"])
        if choice.get("finish_reason"):
            finishes[choice["index"]] = choice["finish_reason"]
    return [told(m, {"finish_reason": finishes.get(i)}) for i, m in sorted(messages.items())]


def add_delta(message: Json, delta: Json) -> None:
    """Add a piece to a message."""
    for name in ("content", "reasoning_content", "reasoning", "refusal"):
        if delta.get(name):
            message[name] = message.get(name, "") + delta[name]
    for piece in delta.get("tool_calls") or []:
        calls = message["tool_calls"]
        while len(calls) <= piece["index"]:
            calls.append({"id": "", "function": {"name": "", "arguments": ""}})
        call, function = calls[piece["index"]], piece.get("function") or {}
        call["id"] = piece.get("id") or call["id"]
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""


@pytest.mark.parametrize("folder", [s for s in STREAMS if s.name == "stream"], ids=name_of)
def test_streamed_text_equals_whole_text(folder: Path) -> None:
    """The case `stream` asks what the case `plain` asks, and gets the same words."""
    streamed = expected(folder)["events"]
    whole = expected(folder.parent / "plain")["answer"]
    assert [m["text"] for m in joined(streamed)] == [m["text"] for m in message_of(whole)]
