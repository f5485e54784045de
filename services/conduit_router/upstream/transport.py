"""Carries the codecs' requests to providers, and their failures back as ours."""

import asyncio
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping

from conduit_kernel.addresses import is_public
from conduit_kernel.errors import UpstreamError
from conduit_kernel.http import (
    Headers,
    HttpClient,
    HttpError,
    Origin,
    PreparedRequest,
    Response,
    Timeouts,
)
from conduit_kernel.websocket import HandshakeRefused, WebSocket, WebSocketLimits, connect
from conduit_providers.failures import error_from, malformed
from conduit_providers.spec import ProviderSpec
from conduit_providers.wire import (
    GrpcStreamRequest,
    HttpRequest,
    HttpResponse,
    SessionCreation,
    SessionRequest,
    WebSocketRequest,
)
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.grpc_channels import GrpcChannels
from conduit_router.upstream.grpc_connector import GrpcConnector
from conduit_router.upstream.grpc_sockets import GrpcSocket
from conduit_router.upstream.message_socket import MessageSocket
from conduit_router.upstream.time_left import left_of
from conduit_router.upstream.token_refresh import TokenRefresher
from conduit_router.upstream.transport_errors import raise_unreachable

MAX_ANSWER_BYTES = 64 * 1024 * 1024
# An error body says what it has to say at its beginning.
MAX_ERROR_BYTES = 256 * 1024
# One event may have 15 MiB of sound, in base64.
SOCKET_LIMITS = WebSocketLimits(message_bytes=32 * 1024 * 1024, close_seconds=2.0)
ERROR_SECONDS = 5.0
# More different paths than this is no longer a handful of models.
MAX_PREPARED = 256
OK = range(200, 300)
# Says to a gateway how many others a request has passed.
HOPS = b"x-conduit-hops"
# Of W3C Trace Context: the span that a request is of.
TRACEPARENT = b"traceparent"


class LazyHeaders(Mapping[str, str]):
    """A response's headers as codecs see them, decoded only when asked for."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        """Return a header's value."""
        value = self._headers.get(name.encode())
        if value is None:
            raise KeyError(name)
        return value.decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return (name.decode("latin-1") for name, _ in self._headers.items())

    def __len__(self) -> int:
        """Return how many headers there are."""
        return sum(1 for _ in self._headers.items())


