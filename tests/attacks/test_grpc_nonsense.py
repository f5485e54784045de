"""Bytes that are no message, to every method of every service, from somebody who may call it."""

import asyncio
import os
import random
from typing import Any

import grpc
import pytest
from tests.support.suite import MASTER_KEY, Suite

from conduit.v1.methods import METHODS
from conduit.v1.options_pb2 import ACCESS_VIRTUAL_KEY

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = int(os.environ.get("CONDUIT_FUZZ_SEED", "1"))
CASES = int(os.environ.get("CONDUIT_FUZZ_ROUNDS", "1")) * 8
# What is never right: an error that nobody foresaw.
OURS = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS}
# Of what cannot be read gRPC itself says INTERNAL, before it comes to us.
UNREADABLE = "Exception deserializing request!"
SERVICES = {
    "RegistryService": "registry",
    "HealthService": "health",
    "BillingService": "billing",
    "RouterService": "router",
}


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


async def test_no_bytes_bring_about_an_error_of_ours(
    gateway: Suite, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each call ends, in a status that says whose fault it is; the log has no traceback."""
    chance = random.Random(SEED)  # noqa: S311 # for nonsense
    keys = {
        True: (("authorization", f"Bearer {gateway.virtual_key}"),),
        False: (("x-master-key", MASTER_KEY),),
    }
    found = []
    for service, name in SERVICES.items():
        methods = [path for path in METHODS if path.startswith(f"/conduit.v1.{service}/")]
        assert methods
        address = f"127.0.0.1:{gateway.ports()[name]}"
        async with grpc.aio.insecure_channel(address) as channel:
            for path in sorted(methods):
                metadata = keys[METHODS[path].access == ACCESS_VIRTUAL_KEY]
                cases = [nonsense(chance) for _ in range(CASES)]
                calls = (outcome(channel, path, data, metadata) for data in cases)
                for data, (code, words) in zip(cases, await asyncio.gather(*calls), strict=True):
                    if code in OURS and words != UNREADABLE:
                        found.append((path, code, words, data))
    assert found == []
    assert "Traceback" not in "".join(capfd.readouterr())


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
