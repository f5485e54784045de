"""Files that callers send and have back, with OpenAI's SDK and over gRPC."""

import hashlib
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import grpc
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit.v1 import stored_file_requests_pb2 as pb
from conduit.v1.form_pb2 import FileChunk, FormFile
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit.v1.stored_file_pb2 import FileSpec
from conduit_kernel.rpc import connect, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

# The SDK's types for what is asked are for applications.
Client: TypeAlias = Any
LINE = b'{"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m"}}\n'
DAY = 24 * 3600
UNKNOWN = "file-01k4y7" + "0" * 20


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[Client]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=40
    ) as made:
        yield made


@asynccontextmanager
async def other_caller(suite: Suite) -> AsyncIterator[Client]:
    """Return a client with another virtual key."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": f"other {uuid4()}"})
    await suite.settled()
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=made["key"], max_retries=0, timeout=40
    ) as client:
        yield client


async def content_of(client: Client, file_id: str) -> bytes:
    """Return a file's bytes."""
    return bytes((await client.files.content(file_id)).content)


async def test_a_file_comes_back_as_it_was_sent(client: Client) -> None:
    """With what is known of it, and until when it is kept."""
    made = await client.files.create(file=("in.jsonl", LINE * 20), purpose="batch")
    assert made.id.startswith("file-")
    assert (made.object, made.bytes, made.filename) == ("file", len(LINE) * 20, "in.jsonl")
    assert (made.purpose, made.status) == ("batch", "processed")
    assert made.expires_at - made.created_at == 30 * DAY
    assert await client.files.retrieve(made.id) == made
    assert await content_of(client, made.id) == LINE * 20
    gone = await client.files.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "file", True)
    for ask in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError) as refused:
            await ask(made.id)
        assert refused.value.code == "file_not_found"


