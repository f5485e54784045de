"""Calls through a router that has never seen its control plane."""

import asyncio
import time

import grpc
import orjson
import pytest
from google.protobuf.duration_pb2 import Duration
from tests.integration.router.conftest import METADATA, Runner, body, chunks, instances, text
from tests.support.snapshots import VIRTUAL_KEY, mapping, provider, snapshot

from conduit.v1 import charge_pb2, decision_pb2
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.chat_message_pb2 import CHAT_ROLE_USER, ChatMessage, ContentPart
from conduit.v1.chat_pb2 import FINISH_REASON_STOP, ChatCompletionRequest
from conduit.v1.embedding_pb2 import EmbeddingInput, EmbeddingRequest
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.auth import Principal, PrincipalKind
from conduit_kernel.errors import (
    ConduitError,
    DeadlineExceeded,
    InsufficientFunds,
    InvalidApiKey,
    NoProviderAvailable,
    ProviderUnhealthy,
    StreamInterrupted,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamUnreachable,
    VirtualKeyInvalid,
)
from conduit_kernel.not_found_errors import ModelNotFound


async def test_a_chat_comes_back_with_a_report_and_a_charge(bench: Runner, upstream: str) -> None:
    """The answer is the provider's; who answered and what it took stands beside it."""
    run = await bench(instances(upstream, "echo"))
    response = await run.chat()
    assert text(response) == "hello there"
    report = response.report
    assert (report.request_id, report.provider_id, report.key_id) == ("req_test", 1, "key_1")
    assert (report.attempts, report.fallbacks, report.actual_model_name) == (1, 0, "echo")
    assert 0 < report.overhead_ms < 1000
    assert not report.HasField("cost_nano_usd")
    [charge] = run.charges()
    assert charge.request_id == "req_test"
    assert (charge.virtual_key_id, charge.provider_account_group) == (1, "group-1")
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_PROVIDER
    usage = orjson.loads(response.json)["usage"]
    assert {line.unit: line.quantity for line in charge.lines} == {
        charge_pb2.UNIT_INPUT_TOKEN: usage["prompt_tokens"],
        charge_pb2.UNIT_OUTPUT_TOKEN: usage["completion_tokens"],
    }


async def test_typed_callers_get_typed_answers(bench: Runner, upstream: str) -> None:
    """The same chat over the gRPC port, as messages; the alias's model is the provider's."""
    run = await bench(instances(upstream, "echo"))
    chat = ChatCompletionRequest(
        model="gpt",
        messages=[ChatMessage(role=CHAT_ROLE_USER, content=[ContentPart(text="hello there")])],
    )
    async with grpc.aio.insecure_channel(f"127.0.0.1:{run.process.port}") as channel:
        stub = RouterServiceStub(channel)
        whole = await stub.Chat(pb.ChatRequest(chat=chat), metadata=METADATA)
        pieces = [
            piece
            async for piece in stub.StreamChat(pb.StreamChatRequest(chat=chat), metadata=METADATA)
        ]
    choice = whole.completion.choices[0]
    assert choice.message.content[0].text == "hello there"
    assert choice.finish_reason == FINISH_REASON_STOP
    said = "".join(c.choices[0].delta.content for p in pieces for c in p.chunks if c.choices)
    assert said == "hello there"
    assert pieces[0].started.provider_id == 1
    assert pieces[-1].finished.usage.total_tokens == whole.completion.usage.total_tokens
    assert len(run.charges()) == 2


async def test_a_stream_ends_with_done_and_its_usage(bench: Runner, upstream: str) -> None:
    """Events pass as they are; the usage that only we asked for is kept from the caller."""
    run = await bench(instances(upstream, "echo"))
    messages = await run.stream()
    assert b"".join(m.events for m in messages).endswith(b"data: [DONE]\n\n")
    assert all(chunk["choices"] for chunk in chunks(messages))
    assert messages[-1].finished.usage.total_tokens > 0
    asked = await run.stream(stream_options={"include_usage": True})
    assert chunks(asked)[-1]["usage"]["total_tokens"] > 0
    assert [c.is_complete for c in run.charges()] == [True, True]


