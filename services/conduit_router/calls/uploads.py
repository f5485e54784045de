"""Calls that bring files: the request comes first, its files' bytes in the messages after it.

What was read of a file is kept until the call ends, so that a second candidate can have it.
"""

import asyncio
import contextlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterator,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any

from google.protobuf.message import Message

from conduit.v1.form_pb2 import FileChunk, FormFile
from conduit_kernel.errors import ConduitError, InvalidRequest, RequestTooLarge
from conduit_kernel.http import FilesAtHand, SpillBody, SpillSpace, Upload
from conduit_kernel.http.limits import MIB
from conduit_providers.operation import AnyStreamedUploadOperation, AnyUploadOperation
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.streaming import StreamingCalls
from conduit_router.calls.unary import UnaryCalls
from conduit_router.context import CallerContext, options_of
from conduit_router.idempotency.rpcs import KeyedRpc, has_key, one

# As many images as any model changes at once, with a mask and marks.
MAX_FILES = 18
READ_ON_SECONDS = 10.0
MAX_UPLOAD_BYTES = 128 * MIB


def answering_to_end(rpc: Callable[..., Any]) -> Callable[..., Any]:
    """Let an RPC with one answer read what its caller sends to the end before it fails."""

    async def call(requests: AsyncIterable[Any], **caller: object) -> Any:  # noqa: ANN401 # of each RPC its own
        async with _reading_to_end(requests) as messages:
            return await rpc(messages, **caller)

    return call


def streaming_to_end(rpc: Callable[..., Any]) -> Callable[..., Any]:
    """Let an RPC with many answers read what its caller sends to the end before it fails."""

    async def call(requests: AsyncIterable[Any], **caller: object) -> AsyncIterator[Any]:
        async with (
            _reading_to_end(requests) as messages,
            aclosing(rpc(messages, **caller)) as answers,
        ):
            async for answer in answers:
                yield answer

    return call


@asynccontextmanager
async def _reading_to_end(requests: AsyncIterable[Any]) -> AsyncIterator["KeptMessages"]:
    """Read on before an error goes out, within bounds.

    gRPC's client of Python takes the end of a call that it still writes to for a failure of its
    own, and loses the error.
    """
    messages = KeptMessages(requests)
    try:
        yield messages
    except ConduitError:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READ_ON_SECONDS):
                await _read_on(messages)
        raise
    finally:
        messages.close()


class KeptMessages:
    """The messages of a caller, of which none is lost where a reader is cut off."""

    def __init__(self, messages: AsyncIterable[Any]) -> None:
        self._messages = aiter(messages)
        self._next: asyncio.Future[Any] | None = None

    def __aiter__(self) -> "KeptMessages":
        """Return itself: whoever reads goes on where the last one ended."""
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 # of each RPC its own
        """Return the next message."""
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._messages, None))
        # An attempt ends while it waits for the next message, which is another attempt's then.
        message = await asyncio.shield(self._next)
        self._next = None
        if message is None:
            raise StopAsyncIteration
        return message

    def close(self) -> None:
        """Wait for no more."""
        if self._next is not None:
            self._next.cancel()


async def _read_on(requests: AsyncIterable[Any]) -> None:
    left = MAX_UPLOAD_BYTES
    async for message in requests:
        left -= len(message.chunk.data)
        if left < 0:
            return


class UploadCalls:
    """Makes the calls of one RPC with one answer."""

    def __init__(
        self,
        runtime: CallRuntime,
        operation: AnyUploadOperation,
        response: Callable[[], Any],
        space: SpillSpace,
        keyed: KeyedRpc | None = None,
    ) -> None:
        """Take the operation, the class of the RPC's response, and the room for files.

        `keyed` makes calls with an idempotency key once; without it they are made as they come.
        """
        self._calls = UnaryCalls(runtime, operation, response)
        self._operation = operation
        self._space = space
        self._keyed = keyed

    async def __call__(self, requests: AsyncIterable[Any], caller: CallerContext) -> Any:  # noqa: ANN401 # of each RPC its own
        """Answer a request, in its form."""
        async with received(requests, self._space) as (start, files):
            form = self._operation.form_of_upload(start, files)
            asked = form, options_of(start), caller
            if self._keyed is None or not has_key(start):
                return await self._calls.answer(*asked)
            make = partial(one, self._calls.answer, *asked)
            return await self._keyed.answer(start, caller, make, files)


