"""Calls with an idempotency key, beside a real Storage: made once, answered as often as asked."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.support.storage_host import StorageHost
from tests.unit.conduit_router.idempotency.conftest import (
    Provider,
    hosted,
    idle,
    keyed,
    pieces,
    router_at,
    whole,
)

from conduit.v1 import router_requests_pb2 as pb
from conduit_kernel.errors import ServiceUnavailable, UpstreamError
from conduit_kernel.idempotency_errors import (
    IdempotencyKeyReused,
    IdempotentCallUnderWay,
    IdempotentResultNotKept,
)
from conduit_router.idempotency.calls import IdempotentCalls, KeyedCall


async def stream(router: IdempotentCalls, call: KeyedCall) -> list[pb.StreamChatResponse]:
    """Return the messages of a streamed answer."""
    return [message async for message in router.stream(call)]


async def test_a_call_with_the_same_key_is_made_once(router: IdempotentCalls) -> None:
    """Whoever sends it again gets the first answer, whole, and is told that it is that one."""
    said = whole(b'{"said": "first"}', cost=1234)
    said.report.remaining_requests, said.report.reset_tokens = 7, "17s"
    provider = Provider(said)
    first = await router.answer(keyed(provider))
    again = await router.answer(keyed(provider))
    assert provider.calls == 1
    assert first.json == again.json == b'{"said": "first"}'
    assert first.report.cost_nano_usd == again.report.cost_nano_usd == 1234
    assert (first.report.idempotency, again.report.idempotency) == ("kept", "replayed")
    # It used nothing of any limit, and says nothing of how they stood.
    assert first.report.HasField("remaining_requests")
    assert not again.report.HasField("remaining_requests")
    assert not again.report.reset_tokens


async def test_a_stream_with_the_same_key_is_made_once(router: IdempotentCalls) -> None:
    """Its messages come again as they came, in their order, with the end."""
    provider = Provider(*pieces(b"data: 1\n\n", b"data: 2\n\n"))
    call = keyed(provider, response=pb.StreamChatResponse)
    first, again = await stream(router, call), await stream(router, call)
    assert provider.calls == 1
    assert [m.events for m in first] == [m.events for m in again]
    assert len(again) == 3
    assert again[0].started.request_id == "req_first"
    assert [m[0].started.idempotency for m in (first, again)] == ["kept", "replayed"]
    assert [m[-1].finished.report.idempotency for m in (first, again)] == ["kept", "replayed"]


async def test_another_router_gives_the_first_ones_answer(host: StorageHost) -> None:
    """Storage has it, so it outlives the router that made the call."""
    provider = Provider(whole(b'{"n": 1}'))
    async with router_at(host.address) as one:
        await one.answer(keyed(provider))
    async with router_at(host.address) as other:
        assert (await other.answer(keyed(provider))).json == b'{"n": 1}'
    assert provider.calls == 1


async def test_a_key_is_its_owners_alone(router: IdempotentCalls) -> None:
    """Two virtual keys with the same idempotency key have two calls."""
    provider = Provider()
    await router.answer(keyed(provider))
    await router.answer(keyed(provider, virtual_key_id=2))
    await router.answer(keyed(provider, key="other"))
    assert provider.calls == 3


async def test_a_key_with_another_request_is_refused(router: IdempotentCalls) -> None:
    """While the first call is under way, and after it; nobody is asked for it."""
    provider, other = Provider(), Provider()
    provider.opened.clear()
    first = asyncio.create_task(router.answer(keyed(provider)))
    await provider.is_called()
    for _ in range(2):
        with pytest.raises(IdempotencyKeyReused):
            await router.answer(keyed(other, fingerprint=b"g" * 32))
        provider.opened.set()
        await first
    assert other.calls == 0


@pytest.mark.parametrize("count", [2, 50])
async def test_concurrent_twins_wait_for_one(host: StorageHost, count: int) -> None:
    """At the same router and at another one."""
    provider = Provider(whole(b'{"n": 1}'))
    provider.opened.clear()
    async with router_at(host.address) as one, router_at(host.address) as other:
        routers = [one, other]
        asked = [asyncio.create_task(routers[n % 2].answer(keyed(provider))) for n in range(count)]
        await provider.is_called()
        provider.opened.set()
        answers = await asyncio.gather(*asked)
    assert provider.calls == 1
    assert {answer.json for answer in answers} == {b'{"n": 1}'}
    assert [answer.report.idempotency for answer in answers].count("kept") == 1


async def test_a_twin_waits_no_longer_than_its_own_time(host: StorageHost) -> None:
    """Then it may come again: 409, which SDKs retry."""
    provider = Provider()
    provider.opened.clear()
    async with router_at(host.address) as one, router_at(host.address) as other:
        first = asyncio.create_task(one.answer(keyed(provider)))
        await provider.is_called()
        for router in (one, other):
            with pytest.raises(IdempotentCallUnderWay) as caught:
                await router.answer(keyed(provider, seconds=0.1))
            assert caught.value.metadata["retry_after_ms"] == "1000"
        provider.opened.set()
        await first
    assert provider.calls == 1


async def test_a_call_that_failed_is_made_again(router: IdempotentCalls) -> None:
    """Nothing is pinned that was no answer; those who waited for it have its error."""
    provider = Provider()
    provider.error = UpstreamError("no", provider="p")
    provider.opened.clear()
    asked = [asyncio.create_task(router.answer(keyed(provider))) for _ in range(3)]
    await provider.is_called()
    provider.opened.set()
    errors = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(error) for error in errors] == [UpstreamError] * 3
    assert len({id(error) for error in errors}) == 3
    provider.error = None
    assert (await router.answer(keyed(provider))).report.idempotency == "kept"
    assert provider.calls == 2


async def test_a_stream_that_broke_off_is_made_again(router: IdempotentCalls) -> None:
    """Part of an answer is none."""
    broken = Provider(pieces(b"1")[0])

    async def breaking() -> AsyncGenerator[Any, None]:
        async for message in broken():
            yield message
        raise UpstreamError("cut", provider="p")

    call = keyed(breaking, response=pb.StreamChatResponse)
    with pytest.raises(UpstreamError):
        await stream(router, call)
    whole_one = Provider(*pieces(b"1", b"2"))
    again = await stream(router, call._replace(make=whole_one))
    assert [m.events for m in again] == [b"1", b"2", b""]


async def test_a_call_outlasts_its_caller(router: IdempotentCalls) -> None:
    """A client that hung up before the answer asks again, and has it: one call, one charge."""
    provider = Provider(whole(b'{"n": 1}'))
    provider.opened.clear()
    first = asyncio.create_task(router.answer(keyed(provider)))
    await provider.is_called()
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    provider.opened.set()
    assert (await router.answer(keyed(provider))).json == b'{"n": 1}'
    assert (provider.calls, provider.ended) == (1, 1)


async def test_a_stream_outlasts_a_caller_who_leaves_in_the_middle(
    router: IdempotentCalls,
) -> None:
    """The rest is read without it, and is there for the next one."""
    provider = Provider(*pieces(b"1", b"2", b"3"))
    call = keyed(provider, response=pb.StreamChatResponse)
    async with aclosing(router.stream(call)) as messages:
        await anext(messages)
    again = await stream(router, call)
    assert [m.events for m in again] == [b"1", b"2", b"3", b""]
    assert (provider.calls, provider.ended) == (1, 1)


async def test_a_call_whose_files_are_its_callers_ends_with_its_caller(
    router: IdempotentCalls,
) -> None:
    """And is made again."""
    provider = Provider()
    provider.opened.clear()
    call = keyed(provider, outlasts_caller=False)
    first = asyncio.create_task(router.answer(call))
    await provider.is_called()
    first.cancel()
    await provider.has_ended()
    provider.opened.set()
    await idle(router)
    await router.answer(call)
    assert provider.calls == 2


async def test_a_long_call_keeps_its_key(host: StorageHost) -> None:
    """Its router says so while it lasts; one that is silent for twenty seconds is lost."""
    provider = Provider()
    provider.opened.clear()
    async with router_at(host.address, renew_seconds=0.01) as router:
        first = asyncio.create_task(router.answer(keyed(provider)))
        await provider.is_called()
        # Some renewals.
        await asyncio.sleep(0.05)
        provider.opened.set()
        assert (await first).report.idempotency == "kept"


async def test_calls_go_on_while_storage_is_away(
    router: IdempotentCalls, host: StorageHost
) -> None:
    """And say that they would be made again; twins at the same time are one all the same."""
    await host.stop()
    provider = Provider()
    provider.opened.clear()
    asked = [asyncio.create_task(router.answer(keyed(provider))) for _ in range(3)]
    await provider.is_called()
    provider.opened.set()
    words = [answer.report.idempotency for answer in await asyncio.gather(*asked)]
    assert sorted(words) == ["not-kept", "replayed", "replayed"]
    await router.answer(keyed(provider))
    assert provider.calls == 2


async def test_an_answer_that_storage_could_not_take_is_offered_again(
    router: IdempotentCalls, host: StorageHost
) -> None:
    """Meanwhile its router has it."""
    provider = Provider(whole(b'{"n": 1}'))
    provider.opened.clear()
    first = asyncio.create_task(router.answer(keyed(provider)))
    await provider.is_called()
    await host.stop()
    provider.opened.set()
    assert (await first).report.idempotency == "not-kept"
    assert (await router.answer(keyed(provider))).report.idempotency == "replayed"
    await host.start()
    await idle(router)
    async with router_at(host.address) as other:
        assert (await other.answer(keyed(provider))).json == b'{"n": 1}'
    assert provider.calls == 1


async def test_an_answer_that_is_too_large_is_not_made_again(tmp_path: Path) -> None:
    """It was charged: whoever asks again is told so rather than charged twice."""
    provider = Provider(whole(bytes(range(256))))
    async with hosted(tmp_path, idempotent_result_bytes=40) as router:
        assert (await router.answer(keyed(provider))).report.idempotency == "not-kept"
        with pytest.raises(IdempotentResultNotKept):
            await router.answer(keyed(provider))
    assert provider.calls == 1


async def test_an_owner_without_room_is_served_all_the_same(tmp_path: Path) -> None:
    """And told that the answer is not kept."""
    provider = Provider()
    async with hosted(tmp_path, idempotent_key_bytes=1000) as router:
        words = [
            (await router.answer(keyed(provider, key=str(n)))).report.idempotency for n in range(3)
        ]
        other = await router.answer(keyed(provider, virtual_key_id=2))
    assert words == ["kept", "not-kept", "not-kept"]
    assert other.report.idempotency == "kept"


async def test_a_stopping_router_gives_its_keys_up(host: StorageHost) -> None:
    """So that another one makes the call at once, rather than when the claim has ended."""
    provider = Provider()
    provider.opened.clear()
    async with router_at(host.address) as router:
        first = asyncio.create_task(router.answer(keyed(provider)))
        await provider.is_called()
        await router.close()
        with pytest.raises(ServiceUnavailable):
            await first
    provider.opened.set()
    async with router_at(host.address) as other:
        await other.answer(keyed(provider, seconds=2.0))
    assert provider.calls == 2


async def test_answers_are_kept_sealed(router: IdempotentCalls, host: StorageHost) -> None:
    """What was said is in no file of Storage's."""
    await router.answer(keyed(Provider(whole(b"canary-of-an-answer" * 3)), key="canary-key"))
    await host.stop()
    found = b"".join(p.read_bytes() for p in host.folder.rglob("*") if p.is_file())
    assert b"canary" not in found
    assert len(found) > 0
