"""Who is let in to which RPC."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import pytest
from structlog.testing import capture_logs
from tests.support.credentials import Metadata, admin_metadata
from tests.support.waiting import eventually

from conduit.internal.v1.methods import METHODS as INTERNAL
from conduit.v1.administrator_pb2 import Administrator
from conduit.v1.caller_security_pb2 import CallerSecurity
from conduit.v1.role_pb2 import ROLE_OWNER
from conduit_kernel.auth import (
    CERTIFICATE_HEADER,
    Authorizer,
    Principal,
    PrincipalKind,
    current_principal,
)
from conduit_kernel.rpc import RpcServer, connect, error_of, service_metadata
from conduit_kernel.rpc.auth_interceptor import AuthInterceptor, address_of, metadata_of
from conduit_kernel.rpc.message_room import MessageRoom
from conduit_kernel.rpc.methods import METHODS

TOKENS = ("current-token", "former-token")
UNARY = [name for name, method in INTERNAL.items() if not method.server_streaming]
STREAMING = [name for name, method in INTERNAL.items() if method.server_streaming]
STRANGERS = [
    (),
    admin_metadata("master"),
    (("authorization", "Bearer condt_x"),),
    service_metadata(""),
    service_metadata("wrong"),
    service_metadata("master"),
]


async def _answer(_request: bytes, _context: object) -> bytes:
    return b"answer"


async def _stream(_request: bytes, _context: object) -> AsyncIterator[bytes]:
    yield b"answer"


@asynccontextmanager
async def served(name: str, *tokens: str) -> AsyncIterator[grpc.aio.Channel]:
    """Serve one RPC that answers whoever gets to it."""
    server = RpcServer(name="any", master_key="master", service_tokens=tokens)
    service, _, rpc = name.strip("/").partition("/")
    # Any: of bytes, as nothing is made of them here.
    handler: Any = (
        grpc.unary_stream_rpc_method_handler(_stream)
        if INTERNAL[name].server_streaming
        else grpc.unary_unary_rpc_method_handler(_answer)
    )
    server.grpc.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {rpc: handler}),)
    )
    await server.start("127.0.0.1", 0)
    channel = connect(f"127.0.0.1:{server.port}")
    try:
        yield channel
    finally:
        await channel.close()
        await server.drain(0)


async def first_answer(channel: grpc.aio.Channel, name: str, metadata: Metadata) -> object:
    """Call an RPC, of whichever kind, and return its first answer."""
    # Any: without serializers the messages are bytes.
    streaming: Any = channel.unary_stream(name)
    unary: Any = channel.unary_unary(name)
    if INTERNAL[name].server_streaming:
        return await streaming(b"", metadata=metadata).read()
    return await unary(b"", metadata=metadata)


@pytest.mark.parametrize("name", INTERNAL)
async def test_internal_rpcs_refuse_everybody_but_services(name: str) -> None:
    """The master key, virtual keys and wrong or empty tokens open none of them."""
    async with served(name, *TOKENS) as channel:
        for metadata in STRANGERS:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await first_answer(channel, name, metadata)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert error_of(refused.value, "any").reason == "SERVICE_TOKEN_INVALID"


@pytest.mark.parametrize("name", [UNARY[0], STREAMING[0]])
async def test_services_are_let_in_with_the_current_or_a_former_token(name: str) -> None:
    """So that an encryption key can be changed while services run."""
    async with served(name, *TOKENS) as channel:
        for token in TOKENS:
            assert await first_answer(channel, name, service_metadata(token)) == b"answer"


async def test_a_server_without_tokens_lets_no_service_in() -> None:
    """Nothing that is given equals nothing that is known."""
    async with served(UNARY[0]) as channel:
        for metadata in STRANGERS:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await first_answer(channel, UNARY[0], metadata)
            assert error_of(refused.value, "any").reason == "SERVICE_TOKEN_INVALID"


@pytest.mark.parametrize("given", ["req_of_the_caller", ""])
async def test_an_error_names_the_request(given: str) -> None:
    """By the caller's id if it sent one, or by a fresh one."""
    metadata = (("x-request-id", given),) if given else ()
    async with served(UNARY[0], *TOKENS) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await first_answer(channel, UNARY[0], metadata)
    name = error_of(refused.value, "any").metadata["request_id"]
    assert name == given if given else name.startswith("req_")


GET_PROVIDER = "/conduit.v1.RegistryService/GetProvider"


@asynccontextmanager
async def serving(
    method: str,
    handler: Any,  # noqa: ANN401 # gRPC's own
    **options: Any,  # noqa: ANN401 # passed on
) -> AsyncIterator[grpc.aio.Channel]:
    """Serve one RPC with a handler."""
    server = RpcServer(name="any", master_key="master", **options)
    service, _, rpc = method.strip("/").partition("/")
    server.grpc.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {rpc: handler}),)
    )
    await server.start("127.0.0.1", 0)
    channel = connect(f"127.0.0.1:{server.port}")
    try:
        yield channel
    finally:
        await channel.close()
        await server.drain(0)