async def test_embeddings_in_both_forms(bench: Runner, upstream: str) -> None:
    """JSON for JSON, messages for messages."""
    run = await bench(instances(upstream, "echo"))
    raw = orjson.dumps({"model": "gpt", "input": ["a", "b"]})
    as_json = await run.stub.Embed(pb.EmbedRequest(json=raw), METADATA)
    request = EmbeddingRequest(model="gpt", input=[EmbeddingInput(text="a")])
    typed = await run.stub.Embed(pb.EmbedRequest(embedding=request), METADATA)
    first = orjson.loads(as_json.json)["data"][0]["embedding"]
    assert list(typed.embeddings.data[0].embedding.floats.values) == pytest.approx(first)
    assert [c.operation for c in run.charges()] == ["embed", "embed"]


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        ("status-401", InvalidApiKey),
        ("status-403", InvalidApiKey),
        ("quota", InsufficientFunds),
        ("status-500", UpstreamError),
        ("status-503", UpstreamError),
        ("reset", UpstreamUnreachable),
        ("garbage", UpstreamError),
        ("wrong-type", UpstreamError),
        ("cut-after-3", UpstreamUnreachable),
        ("status-400", UpstreamRefused),
        ("policy", UpstreamRefused),
    ],
)
async def test_a_lone_provider_fails_with_its_own_reason(
    bench: Runner, upstream: str, behaviour: str, error: type[ConduitError]
) -> None:
    """The caller learns what happened, within seconds, and nothing is charged."""
    run = await bench(instances(upstream, behaviour))
    began = time.monotonic()
    with pytest.raises(error):
        await run.chat()
    assert time.monotonic() - began < 3
    assert run.charges() == []


@pytest.mark.parametrize(
    "behaviour",
    ["status-401", "quota", "status-500", "status-429", "reset", "garbage", "wrong-type"],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_next_instance_takes_over(
    bench: Runner, upstream: str, behaviour: str, *, stream: bool
) -> None:
    """Before the first token every failure that is not the request's goes elsewhere, unseen."""
    run = await bench(instances(upstream, behaviour, "echo"))
    if stream and behaviour in {"garbage", "wrong-type"}:
        pytest.skip("the simulator spoils these streams only after their second event")
    if stream:
        messages = await run.stream()
        report = messages[0].started
        assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks(messages))
    else:
        report = (await run.chat()).report
    assert (report.provider_id, report.fallbacks) == (2, 1)
    assert len(run.charges()) == 1


async def test_the_next_key_takes_over_and_the_bad_one_rests(bench: Runner, upstream: str) -> None:
    """401 benches the key alone: later calls do not try it again."""
    run = await bench(instances(upstream, ("status-401", "echo")))
    reports = [(await run.chat()).report for _ in range(20)]
    assert {r.key_id for r in reports} == {"key_2"}
    assert all(r.fallbacks == 0 for r in reports)
    assert sum(r.attempts for r in reports) <= 21


async def test_a_silent_instance_is_left_after_its_time(bench: Runner, upstream: str) -> None:
    """A chain's timeout bounds the wait for the first byte."""
    chain = FallbackChain(
        id=1,
        model_alias="gpt",
        is_enabled=True,
        providers=[
            FallbackProvider(provider_id=1, priority=1, timeout=Duration(nanos=300_000_000)),
            FallbackProvider(provider_id=2, priority=2, timeout=Duration(seconds=5)),
        ],
    )
    run = await bench(instances(upstream, "hang", "echo", chain=chain))
    began = time.monotonic()
    report = (await run.chat()).report
    assert report.provider_id == 2
    assert 0.25 < time.monotonic() - began < 4
    # The wait for the first one is not Conduit's own time.
    assert report.overhead_ms < 250


async def test_a_deadline_bounds_everything(bench: Runner, upstream: str) -> None:
    """However many instances hang, the caller hears in time."""
    run = await bench(instances(upstream, "hang", "hang", "hang"))
    request = pb.ChatRequest(
        json=body("gpt"), options=CallOptions(timeout=Duration(nanos=500_000_000))
    )
    began = time.monotonic()
    with pytest.raises(ConduitError) as late:
        await run.stub.Chat(request, METADATA)
    assert late.value.reason in {"DEADLINE_EXCEEDED", "PROVIDER_TIMEOUT"}
    assert time.monotonic() - began < 4


