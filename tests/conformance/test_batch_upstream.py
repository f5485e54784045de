"""The stand-in for providers' batches speaks as the SDKs of the providers expect it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from groq import AsyncGroq
from mistralai.client import Mistral
from openai import AsyncOpenAI
from tests.support.batch_upstream import BatchUpstream

from conduit_kernel.http import HttpServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = [{"role": "user", "content": "hello"}]
LINE = (
    b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", '
    b'"body": {"model": "m", "messages": [{"role": "user", "content": "hello"}]}}'
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def url() -> AsyncIterator[str]:
    """Run the stand-in; return its address."""
    upstream = BatchUpstream()
    server = HttpServer(upstream)
    await server.start("127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.port}"
    yield upstream.url
    await server.drain(0.1)


@pytest.mark.parametrize("of", ["openai", "groq"])
async def test_openai_s_batches_are_those_of_its_sdk(url: str, of: str) -> None:
    """So are Groq's: files, a batch of one, its results, and that it is taken back."""
    client: Any = (
        AsyncOpenAI(base_url=f"{url}/v1", api_key="k")
        if of == "openai"
        else AsyncGroq(base_url=url, api_key="k")
    )
    async with client:
        file = await client.files.create(file=("in.jsonl", LINE), purpose="batch")
        made = await client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"conduit_batch": "ours"},
        )
        found = await client.batches.retrieve(made.id)
        assert (found.status, found.metadata) == ("completed", {"conduit_batch": "ours"})
        content = await client.files.content(found.output_file_id)
        assert b"hello" in await content.read() if of == "groq" else b"hello" in content.content
        assert made.id in {each.id for each in (await client.batches.list()).data}
        assert (await client.batches.cancel(made.id)).id == made.id
        assert (await client.files.delete(file.id)).deleted


async def test_anthropic_s_batches_are_those_of_its_sdk(url: str) -> None:
    """A batch of messages, its results, and that it is taken back and deleted."""
    async with AsyncAnthropic(base_url=url, api_key="k") as client:
        params: Any = {"model": "m", "max_tokens": 5, "messages": WORDS}
        made = await client.messages.batches.create(requests=[{"custom_id": "a", "params": params}])
        found = await client.messages.batches.retrieve(made.id)
        assert found.processing_status == "ended"
        (result,) = [each async for each in await client.messages.batches.results(made.id)]
        assert result.custom_id == "a"
        assert result.result.type == "succeeded"
        assert (await client.messages.batches.cancel(made.id)).id == made.id
        assert (await client.messages.batches.delete(made.id)).id == made.id


async def test_mistral_s_jobs_are_those_of_its_sdk(url: str) -> None:
    """A job of requests within the request, its results, and that it is taken back."""
    async with Mistral(server_url=url, api_key="k") as client:
        made = await client.batch.jobs.create_async(
            endpoint="/v1/chat/completions",
            model="m",
            metadata={"conduit_batch": "ours"},
            requests=[{"custom_id": "a", "body": {"messages": WORDS}}],
        )
        found = await client.batch.jobs.get_async(job_id=made.id)
        assert found.status == "SUCCESS"
        assert isinstance(found.output_file, str)
        content = await client.files.download_async(file_id=found.output_file)
        assert b"hello" in await content.aread()
        listed = await client.batch.jobs.list_async()
        assert made.id in {each.id for each in listed.data or ()}
        assert (await client.batch.jobs.cancel_async(job_id=made.id)).id == made.id


async def test_gemini_s_batches_are_those_of_its_sdk(url: str) -> None:
    """A batch within the request, its results, and that it is taken back and deleted."""
    async with httpx.AsyncClient(timeout=20) as http:
        options = types.HttpOptions(base_url=url, httpx_async_client=http)
        await gemini_batch(genai.Client(api_key="k", http_options=options).aio)


async def gemini_batch(client: Any) -> None:  # noqa: ANN401 # the SDK's own
    """Make a batch, read it, take it back and delete it."""
    request = types.InlinedRequest(contents="hello", metadata={"key": "a"})
    made = await client.batches.create(
        model="gemini-2.5-flash", src=[request], config={"display_name": "ours"}
    )
    found = await client.batches.get(name=made.name)
    assert found.state == types.JobState.JOB_STATE_SUCCEEDED
    assert found.dest is not None
    (result,) = found.dest.inlined_responses or []
    assert (result.metadata, result.response and result.response.text) == ({"key": "a"}, "hello")
    await client.batches.cancel(name=made.name)
    await client.batches.delete(name=made.name)
