"""Routers watch prices."""

import asyncio
import dataclasses
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.integration.billing.conftest import Bench
from tests.support.billing import METADATA, SERVICE_METADATA, LedgerStub
from tests.support.pauses import (
    Ticker,
    garbage_as_in_a_process,
    in_one_of_three_tries,
    slowness,
)

from conduit.internal.v1 import ledger_service_pb2 as internal
from conduit.internal.v1.price_pb2 import Price, PricedModel
from conduit.v1 import billing_requests_pb2 as pb
from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN
from conduit.v1.model_cost_pb2 import ModelCostSpec
from conduit_billing import bootstrap, ledger_service
from conduit_kernel.rpc import connect
from conduit_providers.catalog import load_catalog

MODELS = [
    PricedModel(provider_id=1, provider_type="OpenAI", actual_model_name="gpt-4o"),
    PricedModel(provider_id=1, provider_type="OpenAI", actual_model_name="my-own-model"),
]


def input_price(price: Price) -> int | None:
    """Return the price of a million tokens read, None if unknown."""
    found = {each.unit: each.nano_usd_per_million for each in price.unit_prices}
    return found.get(UNIT_INPUT_TOKEN)


async def prices_in(watch: grpc.aio.UnaryStreamCall[Any, Any]) -> list[Price]:
    """Return the next prices of a watch; signs of life are passed over."""
    while True:
        message = await watch.read()
        assert isinstance(message, internal.WatchPricesResponse)
        if message.prices:
            return list(message.prices)


async def test_a_watcher_has_all_prices_first_and_again_on_change(bench: Bench) -> None:
    """Prices come at once, and anew when a rule is made, also by another Billing process."""
    async with bench.billing() as billing, bench.billing() as other:
        watches = [
            stub.ledger.WatchPrices(
                internal.WatchPricesRequest(models=MODELS), metadata=SERVICE_METADATA
            )
            for stub in (billing, other)
        ]
        async with asyncio.timeout(20):
            for watch in watches:
                known, unknown = await prices_in(watch)
                assert input_price(known) == 2_500_000_000
                assert known.version.startswith("catalog:")
                assert input_price(unknown) is None
                assert unknown.version == ""
            spec = ModelCostSpec(
                model_pattern="*",
                input_cost_per_1k_tokens_nano_usd=1_000,
                output_cost_per_1k_tokens_nano_usd=2_000,
            )
            request = pb.CreateModelCostRequest(model_cost=spec)
            made = await billing.CreateModelCost(request, metadata=METADATA)
            at: Timestamp = made.model_cost.updated_at
            for watch in watches:
                prices = await prices_in(watch)
                assert [input_price(price) for price in prices] == [1_000_000, 1_000_000]
                assert prices[0].version.startswith(f"rule:1@{at.ToJsonString()[:19]}")
        for watch in watches:
            watch.cancel()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_announced_price_comes_at_its_time(bench: Bench) -> None:
    """And goes at its end, without a change of the rules; nobody waits for a minute to be over."""
    spec = ModelCostSpec(
        model_pattern="*",
        input_cost_per_1k_tokens_nano_usd=1_000,
        output_cost_per_1k_tokens_nano_usd=2_000,
    )
    spec.effective_from.FromMilliseconds(int(bench.clock.now * 1000) + 50)
    spec.effective_until.FromMilliseconds(int(bench.clock.now * 1000) + 100)
    async with bench.billing() as billing, asyncio.timeout(20):
        request = pb.CreateModelCostRequest(model_cost=spec)
        await billing.CreateModelCost(request, metadata=METADATA)
        watched = internal.WatchPricesRequest(models=MODELS[:1])
        watch = billing.ledger.WatchPrices(watched, metadata=SERVICE_METADATA)
        seen = [input_price((await prices_in(watch))[0])]
        for _ in range(2):
            bench.clock.now += 0.05
            seen.append(input_price((await prices_in(watch))[0]))
        watch.cancel()
    assert seen == [2_500_000_000, 1_000_000, 2_500_000_000]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@in_one_of_three_tries