async def test_a_pause_that_a_lone_provider_asks_for_is_kept(bench: Runner, upstream: str) -> None:
    """`limit` answers 429 from the second call on; the error says how long to wait."""
    run = await bench(instances(upstream, "limit-1"))
    await run.chat()
    with pytest.raises(UpstreamRateLimited) as limited:
        await run.chat()
    assert int(limited.value.metadata["retry_after_ms"]) > 10_000
    with pytest.raises(UpstreamRateLimited):
        await run.chat()


async def test_a_benched_keys_pause_is_told_by_one_clock(
    bench: Runner, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clocks may count from different moments: on some systems Python's two of durations do."""
    monkeypatch.setattr(time, "perf_counter", lambda: time.monotonic() + 1000)
    run = await bench(instances(upstream, "limit-1"))
    await run.chat()
    pauses = []
    for _ in range(2):
        with pytest.raises(UpstreamRateLimited) as limited:
            await run.chat()
        pauses.append(int(limited.value.metadata["retry_after_ms"]))
    asked, left = pauses
    assert asked - 10_000 < left <= asked


async def test_a_short_pause_is_waited_out(bench: Runner, upstream: str) -> None:
    """`Retry-After: 1` fits into the caller's time: asked again, and only then refused."""
    run = await bench(instances(upstream, "status-429-retry-1"))
    request = pb.ChatRequest(json=body("gpt"), options=CallOptions(max_attempts=2))
    began = time.monotonic()
    with pytest.raises(UpstreamRateLimited):
        await run.stub.Chat(request, METADATA)
    assert 1.0 <= time.monotonic() - began < 5


@pytest.mark.parametrize("behaviour", ["cut-after-3", "garbage", "wrong-type"])
async def test_a_broken_stream_never_looks_whole(
    bench: Runner, upstream: str, behaviour: str
) -> None:
    """An error and no [DONE]; after the first token also a charge for what was used."""
    run = await bench(instances(upstream, behaviour))
    got: list[bytes] = []

    async def listen() -> None:
        request = pb.StreamChatRequest(json=body("gpt", stream=True))
        async for message in run.stub.StreamChat(request, METADATA):
            got.append(message.events)  # noqa: PERF401 # kept although the loop raises

    with pytest.raises(UpstreamError) as broken:
        await listen()
    assert b"[DONE]" not in b"".join(got)
    # What is spoiled in the very read that brings the first token never reached the caller.
    assert bool(got) == isinstance(broken.value, StreamInterrupted)
    assert [c.is_complete for c in run.charges()] == ([False] if got else [])


async def test_the_circuit_opens_and_says_so(bench: Runner, upstream: str) -> None:
    """After five failures in a row the instance is not asked any more."""
    run = await bench(instances(upstream, "status-500"))
    # Each call is retried once while the instance's circuit is closed.
    for _ in range(3):
        with pytest.raises(UpstreamError):
            await run.chat()
    with pytest.raises(ProviderUnhealthy, match="Provider provider-1 is currently unhealthy"):
        await run.chat()


async def test_a_caller_that_leaves_is_charged_and_its_call_cancelled(
    bench: Runner, upstream: str
) -> None:
    """What was streamed until then is on the books, as an estimate."""
    run = await bench(
        snapshot(
            [provider(1, upstream)], mappings=[mapping(1, 1, actual_model_name="stream-500x20ms")]
        )
    )
    stream = run.stub.StreamChat(pb.StreamChatRequest(json=body("gpt", stream=True)), METADATA)
    for _ in range(5):
        await anext(stream)
    await stream.aclose()
    [charge] = run.charges()
    assert not charge.is_complete
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_ESTIMATE
    assert 0 < charge.lines[1].quantity < 100


async def test_a_caller_that_leaves_a_whole_call_cancels_it(bench: Runner, upstream: str) -> None:
    """Cancelling the call ends at once, and the question asked is on the books."""
    run = await bench(instances(upstream, "hang"))
    task = asyncio.create_task(run.chat())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [charge] = run.charges()
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_ESTIMATE


async def test_refusals_of_our_own(bench: Runner, upstream: str) -> None:
    """Unknown models and unknown keys never reach a provider."""
    run = await bench(instances(upstream, "echo"))
    with pytest.raises(ModelNotFound):
        await run.chat("gpt-9")
    with pytest.raises(VirtualKeyInvalid):
        await run.stub.Chat(
            pb.ChatRequest(json=body("gpt")), [("authorization", "Bearer condt_wrong")]
        )
    nothing = await bench(snapshot([provider(1, upstream, is_enabled=False)]))
    with pytest.raises(NoProviderAvailable, match="disabled"):
        await nothing.chat()


async def test_an_unreachable_base_url(bench: Runner) -> None:
    """Nobody listens: told as that, with the kind."""
    run = await bench(snapshot([provider(1, "http://127.0.0.1:1/v1")]))
    with pytest.raises(UpstreamUnreachable) as refused:
        await run.chat()
    assert refused.value.metadata["kind"] == "refused"


async def test_routes_are_explained_without_a_call(bench: Runner, upstream: str) -> None:
    """Candidates in order, rejections with reasons, replayable by the seed."""
    run = await bench(snapshot([provider(1, upstream), provider(2, upstream, is_enabled=False)]))
    request = pb.ExplainRouteRequest(model="gpt", seed=5)
    decision = (await run.stub.ExplainRoute(request, [("x-master-key", "master")])).decision
    assert [c.provider_id for c in decision.candidates] == [1]
    assert decision.rejections[0].reason == decision_pb2.REJECTION_REASON_PROVIDER_DISABLED
    assert (decision.seed, decision.revision) == (5, 7)
    with pytest.raises(ConduitError, match="master key"):
        await run.stub.ExplainRoute(request, METADATA)


async def test_router_is_told_who_calls_and_looks_at_no_credential(
    bench: Runner, upstream: str
) -> None:
    """Whoever says nothing of the caller is not served, whatever they show."""
    run = await bench(instances(upstream, "echo"))
    stub, request = run.process.stub, pb.ListModelsRequest()
    holder = stub.identify(f"Bearer {VIRTUAL_KEY}")
    principal = Principal(PrincipalKind.VIRTUAL_KEY, "virtual-key", virtual_key=holder)
    wrong = (("authorization", "Bearer condt_wrong"),)
    listed = await stub.ListModels(request, principal=principal, metadata=wrong)
    assert [m.id for m in listed.data] == ["gpt"]
    with pytest.raises(TypeError):
        await stub.ListModels(request, metadata=METADATA)


async def test_models_are_those_of_the_caller(bench: Runner, upstream: str) -> None:
    """Aliases with a candidate, as OpenAI lists models."""
    run = await bench(instances(upstream, "echo"))
    listed = await run.stub.ListModels(pb.ListModelsRequest(), METADATA)
    assert [m.id for m in listed.data] == ["gpt"]
    got = await run.stub.GetModel(pb.GetModelRequest(model="gpt"), METADATA)
    assert got.model.owned_by == "conduit"
    with pytest.raises(ModelNotFound):
        await run.stub.GetModel(pb.GetModelRequest(model="other"), METADATA)


async def test_secrets_stay_out_of_what_a_router_writes_and_shows(
    bench: Runner, upstream: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither snapshot nor spool nor errors nor reprs hold a key's value."""
    run = await bench(instances(upstream, "status-401", "echo"))
    response = await run.chat()
    shown = str(response) + repr(run.process.stub.__dict__) + caplog.text
    written = b"".join(p.read_bytes() for p in run.folder.rglob("*") if p.is_file())
    assert "sk-simulator" not in shown
    assert b"sk-simulator" not in written
    assert VIRTUAL_KEY.encode() not in written


async def test_a_timeout_error_names_the_provider(bench: Runner, upstream: str) -> None:
    """The instance's name, not its key or address; the caller's own limit is told as such."""
    run = await bench(instances(upstream, "hang"))
    request = pb.ChatRequest(
        json=body("gpt"), options=CallOptions(timeout=Duration(nanos=200_000_000))
    )
    with pytest.raises(DeadlineExceeded, match="provider-1 had not answered"):
        await run.stub.Chat(request, METADATA)


async def test_an_operators_private_address_is_not_visited_unless_allowed(
    bench: Runner, upstream: str
) -> None:
    """Checked when connecting, so a name that leads elsewhere by then does not help."""
    run = await bench(instances(upstream, "echo"), allow_private_addresses=False)
    with pytest.raises(UpstreamUnreachable) as refused:
        await run.chat()
    assert refused.value.metadata["kind"] == "forbidden"