def call(channel: grpc.aio.Channel, method: str) -> Any:  # noqa: ANN401 # of bytes
    """Return a call of a method, to be made with bytes."""
    return channel.unary_unary(method)


async def test_our_own_lack_is_told_as_one_that_passes() -> None:
    """It is nothing that nobody foresaw, whichever RPC finds no descriptor."""

    async def lacking(request: bytes, context: Any) -> bytes:  # noqa: ANN401, ARG001 # gRPC's own
        raise OSError(errno.EMFILE, "Too many open files", "/a/path")

    method = "/conduit.v1.RegistryService/CreateProvider"
    handler: Any = grpc.unary_unary_rpc_method_handler(lacking)
    async with serving(method, handler) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused, capture_logs() as logs:
            await call(channel, method)(b"", metadata=admin_metadata("master"))
    error = error_of(refused.value, "any")
    assert (error.reason, error.metadata["retry_after_ms"]) == ("SERVICE_UNAVAILABLE", "1000")
    assert "path" not in error.message
    assert "rpc_failed" not in {each["event"] for each in logs}


async def test_a_message_is_not_read_before_its_caller_may_call() -> None:
    """So that strangers cannot fill memory."""
    read: list[int] = []

    def note(message: bytes) -> bytes:
        read.append(len(message))
        return message

    handler: Any = grpc.unary_unary_rpc_method_handler(_answer, request_deserializer=note)
    message = bytes(3_000_000)
    async with serving(GET_PROVIDER, handler) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(channel, GET_PROVIDER)(message)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert error_of(refused.value, "any").reason == "MASTER_KEY_MISSING"
        assert read == []
        await call(channel, GET_PROVIDER)(message, metadata=admin_metadata("master"))
        assert read == [len(message)]


async def test_who_may_not_call_is_told_before_a_message_comes() -> None:
    """So nobody is waited for who begins calls and says nothing."""

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    handler: Any = grpc.unary_unary_rpc_method_handler(_answer)
    async with serving(GET_PROVIDER, handler) as channel:
        # As whoever keeps to no contract.
        method: Any = channel.stream_unary(GET_PROVIDER)
        async with asyncio.timeout(20):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await method(nothing())
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_rules_are_judged_before_a_message_comes() -> None:
    """From where a credential is used is known by then."""
    elsewhere = CallerSecurity(allowed_ips=["10.0.0.0/8"])

    def identify(_token: str) -> Administrator:
        return Administrator(name="Ann", role=ROLE_OWNER, is_enabled=True, security=elsewhere)

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    handler: Any = grpc.unary_unary_rpc_method_handler(_answer)
    metadata = (("authorization", "Bearer condt_admin_x"),)
    async with serving(GET_PROVIDER, handler, administrators=identify) as channel:
        method: Any = channel.stream_unary(GET_PROVIDER)
        async with asyncio.timeout(20):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await method(nothing(), metadata=metadata)
    assert error_of(refused.value, "any").reason == "CALLER_NOT_ALLOWED"


async def test_a_call_without_a_message_is_refused() -> None:
    """It ends, and says nothing."""

    async def nothing() -> AsyncIterator[bytes]:
        none: tuple[bytes, ...] = ()
        for message in none:
            yield message

    handler: Any = grpc.unary_unary_rpc_method_handler(_answer)
    async with serving(GET_PROVIDER, handler) as channel:
        method: Any = channel.stream_unary(GET_PROVIDER)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await method(nothing(), metadata=admin_metadata("master"), timeout=20)
    assert error_of(refused.value, "any").reason == "INVALID_REQUEST"


async def test_messages_are_bounded_together() -> None:
    """Until their calls are answered; who sends more is told to come again."""
    answers = asyncio.Event()

    async def waiting(request: bytes, _context: object) -> bytes:
        if len(request) > 1:
            await answers.wait()
        return b"answer"

    handler: Any = grpc.unary_unary_rpc_method_handler(waiting)
    metadata = admin_metadata("master")
    # Which gRPC does not try again by itself.
    name = "/conduit.v1.RegistryService/CreateProvider"
    async with serving(name, handler, max_messages_bytes=4000) as channel:
        method = call(channel, name)
        others = [asyncio.ensure_future(method(bytes(1000), metadata=metadata)) for _ in range(4)]
        # Three quarters are of one address.
        refused, _ = await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        for each in refused:
            error = error_of(cast("grpc.aio.AioRpcError", each.exception()), "any")
            assert error.reason == "SERVICE_UNAVAILABLE"
            assert error.metadata["retry_after_ms"] == "1000"
        assert len(refused) == 1
        answers.set()
        assert len(await asyncio.gather(*others, return_exceptions=True)) == 4
        assert await method(bytes(3000), metadata=metadata) == b"answer"


