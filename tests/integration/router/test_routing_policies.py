"""Routing policies and callers' wishes through a running router, with the simulator upstream."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import grpc
import pytest
from tests.faults.shared_gateway import EVENTS, WHOLE
from tests.integration.router.conftest import METADATA, Runner, body, instances
from tests.support.scripted_upstream import Act, serve
from tests.support.snapshots import ALIAS, mapping

from conduit.internal.v1.price_pb2 import Price, UnitPrice
from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN
from conduit.v1.chat_message_pb2 import CHAT_ROLE_USER, ChatMessage, ContentPart
from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit.v1.routing_policy_pb2 import (
    AFFINITY_KEY_NONE,
    AFFINITY_KEY_SESSION,
    BALANCING_STRATEGY_LEAST_BUSY,
    BALANCING_STRATEGY_LOWEST_COST,
    BALANCING_STRATEGY_LOWEST_LATENCY,
    BALANCING_STRATEGY_MOST_QUOTA,
    BALANCING_STRATEGY_ROUND_ROBIN,
    BALANCING_STRATEGY_WEIGHTED,
    AffinityKey,
    BalancingStrategy,
)
from conduit_kernel.http import Exchange


def spread(
    base_url: str,
    strategy: BalancingStrategy.ValueType = BALANCING_STRATEGY_WEIGHTED,
    affinity: AffinityKey.ValueType = AFFINITY_KEY_NONE,
    behaviours: Sequence[str] = ("echo", "echo", "echo"),
) -> Snapshot:
    """Return instances of equal priority under a policy."""
    policy = FallbackChain(
        id=1, model_alias=ALIAS, is_enabled=True, strategy=strategy, affinity=affinity
    )
    source = instances(base_url, *behaviours, chain=policy)
    for each in source.providers:
        each.priority = 1
    return source


def with_spare(base_url: str, behaviour: str) -> Snapshot:
    """Return an alias of an instance that behaves so, and another one, `spare`, of a good one."""
    source = instances(base_url, behaviour, "echo")
    del source.mappings[1]
    source.mappings.append(mapping(9, 2, model_alias="spare", actual_model_name="echo"))
    return source


async def test_calls_take_turns_by_round_robin(bench: Runner, upstream: str) -> None:
    """Streams and whole answers alike."""
    run = await bench(spread(upstream, BALANCING_STRATEGY_ROUND_ROBIN))
    found = [(await run.chat()).report.provider_id for _ in range(3)]
    found += [(await run.stream())[0].started.provider_id for _ in range(3)]
    assert found == [1, 2, 3, 1, 2, 3]


async def test_the_slow_one_is_left_alone(bench: Runner, upstream: str) -> None:
    """Once each has been measured."""
    source = spread(
        upstream, BALANCING_STRATEGY_LOWEST_LATENCY, behaviours=("echo-slow-200ms", "echo")
    )
    run = await bench(source)
    first = {(await run.chat()).report.provider_id for _ in range(2)}
    assert first == {1, 2}
    later = Counter([(await run.chat()).report.provider_id for _ in range(8)])
    assert later == {2: 8}


async def test_calls_go_to_who_is_least_busy(bench: Runner, upstream: str) -> None:
    """Those at the same time each to another one, whole answers and streams alike."""
    slow = ("echo-slow-200ms",) * 3
    run = await bench(spread(upstream, BALANCING_STRATEGY_LEAST_BUSY, behaviours=slow))
    for _ in range(4):
        answers = await asyncio.gather(*(run.chat() for _ in range(3)))
        assert {each.report.provider_id for each in answers} == {1, 2, 3}
        streams = await asyncio.gather(*(run.stream() for _ in range(3)))
        assert {each[0].started.provider_id for each in streams} == {1, 2, 3}


async def test_calls_go_to_who_is_cheapest(bench: Runner, upstream: str) -> None:
    """By the prices that the router knows just now."""
    run = await bench(spread(upstream, BALANCING_STRATEGY_LOWEST_COST))
    prices = run.process._runtime.recorder.prices  # noqa: SLF001 # there is no Billing
    for cheapest in (2, 3, 1):
        cost = [(number, 1 if number == cheapest else 5) for number in (1, 2, 3)]
        prices.load(
            Price(
                provider_id=number,
                actual_model_name="echo",
                unit_prices=[UnitPrice(unit=UNIT_INPUT_TOKEN, nano_usd_per_million=price)],
            )
            for number, price in cost
        )
        assert {(await run.chat()).report.provider_id for _ in range(6)} == {cheapest}


async def test_calls_go_to_who_has_the_most_left(bench: Runner) -> None:
    """As its answers' headers say, whole and streamed; who has told nothing is asked before."""

    def told(left: int) -> Act:
        async def act(exchange: Exchange) -> None:
            limits = [(b"x-ratelimit-limit-requests", b"100")]
            limits += [(b"x-ratelimit-remaining-requests", b"%d" % left)]
            if b'"stream":true' in exchange.body:
                out = exchange.start(200, [*limits, (b"content-type", b"text/event-stream")])
                for event in EVENTS:
                    out.write(event)
                out.finish()
            else:
                exchange.respond(200, [*limits, (b"content-type", b"application/json")], WHOLE)

        return act

    async with serve(told(10)) as one, serve(told(90)) as two, serve(told(50)) as three:
        source = spread("", BALANCING_STRATEGY_MOST_QUOTA)
        for each, at in zip(source.providers, (one, two, three), strict=True):
            each.base_url = f"{at.url}/v1"
        run = await bench(source)
        first = {(await run.chat()).report.provider_id for _ in range(3)}
        assert first == {1, 2, 3}
        later = [(await run.chat()).report.provider_id for _ in range(4)]
        later += [(await run.stream())[0].started.provider_id for _ in range(4)]
        assert set(later) == {2}


