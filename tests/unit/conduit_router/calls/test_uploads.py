"""Files that follow a request in messages."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.call_bench import CALLER, Bench

from conduit.v1.audio_requests_pb2 import TranscribeRequest, TranscribeResponse
from conduit.v1.form_pb2 import FileChunk, FormFile
from conduit.v1.image_requests_pb2 import EditImagesRequest, StreamEditImagesResponse
from conduit_kernel.errors import ConduitError, InvalidRequest, RequestTooLarge
from conduit_kernel.http import SpillSpace
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_providers.operations.image_edit import OPERATION as EDIT
from conduit_providers.operations.transcribe import OPERATION
from conduit_router.calls import uploads
from conduit_router.calls.uploads import (
    MAX_FILES,
    KeptMessages,
    ReceivedFiles,
    StreamingUploadCalls,
    UploadCalls,
    answering_to_end,
    streaming_to_end,
)


def start(*sizes: int | None) -> TranscribeRequest:
    """Return a first message with files of these sizes."""
    message = TranscribeRequest()
    for number, size in enumerate(sizes):
        member = message.start.multipart.members.add(name="file")
        member.file.CopyFrom(FormFile(filename=f"{number}.wav", size=size))
    return message


def chunk(index: int, data: bytes) -> TranscribeRequest:
    """Return a message with some bytes of a file."""
    return TranscribeRequest(chunk=FileChunk(index=index, data=data))


async def messages(*given: TranscribeRequest) -> AsyncIterator[TranscribeRequest]:
    """Yield messages."""
    for message in given:
        yield message


async def files_of(folder: Path, first: TranscribeRequest, *rest: TranscribeRequest) -> list[bytes]:
    """Return the bytes of each file, read twice as two candidates would."""
    space = SpillSpace(folder, memory_bytes=10)
    left = space.left
    received = ReceivedFiles(first.start, messages(*rest), space)
    try:
        await received.fill_all_but_last()
        passes = [
            [b"".join([piece async for piece in await file.open()]) for file in received.files]
            for _ in range(2)
        ]
    finally:
        received.close()
        assert space.left == left
    assert passes[0] == passes[1]
    return passes[0]


async def test_files_come_one_after_the_other(tmp_path: Path) -> None:
    """In several pieces; one without any is empty, wherever it is."""
    rest = [chunk(0, b"a" * 50), chunk(0, b"b"), chunk(0, b""), chunk(2, b"c" * 50)]
    found = await files_of(tmp_path, start(None, None, 50, 0), *rest)
    assert found == [b"a" * 50 + b"b", b"", b"c" * 50, b""]
    assert await files_of(tmp_path, start(None)) == [b""]
    assert await files_of(tmp_path, start()) == []


async def test_a_file_may_be_in_the_first_message(tmp_path: Path) -> None:
    """However deep, beside others that follow it."""
    first = EditImagesRequest()
    edit = first.start.edit
    edit.images.add().file.CopyFrom(FormFile(filename="a.png", content=b"inline", size=6))
    edit.images.add(image_url="https://images.example.com/b.png")
    edit.images.add().file.CopyFrom(FormFile(filename="c.png"))
    edit.mask.file.CopyFrom(FormFile(filename="mask.png", content=b"too long", size=3))
    received = ReceivedFiles(first.start, messages(chunk(1, b"later")), SpillSpace(tmp_path))
    *files, mask = received.files
    for file in files:
        await file.fill()
    found = [b"".join([piece async for piece in await file.open()]) for file in files]
    assert found == [b"inline", b"later"]
    with pytest.raises(InvalidRequest):
        await mask.fill()
    received.close()


async def test_no_message_is_lost_with_an_attempt(tmp_path: Path) -> None:
    """One that ends while it waits for more leaves it to the next."""
    more = asyncio.Event()

    async def slow() -> AsyncIterator[TranscribeRequest]:
        yield chunk(0, b"one")
        await more.wait()
        yield chunk(0, b"two")

    kept = KeptMessages(slow())
    received = ReceivedFiles(start(None).start, kept, SpillSpace(tmp_path))
    (file,) = received.files
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await file.fill()
    more.set()
    assert [piece async for piece in await file.open()] == [b"one", b"two"]
    received.close()
    kept.close()


async def test_a_caller_is_read_to_its_end_before_an_error_goes_out() -> None:
    """Or gRPC's client loses the error; what is good is answered at once."""
    read: list[int] = []

    async def asked() -> AsyncIterator[TranscribeRequest]:
        for number in range(5):
            read.append(number)
            yield chunk(0, b"x")

    async def fail(requests: AsyncIterator[TranscribeRequest], **_: object) -> None:
        await anext(requests)
        raise InvalidRequest("no")

    async def answer(requests: AsyncIterator[TranscribeRequest], **_: object) -> AsyncIterator[int]:
        yield len((await anext(requests)).chunk.data)

    with pytest.raises(InvalidRequest):
        await answering_to_end(fail)(asked())
    assert read == [0, 1, 2, 3, 4]
    read.clear()
    assert [found async for found in streaming_to_end(answer)(asked())] == [1]
    assert read == [0]