class Transport:
    """Sends requests to upstream targets."""

    def __init__(
        self,
        client: HttpClient,
        guarded_client: HttpClient,
        token_refresher: TokenRefresher,
        clock: Callable[[], float],
        channels: GrpcChannels | None = None,
    ) -> None:
        """Take two clients: one for the catalog's addresses, one for those of operators.

        `channels` are for providers that speak gRPC, at public addresses alone by default.
        """
        self._client = client
        self._guarded_client = guarded_client
        self._token_refresher = token_refresher
        self._clock = clock
        self.channels = channels or GrpcChannels(allow_address=is_public)
        # What calls of gRPC begin with, see `jobs/grpc_calls`.
        self.connector = GrpcConnector(self.channels, token_refresher, clock)

    async def open(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: HttpRequest,
        timeouts: Timeouts,
        on_refusal: Callable[[HttpResponse], None] | None = None,
    ) -> Response:
        """Send a request and return its 2xx answer, with the body still to be read.

        UpstreamError, by class, for everything else; `on_refusal` gets the answer that it is read
        from. Close what is returned, always.
        """
        if upstream.signer.is_static:
            if request.upload is None:
                prepared = self.prepared(upstream, request)
            else:
                prepared = self._prepare(upstream, upstream.signer.sign(request))
        else:
            began = self._clock()
            await self._token_refresher.ensure(upstream, timeouts.header)
            timeouts = left_of(timeouts, self._clock() - began)
            prepared = self._prepare(upstream, upstream.signed(request))
        body = request.body if request.upload is None else request.upload
        try:
            response = await self._client.send_prepared(prepared, (), body, timeouts=timeouts)
        except HttpError as error:
            raise_unreachable(error, upstream)
        if response.status not in OK:
            raise await self.refusal(response, upstream, spec, on_refusal)
        response.redactor = upstream.redactor.answers
        return response

    async def ask(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: HttpRequest,
        timeouts: Timeouts,
    ) -> tuple[HttpResponse, Headers]:
        """Return the whole 2xx answer to a request, and its headers as they came.

        UpstreamError, by class, for everything else.
        """
        response = await self.open(upstream, spec, request, timeouts)
        headers = response.headers
        body = await self.read(response, upstream)
        return HttpResponse(response.status, LazyHeaders(headers), body), headers

    async def read(self, response: Response, upstream: UpstreamTarget) -> bytes:
        """Return the body of an answer, whole and without a byte order mark.

        UpstreamError, by class, if it breaks off.
        """
        try:
            body = response.take_whole(MAX_ANSWER_BYTES)
            if body is None:
                body = await response.read(MAX_ANSWER_BYTES)
        except HttpError as error:
            raise_unreachable(error, upstream)
        finally:
            response.close()
        return body.removeprefix(BOM_UTF8)

    async def open_session(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: SessionRequest,
        timeouts: Timeouts,
    ) -> MessageSocket:
        """Make the session, where that is a call of its own, and connect; `close` it, always.

        UpstreamError, by class, if that fails.
        """
        if isinstance(request, SessionCreation):
            began = self._clock()
            answer, _ = await self.ask(upstream, spec, request.request, timeouts)
            request = request.socket_of(answer)
            timeouts = left_of(timeouts, self._clock() - began)
        return await self.open_socket(upstream, spec, request, timeouts)

    async def open_socket(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: WebSocketRequest | GrpcStreamRequest,
        timeouts: Timeouts,
    ) -> MessageSocket:
        """Shake hands, or begin a call, and return the connection; `close` it, always.

        UpstreamError, by class, if that fails.
        """
        if isinstance(request, GrpcStreamRequest):
            found = await self.connector.connect(
                upstream, request.method, request.metadata, timeouts
            )
            return GrpcSocket(found, request.method, spec, upstream)
        if request.origin is not None:
            return await self._connect(upstream, spec, request, request.origin, timeouts)
        if not upstream.signer.is_static:
            began = self._clock()
            await self._token_refresher.ensure(upstream, timeouts.header)
            timeouts = left_of(timeouts, self._clock() - began)
        signed = upstream.signed(HttpRequest("GET", request.path, request.headers))
        signed_request = request._replace(
            path=upstream.base_path + signed.path, headers=signed.headers
        )
        return await self._connect(upstream, spec, signed_request, upstream.origin, timeouts)

    async def _connect(
        self,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        request: WebSocketRequest,
        origin: Origin,
        timeouts: Timeouts,
    ) -> WebSocket:
        """Shake hands at an origin, whose addresses are guarded unless the catalog has it."""
        fields = [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
        if upstream.is_guarded:
            fields.append((HOPS, b"%d" % upstream.hops))
        if upstream.traceparent:
            fields.append((TRACEPARENT, upstream.traceparent))
        is_guarded = upstream.is_guarded or request.origin is not None
        try:
            return await connect(
                self._guarded_client if is_guarded else self._client,
                origin,
                request.path,
                fields,
                timeouts=timeouts,
                subprotocols=request.subprotocols,
                limits=SOCKET_LIMITS,
            )
        except HandshakeRefused as error:
            if not error.status:
                why = "it is no answer to a WebSocket's handshake"
                raise malformed(upstream.provider_name, why) from error
            headers = LazyHeaders(Headers.of(list(error.headers)))
            body = error.body[:MAX_ERROR_BYTES].removeprefix(BOM_UTF8)
            refusal = HttpResponse(error.status, headers, body)
            raise error_from(refusal, spec, upstream.target) from error
        except HttpError as error:
            raise_unreachable(error, upstream)

    def prepared(self, upstream: UpstreamTarget, request: HttpRequest) -> PreparedRequest:
        """Return the constant part of a request that is always signed alike."""
        known, name = upstream.prepared, (request.method, request.path, request.headers)
        prepared = known.get(name)
        if prepared is None:
            prepared = self._prepare(upstream, upstream.signer.sign(request))
            if len(known) >= MAX_PREPARED:
                known.clear()
            known[name] = prepared
        return prepared

    def _prepare(self, upstream: UpstreamTarget, request: HttpRequest) -> PreparedRequest:
        fields = [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
        # Encodings have to be undone before anything can be passed on.
        fields.append((b"accept-encoding", b"identity"))
        if upstream.traceparent:
            fields.append((TRACEPARENT, upstream.traceparent))
        client = self._client
        if upstream.is_guarded:
            # Only an operator's address can be a gateway's.
            fields.append((HOPS, b"%d" % upstream.hops))
            client = self._guarded_client
        return client.prepare(
            upstream.origin, request.method, upstream.base_path + request.path, fields
        )

    async def refusal(
        self,
        response: Response,
        upstream: UpstreamTarget,
        spec: ProviderSpec,
        on_refusal: Callable[[HttpResponse], None] | None = None,
    ) -> UpstreamError:
        """Return what an answer that is no success means; read it to its end."""
        headers = LazyHeaders(response.headers)
        # Errors are cleaned as texts, which may be shortened, by whoever tells of them.
        response.redactor = None
        try:
            async with asyncio.timeout(ERROR_SECONDS):
                body = await response.read(MAX_ERROR_BYTES)
        except (HttpError, TimeoutError):
            # The status alone says enough.
            body = b""
        finally:
            response.close()
        refusal = HttpResponse(response.status, headers, body.removeprefix(BOM_UTF8))
        if on_refusal is not None:
            on_refusal(refusal)
        return error_from(refusal, spec, upstream.target)