@pytest.mark.parametrize("member", ["prompt_cache_key", "session_id"])
async def test_a_session_stays_where_it_is(bench: Runner, upstream: str, member: str) -> None:
    """By what its body says; the sessions together use all instances."""
    run = await bench(spread(upstream, affinity=AFFINITY_KEY_SESSION))
    places: list[int] = []
    for session in range(12):
        members = {member: f"session {session}"}
        place = {(await run.chat(**members)).report.provider_id for _ in range(3)}
        assert len(place) == 1
        places += place
    assert set(places) == {1, 2, 3}


async def test_the_options_name_a_session_too(bench: Runner, upstream: str) -> None:
    """And win over what the body says."""
    run = await bench(spread(upstream, affinity=AFFINITY_KEY_SESSION))
    options = CallOptions(affinity_key="one")
    places = set[int]()
    for number in range(8):
        request = pb.ChatRequest(
            json=body(ALIAS, prompt_cache_key=f"session {number}"), options=options
        )
        places.add((await run.stub.Chat(request, METADATA)).report.provider_id)
    assert len(places) == 1


async def test_a_fallback_answers_for_a_model_that_cannot(bench: Runner, upstream: str) -> None:
    """Whole and streamed; the charge is of the model that was asked for."""
    run = await bench(with_spare(upstream, "status-503"))
    response = await run.chat(fallbacks=["spare"])
    assert (response.report.provider_id, response.report.fallbacks) == (2, 1)
    [first, *_] = await run.stream(fallbacks=["spare"])
    assert first.started.provider_id == 2
    [_, charge] = run.charges()
    assert charge.model_alias == ALIAS


async def test_typed_requests_name_fallbacks_in_their_options(bench: Runner, upstream: str) -> None:
    """Over a real channel, narrowed to an instance that does not fail."""
    run = await bench(with_spare(upstream, "status-503"))
    message = ChatMessage(role=CHAT_ROLE_USER, content=[ContentPart(text="hello")])
    request = pb.ChatRequest(
        chat=ChatCompletionRequest(model=ALIAS, messages=[message]),
        options=CallOptions(fallbacks=["spare"], providers=["provider-2"]),
    )
    async with grpc.aio.insecure_channel(f"127.0.0.1:{run.process.port}") as channel:
        response = await RouterServiceStub(channel).Chat(request, metadata=METADATA)
    assert (response.report.provider_id, response.report.attempts) == (2, 1)