@pytest.mark.parametrize(
    ("sizes", "rest", "error"),
    [
        ((None, None), [chunk(1, b"a"), chunk(0, b"b")], InvalidRequest),
        ((3,), [chunk(0, b"abcd")], InvalidRequest),
        ((3,), [chunk(0, b"ab")], InvalidRequest),
        ((3, None), [chunk(0, b"ab"), chunk(1, b"c")], InvalidRequest),
        ((None,), [start()], InvalidRequest),
        ((None,), [chunk(0, b"x" * 60), chunk(0, b"x" * 60)], RequestTooLarge),
        ((None,) * (MAX_FILES + 1), [], InvalidRequest),
    ],
    ids=["order", "longer", "shorter", "shorter before another", "start", "too large", "too many"],
)
async def test_files_that_are_not_as_said_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sizes: tuple[int | None, ...],
    rest: list[TranscribeRequest],
    error: type[ConduitError],
) -> None:
    """With nothing left of them."""
    monkeypatch.setattr(uploads, "MAX_UPLOAD_BYTES", 100)
    with pytest.raises(error):
        await files_of(tmp_path, start(*sizes), *rest)
    assert not list(tmp_path.iterdir())


async def test_files_at_hand_are_bounded_as_others_are(tmp_path: Path) -> None:
    """Who asks in this process has kept as many as a form may have parts."""

    class AtHand:
        files = (object(),) * (MAX_FILES + 1)

        def __aiter__(self) -> AsyncIterator[TranscribeRequest]:
            return messages(start(None))

    with pytest.raises(InvalidRequest, match=f"at most {MAX_FILES} files"):
        async with uploads.received(AtHand(), SpillSpace(tmp_path)):
            pass


async def test_files_at_hand_are_not_kept_again(tmp_path: Path) -> None:
    """Who asks in this process has them already: their messages are not even read."""

    class AtHand:
        files = ()

        def __init__(self, kind: str = "transcription") -> None:
            self.read = 0
            self._kind = kind

        def __aiter__(self) -> "AtHand":
            return self

        async def __anext__(self) -> TranscribeRequest | EditImagesRequest:
            self.read += 1
            if self._kind == "edit":
                wish = EditImagesRequest()
                wish.start.json = b'{"model":"nobody\'s","prompt":"p","images":[{}]}'
                return wish
            first = TranscribeRequest()
            first.start.transcription.model = "nobody's"
            return first

    runtime, space = Bench(tmp_path).runtime, SpillSpace(tmp_path)
    asked = AtHand()
    with pytest.raises(ModelNotFound):
        await UploadCalls(runtime, OPERATION, TranscribeResponse, space)(asked, CALLER)
    assert asked.read == 1
    asked = AtHand("edit")
    streaming = StreamingUploadCalls(runtime, EDIT, StreamEditImagesResponse, space)
    with pytest.raises(ModelNotFound):
        await anext(streaming(asked, CALLER))
    assert asked.read == 1
