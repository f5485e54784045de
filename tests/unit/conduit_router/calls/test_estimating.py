"""Calls that are answered by an estimate where no provider answers: counts of tokens."""

from pathlib import Path

import orjson
import pytest
from tests.support.call_bench import CALLER, Bench
from tests.support.scripted_upstream import Act, answer, open_transport, reset, serve
from tests.support.snapshots import compiled, key, provider, snapshot

from conduit.v1 import message_requests_pb2 as pb
from conduit_kernel.errors import InvalidRequest
from conduit_providers.operations.message_count import OPERATION
from conduit_router.calls.estimating import EstimatingCalls

BODY = orjson.dumps({"model": "gpt", "messages": [{"role": "user", "content": "x" * 40}]})


async def counted(folder: Path, *acts: Act, kind: str = "Anthropic", body: bytes = BODY) -> object:
    """Return the count of a message at a provider that does as told."""
    async with serve(*acts) as upstream, open_transport() as transport:
        bench = Bench(folder, transport=transport)
        instance = provider(1, upstream.url, provider_type=kind)
        bench.runtime.table = compiled(snapshot([instance], keys=[key(1, 1)]))
        counting = EstimatingCalls(bench.runtime, OPERATION, pb.CountMessageTokensResponse)
        response = await counting(pb.CountMessageTokensRequest(json=body), CALLER)
        bench.spool.close()
        assert response.report.request_id == CALLER.request_id
        return orjson.loads(response.json)


async def test_who_counts_is_asked(tmp_path: Path) -> None:
    """Its count passes as it came."""
    assert await counted(tmp_path, answer(b'{"input_tokens":7}')) == {"input_tokens": 7}


@pytest.mark.parametrize("act", [reset, answer(b"{}", 500), answer(b"{}")])
async def test_who_cannot_count_just_now_is_estimated(tmp_path: Path, act: Act) -> None:
    """A count is no reason to fail."""
    assert await counted(tmp_path, *[act] * 9) == {"input_tokens": 10, "is_estimate": True}


async def test_who_never_counts_is_not_asked(tmp_path: Path) -> None:
    """An estimate says that it is one."""
    expected = {"input_tokens": 10, "is_estimate": True}
    assert await counted(tmp_path, kind="OpenAI") == expected


async def test_another_provider_counts_messages_in_its_own_way(tmp_path: Path) -> None:
    """One counter for chats, texts and messages."""
    act = answer(b'{"totalTokens":8}')
    assert await counted(tmp_path, act, kind="Gemini") == {"input_tokens": 8}


async def test_what_is_no_message_is_refused(tmp_path: Path) -> None:
    """It has no tokens to estimate."""
    with pytest.raises(InvalidRequest):
        await counted(tmp_path, body=b'{"model":"gpt","messages":[]}')
