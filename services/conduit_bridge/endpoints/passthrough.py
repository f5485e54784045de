"""Requests in providers' own words: status, headers and bytes of the answer are the provider's."""

from google.protobuf.message import Message

from conduit.v1.passthrough_requests_pb2 import PassThroughRequest, PassThroughResponse
from conduit_bridge.endpoints.stream import StreamEndpoint, first_of, let_go
from conduit_bridge.endpoints.unary import Outcome, RequestContext, query_of
from conduit_kernel.http import Fields

# By these callers show who they are to Conduit; nobody else is to see them.
_CREDENTIALS = frozenset(
    (
        *(b"authorization", b"proxy-authorization", b"x-api-key", b"x-goog-api-key", b"api-key"),
        *(b"cookie", b"x-master-key", b"sec-websocket-protocol"),
    )
)
# Behind `/passthrough/` and the provider.
_BEFORE_PATH = 3
NOT_KEPT: Fields = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class PassthroughEndpoint(StreamEndpoint):
    """Hands requests on as they are, and answers as they come."""

    def request_of(self, context: RequestContext) -> Message:
        """Read the request: its path as it was written, query and headers beside the body."""
        exchange = context.exchange
        query = query_of(exchange)
        assert self._route.read is not None  # noqa: S101 # it takes no forms
        request = self._route.read(context.params, (), exchange.fields, exchange.body)
        assert isinstance(request, PassThroughRequest)  # noqa: S101 # as its route says
        # What was percent-encoded must not become another path.
        request.path = f"/{exchange.path.split('/', _BEFORE_PATH)[_BEFORE_PATH]}"
        for name, value in query:
            request.query.add(name=name, value=value)
        for field, content in exchange.fields.items():
            if field not in _CREDENTIALS:
                request.headers.add(name=field.decode("latin-1"), value=content.decode("latin-1"))
        return request

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and send the answer: in one piece where it came in one."""
        call = await self.begin(context)
        try:
            messages = aiter(call)
            first = await first_of(messages)
            fields = _fields(first)
            lines = context.lines + self._report(first)
            if first.HasField("finished"):
                context.exchange.respond(first.status, fields, first.data, lines)
                return Outcome(first.status)
            stream = context.exchange.start(first.status, fields, lines)
            outcome = await self.finish(context, stream, self.relay(stream, first, messages))
            return Outcome(first.status) if outcome is self.done else outcome
        finally:
            await let_go(call)


def _fields(first: PassThroughResponse) -> Fields:
    passed = [(each.name.encode(), each.value.encode("latin-1")) for each in first.headers]
    return (*passed, *NOT_KEPT)