class StreamingUploadCalls:
    """Makes the calls of one RPC with many answers."""

    def __init__(
        self,
        runtime: CallRuntime,
        operation: AnyStreamedUploadOperation,
        response: Callable[[], Any],
        space: SpillSpace,
        keyed: KeyedRpc | None = None,
    ) -> None:
        """Take the same as `UploadCalls`."""
        self._calls = StreamingCalls(runtime, operation, response)
        self._operation = operation
        self._space = space
        self._keyed = keyed

    async def __call__(
        self, requests: AsyncIterable[Any], caller: CallerContext
    ) -> AsyncGenerator[Any, None]:
        """Yield the messages of the answer to a request, in its form."""
        async with received(requests, self._space) as (start, files):
            form = self._operation.form_of_upload(start, files)
            make = partial(self._calls.answer, form, options_of(start), caller)
            keyed = self._keyed if has_key(start) else None
            answer = make() if keyed is None else keyed.stream(start, caller, make, files)
            async with aclosing(answer) as messages:
                async for message in messages:
                    yield message


@asynccontextmanager
async def received(
    requests: AsyncIterable[Any], space: SpillSpace, *, max_bytes: int = 0
) -> AsyncIterator[tuple[Any, Sequence[Upload]]]:
    """Return what is asked, and the files that the messages behind it bring.

    They may have as many bytes as any upload, unless another number is said.
    """
    if isinstance(requests, FilesAtHand):
        # They are kept already, by who asks.
        start = await _start_of(requests)
        _check_number(len(requests.files))
        yield start, requests.files
        return
    messages = requests if isinstance(requests, KeptMessages) else KeptMessages(requests)
    received = ReceivedFiles(await _start_of(messages), messages, space, max_bytes)
    try:
        await received.fill_all_but_last()
        yield received.start, received.files
    finally:
        received.close()
        if messages is not requests:
            messages.close()


async def _start_of(requests: AsyncIterable[Any]) -> Any:  # noqa: ANN401 # of each RPC its own
    first = await anext(aiter(requests), None)
    if first is None or not first.HasField("start"):
        raise InvalidRequest("The first message must say what is asked", field="start")
    return first.start


class ReceivedFiles:
    """The files of a stream of messages, which bring them one after the other."""

    def __init__(
        self,
        start: Any,  # noqa: ANN401 # as above
        requests: AsyncIterable[Any],
        space: SpillSpace,
        max_bytes: int = 0,
    ) -> None:
        self.start = start
        self._max_bytes = max_bytes or MAX_UPLOAD_BYTES
        self._requests = aiter(requests)
        self._pending: FileChunk | None = None
        self._left = self._max_bytes
        named = _files_of(start)
        _check_number(len(named))
        self.files = [
            SpillBody(
                _FileSource(self, index, file),
                space,
                length=file.size if file.HasField("size") else None,
            )
            for index, file in enumerate(named)
        ]

    async def fill_all_but_last(self) -> None:
        """Keep the files before the last one, which is then read as it comes."""
        for file in self.files[:-1]:
            await file.fill()

    async def next_of(self, index: int) -> bytes:
        """Return the next bytes of a file; b"" at its end."""
        if self._pending is None:
            self._pending = await self._received()
        chunk = self._pending
        if chunk is None or chunk.index > index:
            return b""
        if chunk.index < index:
            raise InvalidRequest("The files must come in their order", field="chunk.index")
        self._pending = None
        self._left -= len(chunk.data)
        if self._left < 0:
            most = self._max_bytes
            raise RequestTooLarge(f"Files may have {most} bytes", limit_bytes=str(most))
        return chunk.data

    async def _received(self) -> FileChunk | None:
        while (message := await anext(self._requests, None)) is not None:
            if not message.HasField("chunk"):
                raise InvalidRequest("Only the first message may say what is asked", field="start")
            chunk: FileChunk = message.chunk
            if chunk.data:
                return chunk
        return None

    def close(self) -> None:
        """Give the files up."""
        for file in self.files:
            file.close()


class _FileSource:
    """The bytes of one file, held to the announced length."""

    def __init__(self, received: ReceivedFiles, index: int, file: FormFile) -> None:
        self._received = received
        self._index = index
        self._left = file.size if file.HasField("size") else None
        # What the first message has of it.
        self._content = file.content

    async def next(self) -> bytes:
        data, self._content = self._content, b""
        data = data or await self._received.next_of(self._index)
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0 or (self._left and not data):
                raise InvalidRequest("A file has another size than was said", field="file.size")
        return data


def _check_number(files: int) -> None:
    if files > MAX_FILES:
        raise InvalidRequest(f"A request may have at most {MAX_FILES} files", field="file")


def _files_of(start: Any) -> list[FormFile]:  # noqa: ANN401 # of each RPC its own
    """Return the files of a first message, in order."""
    held = getattr(start, start.WhichOneof("form") or "", None)
    return list(_files_in(held)) if isinstance(held, Message) else []


def _files_in(message: Message) -> Iterator[FormFile]:
    """Yield the files in a message, in order, however deep they are."""
    if isinstance(message, FormFile):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else [value]:
                yield from _files_in(each)