async def test_thousands_of_prices_come_in_pieces(bench: Bench) -> None:
    """In the order in which they were asked for, and nobody else waits for them."""
    models = [
        PricedModel(provider_id=i, provider_type="OpenAI", actual_model_name="gpt-4o")
        for i in range(1, 12_001)
    ]
    request = internal.WatchPricesRequest(models=models)
    slow, received = slowness(), list[int]()
    async with bench.billing() as billing:
        with garbage_as_in_a_process():
            async with Ticker() as ticker, asyncio.timeout(60):
                watch = billing.ledger.WatchPrices(request, metadata=SERVICE_METADATA)
                has_more = True
                while has_more:
                    message = await watch.read()
                    assert isinstance(message, internal.WatchPricesResponse)
                    has_more = message.has_more
                    received += [price.provider_id for price in message.prices]
                watch.cancel()
    assert received == [model.provider_id for model in models]
    assert ticker.longest / max(slow, slowness()) < 0.02


async def test_prices_of_the_time_of_day_are_looked_for_once_a_minute(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look costs seconds for thousands of models; signs of life come all the same."""
    monkeypatch.setattr(ledger_service, "SIGN_OF_LIFE_SECONDS", 0.01)
    # DeepSeek was cheaper from half past four on.
    bench.clock.now = datetime(2025, 7, 1, 16, 29, 50, tzinfo=UTC).timestamp()
    model = PricedModel(provider_id=1, provider_type="DeepSeek", actual_model_name="deepseek-chat")
    request = internal.WatchPricesRequest(models=[model])
    async with dataclasses.replace(bench, catalog=load_catalog()).billing() as billing:
        watch = billing.ledger.WatchPrices(request, metadata=SERVICE_METADATA)
        [before] = await prices_in(watch)
        bench.clock.now += 15
        for _ in range(3):
            message = await watch.read()
            assert isinstance(message, internal.WatchPricesResponse)
            assert not message.prices
        bench.clock.now += 50
        async with asyncio.timeout(20):
            [after] = await prices_in(watch)
        watch.cancel()
    assert (input_price(after) or 0) < (input_price(before) or 0)


async def test_billing_serves_while_there_is_no_registry(bench: Bench) -> None:
    """Without a Registry every instance may have a price; nothing waits for it."""
    bench.settings.targets["registry"] = "127.0.0.1:1"  # type: ignore[index] # a dict, in this test
    began = time.perf_counter()
    async with bench.billing() as billing:
        spec = ModelCostSpec(
            provider_id=999,
            model_pattern="*",
            input_cost_per_1k_tokens_nano_usd=1,
            output_cost_per_1k_tokens_nano_usd=1,
        )
        await billing.CreateModelCost(pb.CreateModelCostRequest(model_cost=spec), metadata=METADATA)
    assert time.perf_counter() - began < 5


async def test_draining_ends_watches_at_once(bench: Bench) -> None:
    """A watch ends with the service, and the service does not wait for its watchers."""
    process = await bootstrap.start(bench.settings, bench.catalog, clock=bench.clock, port=0)
    channel = connect(f"127.0.0.1:{process.port}")
    watch = LedgerStub(channel).WatchPrices(
        internal.WatchPricesRequest(), metadata=SERVICE_METADATA
    )
    await watch.read()
    began = time.perf_counter()
    await process.drain()
    assert time.perf_counter() - began < 2
    assert await watch.read() is grpc.aio.EOF
    await channel.close()


def test_starting_billing_does_not_load_the_price_catalog() -> None:
    """The catalog takes a third of a second to import, so it is not on the way to being ready."""
    code = "import sys, conduit_billing.bootstrap; print('genai_prices' in sys.modules)"
    found = subprocess.run(  # noqa: S603 # our own words
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout.strip() == "False"