async def test_messages_are_bounded() -> None:
    """At four megabytes, but for the services that take more."""
    handler: Any = grpc.unary_unary_rpc_method_handler(_answer)
    message = bytes(5 * 1024 * 1024)
    async with serving(GET_PROVIDER, handler) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(channel, GET_PROVIDER)(message, metadata=admin_metadata("master"))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    async with serving(GET_PROVIDER, handler, max_message_bytes=8 * 1024 * 1024) as channel:
        assert await call(channel, GET_PROVIDER)(message, metadata=admin_metadata("master"))


async def test_calls_on_a_connection_are_bounded() -> None:
    """More wait at their caller, and none is lost."""
    started, go = list[int](), asyncio.Event()

    async def wait(_request: bytes, _context: object) -> bytes:
        started.append(1)
        await go.wait()
        return b"answer"

    handler: Any = grpc.unary_unary_rpc_method_handler(wait)
    async with serving(GET_PROVIDER, handler, max_streams=2) as channel:
        # Until it has heard of the bound.
        await channel.channel_ready()
        method = call(channel, GET_PROVIDER)
        calls = [method(b"", metadata=admin_metadata("master")) for _ in range(5)]

        async def are_two() -> bool:
            return len(started) == 2

        await eventually(are_two)
        await asyncio.sleep(0.1)
        assert len(started) == 2
        go.set()
        assert await asyncio.gather(*calls) == [b"answer"] * 5


@pytest.mark.parametrize("method", ["/conduit.v1.RegistryService/ReadMinds", "/other.Service/Call"])
async def test_methods_that_nobody_knows_are_denied(method: str) -> None:
    """Also where something would serve them; administrators learn that they do not exist."""
    handler: Any = grpc.unary_unary_rpc_method_handler(_answer)
    for served_method in (method, GET_PROVIDER):
        async with serving(served_method, handler) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(channel, method)(b"")
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    async with serving(GET_PROVIDER, handler) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await call(channel, method)(b"", metadata=admin_metadata("master"))
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_an_rpc_knows_who_calls_and_from_where() -> None:
    """The address is the connection's own, but for a service of ours, which may say whose it is."""
    seen: list[Principal] = []

    async def note(_request: bytes, _context: object) -> bytes:
        seen.append(current_principal())
        return b""

    handler: Any = grpc.unary_unary_rpc_method_handler(note)
    spoof = ("x-conduit-peer", "203.0.113.7")
    chat = "/conduit.v1.RouterService/Chat"
    ours, forged = service_metadata("token"), service_metadata("tokem")
    bearer = ("authorization", "Bearer condt_1")
    async with serving(GET_PROVIDER, handler, service_tokens=["token"]) as channel:
        for more in ((), (spoof,), (spoof, *forged), (spoof, *ours)):
            await call(channel, GET_PROVIDER)(b"", metadata=(*admin_metadata("master"), *more))
    known: Any = str
    async with serving(chat, handler, virtual_keys=known, service_tokens=["token"]) as channel:
        for more in ((), ours):
            await call(channel, chat)(b"", metadata=(bearer, spoof, *more))
    assert [(p.kind, p.address) for p in seen] == [
        *[(PrincipalKind.ADMINISTRATOR, "127.0.0.1")] * 3,
        (PrincipalKind.ADMINISTRATOR, "203.0.113.7"),
        (PrincipalKind.VIRTUAL_KEY, "127.0.0.1"),
        (PrincipalKind.VIRTUAL_KEY, "203.0.113.7"),
    ]
    assert seen[4].virtual_key == "Bearer condt_1"


@pytest.mark.parametrize(
    ("shown", "name"), [({}, None), ({"x509_common_name": [b"billing"]}, "billing")]
)
def test_what_a_caller_says_of_a_certificate_is_believed_from_nobody(
    shown: dict[str, list[bytes]], name: str | None
) -> None:
    """Only what the connection has shown."""

    class Claiming:
        def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
            return (CERTIFICATE_HEADER, "operators"), ("x-request-id", "1")

        def auth_context(self) -> dict[str, list[bytes]]:
            return shown

    context: Any = Claiming()
    found = metadata_of(context)
    assert (found.get(CERTIFICATE_HEADER), found["x-request-id"]) == (name, "1")


class Call:
    """What gRPC tells of a call, and how often it was asked."""

    method = GET_PROVIDER
    invocation_metadata = admin_metadata("master")

    def auth_context(self) -> dict[str, list[bytes]]:
        """Have shown no certificate."""
        return {}

    def peer(self) -> str:
        """Return the address."""
        return "ipv4:127.0.0.1:1"


