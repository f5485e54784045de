"""Bytes that are no message, to every method of every service, from somebody who may call it."""

import asyncio
import os
import random
from contextlib import AsyncExitStack
from typing import Any, cast

import grpc
import pytest
from google.protobuf.descriptor_pool import Default
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.attacks.mutation import mutated
from tests.contract.arbitrary import Arbitrary
from tests.support.credentials import admin_metadata
from tests.support.suite import MASTER_KEY, Suite

from conduit.v1.options_pb2 import ACCESS_SERVICE, ACCESS_VIRTUAL_KEY
from conduit_kernel.rpc import service_metadata
from conduit_kernel.rpc.methods import METHODS

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = int(os.environ.get("CONDUIT_FUZZ_SEED", "1"))
CASES = int(os.environ.get("CONDUIT_FUZZ_ROUNDS", "1")) * 4
# What is never right: an error that nobody foresaw.
OURS = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS}
# What stands where it does not belong in a message: lengths, ends, numbers without end.
PIECES = (b"\0", b"\x0a\x00", b"\xff" * 9 + b"\x01", b"\x12\x7f", b"\xed\xa0\x80", b"\x1f")
# So many calls wait beside each other: those of what is watched may have nothing to say.
AT_ONCE = 400


def nonsense(chance: random.Random) -> bytes:
    """Return bytes: of chance alone, or fields that are nested, cut, huge, or of wrong types."""
    match chance.randrange(6):
        case 0:
            return chance.randbytes(chance.randrange(200))
        case 1:
            return (
                varint(chance.randrange(1, 60) << 3 | 2)
                + b"\xff\xff\xff\xff\x0f"
                + chance.randbytes(10)
            )
        case 2:
            body = b""
            for _ in range(chance.randrange(1, 120)):
                body = bytes([chance.randrange(1, 15) << 3 | 2]) + varint(len(body)) + body
            return body
        case 3:
            pairs = (
                bytes([chance.randrange(8, 128) & 0xF8]) + b"\xff" * 9 + b"\x01" for _ in range(20)
            )
            return b"".join(pairs)
        case 4:
            text = chance.choice(
                [b"\xff\xfe", "\ud800".encode(errors="surrogatepass"), b"\0" * 9, b"%s"]
            )
            return b"".join(
                bytes([each << 3 | 2]) + varint(len(text)) + text for each in range(1, 16)
            )
        case _:
            return b"".join(
                bytes([each << 3]) + varint(chance.choice([0, 1, 2**31, 2**63, 2**64 - 1]))
                for each in range(1, 16)
            )


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes((*found, number))


def spoiled(path: str, arbitrary: Arbitrary, chance: random.Random) -> bytes:
    """Return a message of a method's type, which is right or has something wrong in it."""
    service, _, name = path.strip("/").partition("/")
    method = Default().FindServiceByName(service).methods_by_name[name]
    message = arbitrary.message(method.input_type).SerializeToString()
    return chance.choice((message, mutated(message, PIECES, chance)))


Case = tuple[grpc.aio.Channel, str, bytes, tuple[tuple[str, str], ...]]


async def test_no_bytes_bring_about_an_error_of_ours(
    gateway: Suite, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each call ends, in a status that says whose fault it is; the log has no traceback."""
    chance, arbitrary = random.Random(SEED), Arbitrary(SEED)  # noqa: S311 # for nonsense
    keys = {
        ACCESS_VIRTUAL_KEY: (("authorization", f"Bearer {gateway.virtual_key}"),),
        ACCESS_SERVICE: service_metadata(gateway.settings.service_tokens[0]),
    }
    async with AsyncExitStack() as stack:
        for name in ("registry", "router", "health", "billing", "storage"):
            address = f"127.0.0.1:{gateway.ports()[name]}"
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
            served = await methods_of(channel)
            assert served
            cases = [
                (channel, path, data, keys.get(METHODS[path].access, admin_metadata(MASTER_KEY)))
                for path in served
                for data in [
                    *(nonsense(chance) for _ in range(CASES)),
                    *(spoiled(path, arbitrary, chance) for _ in range(CASES)),
                ]
            ]
            for start in range(0, len(cases), AT_ONCE):
                await held(cases[start : start + AT_ONCE])
    assert "Traceback" not in "".join(capfd.readouterr())


async def methods_of(channel: grpc.aio.Channel) -> list[str]:
    """Return the methods of the contract that a server has, in order."""
    # Of no type: its stubs know no asyncio.
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("grpc.Channel", channel))
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in stub.ServerReflectionInfo(iter([asked])):
        names = tuple(f"/{each.name}/" for each in answer.list_services_response.service)
        return sorted(path for path in METHODS if path.startswith(names))
    return []


async def held(cases: list[Case]) -> None:
    """Make calls side by side, and hold their outcomes to what is right."""
    outcomes = await asyncio.gather(*(outcome(*case) for case in cases))
    found = [
        (path, code, words, data)
        for (_, path, data, _), (code, words) in zip(cases, outcomes, strict=True)
        if code in OURS
    ]
    assert found == []


async def outcome(
    channel: grpc.aio.Channel, path: str, data: bytes, metadata: tuple[tuple[str, str], ...]
) -> tuple[grpc.StatusCode, str]:
    """Return how a call ended: the first message of a stream is enough."""
    # What is watched may have nothing to say.
    seconds = 0.5 if METHODS[path].server_streaming else 30
    method: Any = channel.unary_stream(path)
    call = method(data, metadata=metadata, timeout=seconds)
    try:
        await call.read()
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    finally:
        call.cancel()
    return grpc.StatusCode.OK, ""
