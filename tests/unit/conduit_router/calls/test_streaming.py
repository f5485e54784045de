"""Streamed calls, at providers that hang, reset, break off and make no sense."""

import sys
from pathlib import Path
from time import monotonic

import pytest
from google.protobuf.duration_pb2 import Duration
from structlog.testing import capture_logs
from tests.support.call_bench import BODY, CALLER, PRINCIPAL, Bench
from tests.support.nonsense import deep
from tests.support.scripted_upstream import Act, answer, hang, open_transport, reset, serve, stream
from tests.support.stream_page import Page

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import (
    USAGE_SOURCE_EARLY_EVENT,
    USAGE_SOURCE_ESTIMATE,
    USAGE_SOURCE_PROVIDER,
    Charge,
)
from conduit.v1.error_reason_pb2 import ERROR_REASON_STREAM_INTERRUPTED
from conduit_kernel.errors import ConduitError, StreamInterrupted
from conduit_kernel.http import AnswerMisuse, CallerGone, HttpError
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.accounting.call_counts import GONE
from conduit_router.calls.streaming import StreamingCalls
from conduit_router.calls.upstream_stream import COUNTS_SECONDS, MAX_HEAD_BYTES

CHUNK = b'data: {"id":"c1","object":"chat.completion.chunk",'
ROLE = CHUNK + b'"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
PIECE = CHUNK + b'"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
USAGE = (
    CHUNK + b'"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}\n\n'
)
FINISH = CHUNK + b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


WHOLE = stream(PIECE, FINISH, USAGE, DONE)