async def test_metadata_are_read_once() -> None:
    """Not by each who needs one of them: here gRPC tells them before the call alone."""
    authorizer = Authorizer(METHODS, master_key="master")
    handler: Any = grpc.unary_unary_rpc_method_handler(_answer)

    async def found(_details: object) -> Any:  # noqa: ANN401 # gRPC's own
        return handler

    call: Any = Call()
    room = MessageRoom(1000, 1000, int)
    made: Any = await AuthInterceptor(authorizer, room).intercept_service(found, call)

    async def messages() -> AsyncIterator[bytes]:
        yield b""

    assert await made.stream_unary(messages(), call) == b"answer"


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.1:4321", "10.0.0.1"),
        ("ipv6:%5B::1%5D:4321", "::1"),
        ("ipv6:%5B2001:db8::1%5D:4321", "2001:db8::1"),
        ("unix:", ""),
        ("unix:/run/conduit.sock", ""),
    ],
)
def test_addresses_are_read_from_what_grpc_says(peer: str, address: str) -> None:
    """Without the port, which says nothing of who calls."""
    assert address_of(peer) == address


@asynccontextmanager
async def silent(name: str, answers: int) -> AsyncIterator[tuple[RpcServer, Any]]:
    """Serve one RPC that is silent behind so many answers; yields how it is called, too."""
    server = RpcServer(name="any", master_key="master", service_tokens=TOKENS)
    service, _, rpc = name.strip("/").partition("/")
    begun = asyncio.Event()

    async def unary(_request: bytes, _context: object) -> bytes:
        begun.set()
        await asyncio.Event().wait()
        return b"never"

    async def stream(_request: bytes, _context: object) -> AsyncIterator[bytes]:
        for _ in range(answers):
            yield b"answer"
        begun.set()
        await asyncio.Event().wait()

    is_stream = INTERNAL[name].server_streaming
    handler: Any = (
        grpc.unary_stream_rpc_method_handler(stream)
        if is_stream
        else grpc.unary_unary_rpc_method_handler(unary)
    )
    handlers = grpc.method_handlers_generic_handler(service, {rpc: handler})
    server.grpc.add_generic_rpc_handlers((handlers,))
    await server.start("127.0.0.1", 0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        make: Any = channel.unary_stream(name) if is_stream else channel.unary_unary(name)

        async def call(*metadata: tuple[str, str]) -> Any:  # noqa: ANN401 # a call of either kind
            made = make(b"", metadata=(*service_metadata(TOKENS[0]), *metadata))
            received = [await made.read() for _ in range(answers)] if is_stream else []
            assert received == [b"answer"] * answers
            await begun.wait()
            return made

        yield server, call
    await server.drain(0)


CALLS = [(UNARY[0], 0), (STREAMING[0], 0), (STREAMING[0], 2)]


async def ended_with(server: RpcServer, name: str, code: str) -> None:
    """Wait until the server has counted its one call, which its caller may see end before."""

    async def is_counted() -> bool:
        return bool(server.rpcs.counts[name].codes)

    await eventually(is_counted)
    assert server.rpcs.counts[name].codes == {code: 1}


@pytest.mark.parametrize(("name", "answers"), CALLS)
async def test_a_call_that_outlasts_a_drain_may_be_tried_elsewhere(name: str, answers: int) -> None:
    """Its caller did not cancel it: UNAVAILABLE and when to come back, behind what was answered."""
    async with silent(name, answers) as (server, call):
        made = await call()
        async with asyncio.timeout(2):
            await server.drain(0.01)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await (made.read() if answers or name in STREAMING else made)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        error = error_of(ended.value, "any")
        assert (error.reason, error.metadata["retry_after_ms"]) == ("SERVICE_UNAVAILABLE", "1000")
        await ended_with(server, name, "UNAVAILABLE")


async def test_the_calls_of_a_bridge_are_left_to_grpc() -> None:
    """Its channel makes those again that are cancelled, and none of which the Router says why."""
    async with silent(UNARY[0], 0) as (server, call):
        made = await call(("x-conduit-peer", "192.0.2.1"))
        await server.drain(0.01)
        with pytest.raises((asyncio.CancelledError, grpc.aio.AioRpcError)):
            await made
        await ended_with(server, UNARY[0], "CANCELLED")


async def test_a_call_that_ends_in_time_is_whole() -> None:
    """A drain that everybody is done with takes no longer."""
    async with silent(UNARY[0], 0) as (server, call):
        made = await call()
        draining = asyncio.create_task(server.drain(5.0))
        await asyncio.sleep(0)
        made.cancel()
        async with asyncio.timeout(2):
            await draining
        await ended_with(server, UNARY[0], "CANCELLED")