async def test_a_sender_says_for_how_long_a_file_is_kept(client: Client) -> None:
    """Within an hour and thirty days."""
    asked = {"file": b"x", "purpose": "user_data"}
    made = await client.files.create(
        **asked, expires_after={"anchor": "created_at", "seconds": 7200}
    )
    assert made.expires_at - made.created_at == 7200
    for wrong in (
        {"anchor": "created_at", "seconds": 3599},
        {"anchor": "created_at", "seconds": 30 * DAY + 1},
        {"anchor": "last_active_at", "seconds": 7200},
        {"anchor": "created_at", "seconds": "soon"},
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            await client.files.create(**asked, expires_after=wrong)
        assert str(refused.value.param).startswith("expires_after[")


async def test_files_of_any_bytes_and_length(client: Client) -> None:
    """None of them, more than a piece, and what looks like a form's boundary."""
    for content in (b"", bytes(range(256)) * 10_000, b"\r\n--boundary--\r\n"):
        made = await client.files.create(file=("bytes", content), purpose="vision")
        assert made.bytes == len(content)
        found = await client.files.content(made.id)
        assert found.content == content
        assert found.response.headers["content-type"] == "application/octet-stream"
        await client.files.delete(made.id)


async def test_files_are_listed_page_by_page(suite: Suite) -> None:
    """The caller's own, in the order and for the purpose that are asked for."""
    async with other_caller(suite) as client:
        made = [
            await client.files.create(file=(f"{n}", b"x"), purpose="batch" if n % 2 else "vision")
            for n in range(5)
        ]
        ids = [each.id for each in made]
        assert [each.id async for each in client.files.list()] == ids[::-1]
        assert [each.id async for each in client.files.list(limit=2)] == ids[::-1]
        assert [each.id async for each in client.files.list(order="asc", limit=1)] == ids
        assert [each.id async for each in client.files.list(purpose="batch")] == ids[3::-2]
        page = await client.files.list(limit=2, after=ids[4])
        assert ([each.id for each in page.data], page.has_more) == (ids[3:1:-1], True)
        for wrong in ({"limit": 10_001}, {"limit": -1}, {"order": "up"}, {"after": "x"}):
            with pytest.raises(openai.BadRequestError):
                await client.files.list(**wrong)


async def test_a_file_is_its_senders_alone(suite: Suite, client: Client) -> None:
    """Any other caller is told that there is none, by whichever route."""
    made = await client.files.create(file=b"secret", purpose="user_data")
    async with other_caller(suite) as stranger:
        for ask in (stranger.files.retrieve, stranger.files.content, stranger.files.delete):
            with pytest.raises(openai.NotFoundError) as refused:
                await ask(made.id)
            assert refused.value.code == "file_not_found"
        assert [each.id async for each in stranger.files.list()] == []
    assert await content_of(client, made.id) == b"secret"


@pytest.mark.parametrize(
    "file_id", [UNKNOWN, "x", "file-" + "0" * 5000, "..%2F..%2Fetc", "file-%00"], ids=range(5)
)
async def test_what_is_no_file_of_the_callers_is_not_found(suite: Suite, file_id: str) -> None:
    """Whatever it looks like."""
    async with suite.caller() as client:
        for verb, rest in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            answer = await client.request(verb, f"/v1/files/{file_id}{rest}")
            assert answer.status_code == 404, answer.text
            assert len(answer.text) < 1000


@pytest.mark.parametrize(
    ("data", "files", "param"),
    [
        ({"purpose": "batch"}, None, "content-type"),
        ({}, {"file": b"x"}, "purpose"),
        ({"purpose": "nothing"}, {"file": b"x"}, "purpose"),
        ({"purpose": "batch"}, {"other": b"x"}, "other"),
        ({"purpose": "batch"}, [("file", b"x"), ("file", b"y")], "file"),
    ],
    ids=["no form", "no purpose", "no such purpose", "another member", "two files"],
)
async def test_what_is_wrong_with_a_form_is_said(
    suite: Suite,
    data: dict[str, str],
    files: Any,  # noqa: ANN401 # as httpx takes them
    param: str,
) -> None:
    """And nothing is kept of it."""
    async with suite.caller() as client:
        before = (await client.get("/v1/files")).json()["data"]
        answer = await client.post("/v1/files", data=data, files=files)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["param"] == param
        assert (await client.get("/v1/files")).json()["data"] == before


async def test_nothing_of_a_file_can_be_read_on_the_disk(suite: Suite, client: Client) -> None:
    """It is kept sealed."""
    canary = f"canary-{uuid4()}".encode()
    made = await client.files.create(file=canary * 100, purpose="user_data")
    folder = Path(suite.settings.data_dir)
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert made.id.encode() in written
    assert canary not in written


def pieces(spec: FileSpec, content: bytes, size: int) -> Iterator[pb.CreateFileRequest]:
    """Yield what sends a file."""
    yield pb.CreateFileRequest(start=pb.CreateFileStart(file=spec))
    for start in range(0, len(content), size):
        yield pb.CreateFileRequest(chunk=FileChunk(data=content[start : start + size]))


async def test_files_over_grpc_are_the_same_files(suite: Suite, client: Client) -> None:
    """Sent and read in pieces; listed and deleted."""
    content, digest = LINE * 40_000, hashlib.sha256()
    spec = FileSpec(file=FormFile(filename="in.jsonl"), purpose="batch", expires_after_seconds=7200)
    who = (("authorization", f"Bearer {suite.virtual_key}"),)
    async with connect(suite.settings.target("router")) as channel:
        stub: Any = RouterServiceStub(channel)
        made = (await stub.CreateFile(pieces(spec, content, 250_000), metadata=who)).file
        assert (made.bytes, made.expires_at - made.created_at) == (len(content), 7200)
        async for message in stub.GetFileContent(
            pb.GetFileContentRequest(id=made.id), metadata=who
        ):
            digest.update(message.content)
        assert digest.digest() == hashlib.sha256(content).digest()
        assert (await client.files.retrieve(made.id)).filename == "in.jsonl"
        listed = await stub.ListFiles(pb.ListFilesRequest(limit=1), metadata=who)
        assert [each.id for each in listed.data] == [made.id]
        await stub.DeleteFile(pb.DeleteFileRequest(id=made.id), metadata=who)
        with pytest.raises(grpc.RpcError) as refused:
            await stub.GetFile(pb.GetFileRequest(id=made.id), metadata=who)
        assert error_of(refused.value, "router").reason == "FILE_NOT_FOUND"


async def test_a_file_that_breaks_off_is_none(suite: Suite) -> None:
    """Whoever leaves in the middle of it leaves nothing behind."""
    async with suite.caller() as client:
        before = (await client.get("/v1/files")).json()["data"]
        body = (
            b'--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
        )
        headers = {"content-type": "multipart/form-data; boundary=b"}
        answer = await client.post("/v1/files", content=body + LINE, headers=headers)
        assert answer.status_code == 400, answer.text
        assert (await client.get("/v1/files")).json()["data"] == before


async def test_while_storage_is_away_files_are_refused(suite: Suite, client: Client) -> None:
    """With the answer that SDKs try again for, and all are there once it is back."""
    made = await client.files.create(file=io.BytesIO(LINE), purpose="batch")
    await suite.stop_storage()
    try:
        for ask in (
            client.files.create(file=LINE, purpose="batch"),
            client.files.retrieve(made.id),
            client.files.content(made.id),
            client.files.list(),
            client.files.delete(made.id),
        ):
            with pytest.raises(openai.InternalServerError) as refused:
                await ask
            assert refused.value.status_code == 503
    finally:
        await suite.start_storage()

    async def is_back() -> bool:
        try:
            return bool(await content_of(client, made.id) == LINE)
        except openai.InternalServerError:
            return False

    await eventually(is_back, seconds=30)