@pytest.fixture(autouse=True, params=[0, 1])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many connections are kept from other streams; with one, a call goes the straight way."""
    monkeypatch.setattr(sys.modules[__name__], "KEPT", request.param)


KEPT = 0


class Outcome:
    """What came of a stream."""

    def __init__(self, bench: Bench, messages: list[pb.StreamChatResponse]) -> None:
        self.messages = messages
        self.error: ConduitError | None = None
        self.bench = bench

    @property
    def charges(self) -> list[Charge]:
        """What was charged."""
        return charges_of(self.bench)


async def keep_connections(bench: Bench) -> None:
    """Read whole streams before, as many as connections are to be kept."""
    calls = StreamingCalls(bench.runtime, OPERATION, pb.StreamChatResponse)
    for _ in range(KEPT):
        await calls.plain(BODY, PRINCIPAL, "req_0", Page().start)
    bench.runtime.outcomes.drain()


def charges_of(bench: Bench) -> list[Charge]:
    """Return what was charged since."""
    return bench.records()[0][KEPT:]


async def call(
    folder: Path, *acts: Act, stop_after: int = 0, seconds: float = 0, is_typed: bool = False
) -> Outcome:
    """Read a stream of a provider that does as told, to its end or so many messages."""
    async with serve(*(WHOLE,) * KEPT, *acts) as upstream, open_transport() as transport:
        bench = Bench(folder, transport=transport, base_url=upstream.url)
        await keep_connections(bench)
        options = CallOptions()
        if seconds:
            options.timeout.CopyFrom(Duration(nanos=int(seconds * 1e9)))
        request = pb.StreamChatRequest(json=BODY, options=options)
        if is_typed:
            request.chat.CopyFrom(chat_request(json=BODY).typed)
        made = Outcome(bench, [])
        calls = StreamingCalls(bench.runtime, OPERATION, pb.StreamChatResponse)
        pieces = calls(request, CALLER)
        try:
            async for message in pieces:
                made.messages.append(message)
                if len(made.messages) == stop_after:
                    break
        except ConduitError as error:
            made.error = error
        finally:
            await pieces.aclose()
        bench.recorder.flush()
        bench.spool.close()
        return made


async def test_a_complete_stream_is_charged_as_the_provider_counted(tmp_path: Path) -> None:
    """Once, when its end was handed out."""
    made = await call(tmp_path, stream(PIECE, FINISH, USAGE, DONE))
    assert made.error is None
    [charge] = made.charges
    assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_PROVIDER, True)


async def test_a_cut_before_the_first_piece_goes_to_the_next(tmp_path: Path) -> None:
    """Nothing was handed out, so the caller sees one whole stream."""
    made = await call(tmp_path, stream(is_cut=True), reset, stream(PIECE, FINISH, USAGE, DONE))
    assert made.error is None
    assert OPERATION.started(made.messages[0]).attempts == 3
    assert [charge.is_complete for charge in made.charges] == [True]


OVERLOADED = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
HEAD_COUNTS = b'"usage":{"prompt_tokens":3,"completion_tokens":0,"total_tokens":3}'


@pytest.mark.parametrize("is_typed", [False, True])
@pytest.mark.parametrize("end", [b"", OVERLOADED])
@pytest.mark.parametrize(
    "head",
    [
        b'{"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}',
        b'{"id":"c1","choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}',
        b'{"id":"c1","choices":[{"index":0,"delta":{"content":"","reasoning_content":null}}]}',
        b'{"id":"c1","choices":[{"index":0,"delta":{}}]}',
    ],
)
async def test_who_speaks_is_no_first_token(
    tmp_path: Path, head: bytes, end: bytes, *, is_typed: bool
) -> None:
    """Providers name the speaker before they know whether they can answer."""
    broken = stream(b"data: %b\n\n" % head, end, is_cut=not end)
    whole = stream(b"data: %b\n\n" % head, PIECE, FINISH, USAGE, DONE)
    made = await call(tmp_path, broken, whole, is_typed=is_typed)
    assert made.error is None
    first = made.messages[0]
    assert OPERATION.started(first).attempts == 2
    if is_typed:
        said = [c.choices[0].delta for m in made.messages for c in m.chunks if c.choices]
        assert "".join(delta.content for delta in said) == "x"
    else:
        assert b"".join(m.events for m in made.messages).count(b'"role":"assistant"') == 1
    assert [charge.is_complete for charge in made.charges] == [True]


async def test_a_prompt_that_was_read_in_vain_is_charged(tmp_path: Path) -> None:
    """Where the provider counts it before it says anything."""
    head = CHUNK + b'"choices":[{"index":0,"delta":{"role":"assistant"}}],%b}\n\n'
    broken = stream(head % HEAD_COUNTS, OVERLOADED)
    made = await call(tmp_path, broken, stream(PIECE, FINISH, USAGE, DONE))
    assert made.error is None
    assert [charge.usage_source for charge in made.charges] == [
        USAGE_SOURCE_EARLY_EVENT,
        USAGE_SOURCE_PROVIDER,
    ]


async def test_a_head_without_end_is_handed_on(tmp_path: Path) -> None:
    """What waits for the first token is bounded."""
    head = b'data: {"id":"%b","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
    heads = [head % (b"c" * 9_000) for _ in range(30)]
    made = await call(tmp_path, stream(*heads, PIECE, FINISH, USAGE, DONE), stop_after=1)
    assert MAX_HEAD_BYTES <= len(made.messages[0].events) < 4 * MAX_HEAD_BYTES


async def test_a_cut_after_the_first_piece_ends_the_stream(tmp_path: Path) -> None:
    """What was handed out is charged and never repeated by another provider."""
    made = await call(tmp_path, stream(PIECE, is_cut=True), stream(PIECE, FINISH, DONE))
    assert isinstance(made.error, StreamInterrupted)
    assert len(made.messages) == 1
    [charge] = made.charges
    assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_ESTIMATE, False)


async def test_a_caller_who_leaves_pays_for_what_was_written(tmp_path: Path) -> None:
    """As an estimate without an end, and the call ends once."""
    made = await call(tmp_path, stream(PIECE, PIECE, PIECE, FINISH, DONE), stop_after=1)
    [charge] = made.charges
    assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_ESTIMATE, False)
    assert made.bench.codes[KEPT:] == [GONE]


async def test_a_head_that_never_comes_ends_with_the_callers_time(tmp_path: Path) -> None:
    """No message is yielded, and the call ends once."""
    made = await call(tmp_path, hang, seconds=0.2)
    assert made.error is not None
    assert made.messages == []
    assert len(made.bench.endings) == KEPT + 1


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_refusal_before_the_stream_goes_to_the_next(tmp_path: Path, status: int) -> None:
    """A refusal is no stream, whatever its status."""
    made = await call(tmp_path, answer(b"{}", status), stream(PIECE, FINISH, USAGE, DONE))
    assert made.error is None
    assert OPERATION.started(made.messages[0]).attempts == 2


async def test_a_stream_that_is_nonsense_is_not_handed_on(tmp_path: Path) -> None:
    """Bytes that are no events fail the attempt before anything was yielded."""
    made = await call(tmp_path, stream(b"data: {nonsense\n\n"), stream(PIECE, FINISH, USAGE, DONE))
    assert made.error is None
    assert b"nonsense" not in b"".join(message.events for message in made.messages)


@pytest.mark.parametrize(
    "member",
    [b'"system_fingerprint":7', b'"zz":1e999', b'"zz":%b' % deep(1100)],
    ids=lambda member: member[:9],
)
async def test_events_that_do_not_fit_the_contract_are_malformed(
    tmp_path: Path, member: bytes
) -> None:
    """Before the first piece the next candidate is asked, after it two end the stream as a cut."""
    odd = b"data: {" + member + b"," + PIECE.removeprefix(b"data: {")
    good = stream(PIECE, FINISH, USAGE, DONE)
    made = await call(tmp_path / "first", stream(odd, FINISH, USAGE, DONE), good, is_typed=True)
    assert made.error is None
    assert made.messages[0].started.attempts == 2
    made = await call(tmp_path / "later", stream(PIECE, odd, odd, DONE), good, is_typed=True)
    assert made.error is not None
    assert made.error.reason == "STREAM_INTERRUPTED"


async def test_one_malformed_event_among_good_ones_is_left_out(tmp_path: Path) -> None:
    """The stream goes on, and its log line counts what it lacks."""
    with capture_logs() as lines:
        events = ROLE, PIECE, b"data: {nope\n\n", PIECE, FINISH, USAGE, DONE
        made = await call(tmp_path, stream(*events))
    assert made.error is None
    written = b"".join(message.events for message in made.messages)
    assert written == ROLE + PIECE + PIECE + FINISH + DONE
    assert [line["events"] for line in lines] == [1]


@pytest.mark.parametrize("rest", [[], [USAGE]], ids=["no counts", "counts"])
async def test_a_finished_answer_ends_though_its_stream_does_not(
    tmp_path: Path, rest: list[bytes]
) -> None:
    """The provider neither ends its stream nor hangs up; nobody waits for that."""
    began = monotonic()
    made = await call(tmp_path, stream(PIECE, FINISH, *rest, is_held=True))
    assert monotonic() - began < COUNTS_SECONDS + 1
    assert made.error is None
    assert made.messages[-1].events.endswith(DONE)
    [charge] = made.charges
    assert charge.is_complete
    assert charge.usage_source == (USAGE_SOURCE_PROVIDER if rest else USAGE_SOURCE_ESTIMATE)


async def test_a_cut_behind_a_finished_answer_is_an_end(tmp_path: Path) -> None:
    """All of the answer was there; the provider is well."""
    made = await call(tmp_path, stream(PIECE, FINISH, USAGE, is_cut=True))
    assert made.error is None
    assert made.messages[-1].events.endswith(DONE)
    assert [charge.is_complete for charge in made.charges] == [True]


@pytest.mark.parametrize("end", [b"", DONE], ids=["closed", "marked"])
async def test_an_end_without_a_reason_to_stop_is_a_cut(tmp_path: Path, end: bytes) -> None:
    """However good it looks: the caller never gets the mark of a whole answer."""
    made = await call(tmp_path, stream(PIECE, *([end] if end else [])))
    assert isinstance(made.error, StreamInterrupted)
    assert DONE not in b"".join(message.events for message in made.messages)
    assert [charge.is_complete for charge in made.charges] == [False]
    assert [o.reason for o in made.bench.outcomes.drain()] == [ERROR_REASON_STREAM_INTERRUPTED]


async def write(folder: Path, page: Page, *acts: Act) -> tuple[Bench, Exception | None]:
    """Have a stream written to a page, by a provider that does as told."""
    async with serve(*(WHOLE,) * KEPT, *acts) as upstream, open_transport() as transport:
        bench = Bench(folder, transport=transport, base_url=upstream.url)
        await keep_connections(bench)
        calls = StreamingCalls(bench.runtime, OPERATION, pb.StreamChatResponse)
        failure: Exception | None = None
        try:
            await calls.plain(BODY, PRINCIPAL, "req_1", page.start)
        except (ConduitError, HttpError) as error:
            failure = error
        bench.recorder.flush()
        bench.spool.close()
        return bench, failure


async def test_events_are_written_as_they_came(tmp_path: Path) -> None:
    """Behind a head that says who answers, and before the mark of the end; charged once."""
    page = Page()
    whole = stream(ROLE, PIECE, FINISH, USAGE, DONE)
    bench, failure = await write(tmp_path, page, reset, reset, whole)
    assert failure is None
    assert (page.events, page.is_finished) == (ROLE + PIECE + FINISH + DONE, True)
    # A kept connection that breaks without a word was closed before, and that is no attempt.
    assert [s.attempts for s in page.summaries] == [3 - KEPT]
    [charge] = charges_of(bench)
    assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_PROVIDER, True)


async def test_a_slow_caller_is_waited_for(tmp_path: Path) -> None:
    """After each piece that it has not taken yet."""
    page = Page()
    await write(tmp_path, page, stream(PIECE, PIECE, PIECE, FINISH, DONE))
    assert page.waits >= 1


async def test_a_caller_who_leaves_while_it_is_waited_for_is_no_failure_of_the_provider(
    tmp_path: Path,
) -> None:
    """The call ends with the caller's leaving; what was written is charged as an estimate."""
    page = Page(leaves_after=1)
    bench, failure = await write(tmp_path, page, stream(PIECE, PIECE, PIECE, FINISH, DONE))
    assert isinstance(failure, CallerGone)
    [charge] = charges_of(bench)
    assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_ESTIMATE, False)
    assert bench.codes[KEPT:] == [GONE]
    assert bench.runtime.outcomes.drain() == []


async def test_an_answer_that_cannot_be_begun_is_no_failure_of_the_provider(
    tmp_path: Path,
) -> None:
    """It is ours, and charged."""
    bench, failure = await write(tmp_path, Page(has_begun=True), stream(PIECE, FINISH, DONE))
    assert isinstance(failure, AnswerMisuse)
    assert len(charges_of(bench)) == 1
    assert bench.runtime.outcomes.drain() == []


async def test_a_cut_stream_of_events_has_no_end(tmp_path: Path) -> None:
    """Whoever wrote the head says what went wrong."""
    page = Page()
    _, failure = await write(tmp_path, page, stream(ROLE, PIECE, is_cut=True))
    assert isinstance(failure, StreamInterrupted)
    assert (page.events, page.is_finished) == (ROLE + PIECE, False)
