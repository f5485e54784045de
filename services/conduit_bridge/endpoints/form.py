"""Routes that take forms, and JSON beside them where the contract says so.

The body is read as it comes, its files kept where uploads are kept. What is read goes to an
endpoint that answers as those of other routes do.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from conduit.v1 import form_pb2
from conduit.v1.http_runtime import Route, boolean
from conduit_bridge.endpoints.body_selected import BodySelector
from conduit_bridge.endpoints.stream import EventsEndpoint
from conduit_bridge.endpoints.unary import (
    Endpoint,
    Outcome,
    RequestContext,
    RouteEndpoint,
    UnaryEndpoint,
    query_of,
)
from conduit_bridge.multipart import Form, FormLimits, read_form
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.http import Request, SpillBody, SpillFull, SpillReader, SpillSpace
from conduit_kernel.http.limits import MIB

FORM_TYPE = b"multipart/form-data"
# Samples of four voices, as data URLs, are members that are no files.
LIMITS = FormLimits(member_bytes=2 * MIB)


class ReadContext(RequestContext, frozen=True):
    """A request whose body was read: a message, or messages where the RPC takes a stream."""

    request: Any


class _ReadBefore(RouteEndpoint):
    def request_of(self, context: RequestContext) -> Any:  # noqa: ANN401 # one message or several
        """Return what was read."""
        assert isinstance(context, ReadContext)  # noqa: S101 # a FormEndpoint has read it
        return context.request


class FormUnaryEndpoint(_ReadBefore, UnaryEndpoint):
    """Answers a form in one piece."""


class FormEventsEndpoint(_ReadBefore, EventsEndpoint):
    """Answers a form in events."""


class FormRoute:
    """A route that takes forms, with what answers it."""

    def __init__(self, route: Route, endpoint: RouteEndpoint) -> None:
        self.route = route
        self.endpoint = endpoint


class FormEndpoint(Endpoint):
    """Reads the bodies of the routes at one path, and lets the one answer that a body means."""

    streams_body = True

    def __init__(
        self, usual: FormRoute, chosen: Mapping[str, FormRoute], space: SpillSpace
    ) -> None:
        """Take the route meant where no member is true, the others by member, and the room."""
        self.counts = usual.endpoint.counts
        self.dialect = usual.endpoint.dialect
        self.service = usual.endpoint.service
        routes = (usual, *chosen.values())
        self.max_body_bytes = max(r.endpoint.max_body_bytes for r in routes)
        self._usual = usual
        self._chosen = [(BodySelector(m), m.encode(), route) for m, route in chosen.items()]
        self._space = space

    def judge_head(self, request: Request) -> None:
        """Judge it as the usual one: what shares a path shares its access."""
        self._usual.endpoint.judge_head(request)

    async def serve(self, context: RequestContext) -> Outcome:
        """Read the body, and answer."""
        # Before anything of it is kept.
        self.judge_head(context.exchange)
        content_type = context.exchange.fields.get(b"content-type", b"")
        is_form = content_type.strip(b" \t").lower().startswith(FORM_TYPE)
        if not is_form and self._usual.route.read is not None:
            return await self._serve_json(context)
        query_of(context.exchange)
        try:
            body = context.exchange.body_stream()
            form = await read_form(content_type, body, self._space, LIMITS)
        except SpillFull as problem:
            message = "There is no room for an upload of this size just now"
            raise ServiceUnavailable(message, service=self.service) from problem
        try:
            return await self._serve_form(context, form)
        finally:
            form.close()

    async def _serve_json(self, context: RequestContext) -> Outcome:
        exchange = context.exchange
        body = b"".join([piece async for piece in exchange.body_stream()])
        chosen = (route for selector, _, route in self._chosen if selector.is_chosen(body))
        found = next(chosen, self._usual)
        assert found.route.read is not None  # noqa: S101 # as the usual one's
        query = query_of(exchange)
        first = found.route.read(context.params, query, exchange.fields, body)
        return await found.endpoint.serve(_with(context, _sent(found.route, first, None)))

    async def _serve_form(self, context: RequestContext, form: Form) -> Outcome:
        chosen = (route for _, member, route in self._chosen if _is_true(form, member))
        found = next(chosen, self._usual)
        assert found.route.read_form is not None  # noqa: S101 # all routes here take forms
        exchange = context.exchange
        message = await _message_of(form, with_content=found.route.chunk is None)
        query = query_of(exchange)
        first = found.route.read_form(context.params, query, exchange.fields, message)
        return await found.endpoint.serve(_with(context, _sent(found.route, first, form)))


def _with(context: RequestContext, request: object) -> ReadContext:
    return ReadContext(context.exchange, context.params, context.request_id, context.lines, request)


def _sent(route: Route, first: Any, form: Form | None) -> Any:  # noqa: ANN401 # of each RPC its own
    """Return what the RPC is called with."""
    return _Messages(route, first, form) if route.client_streaming else first


class _Messages:
    """The messages of a form, and its files at hand for a Router in this process."""

    def __init__(self, route: Route, first: Any, form: Form | None) -> None:  # noqa: ANN401 # as above
        parts = form.parts if form is not None and route.chunk is not None else []
        self.files = [part.body for part in parts if isinstance(part.body, SpillBody)]
        self._first: Any | None = first
        self._chunk = route.chunk
        self._index = 0
        self._reader: SpillReader | None = None

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 # as above
        if self._first is not None:
            first, self._first = self._first, None
            return first
        while self._chunk is not None and self._index < len(self.files):
            if self._reader is None:
                self._reader = await self.files[self._index].open()
            if piece := await self._reader.next():
                return self._chunk(self._index, piece)
            self._reader = None
            self._index += 1
        raise StopAsyncIteration


async def _message_of(form: Form, *, with_content: bool) -> form_pb2.Form:
    """Return a form as the contract has it, with or without the bytes of its files."""
    message = form_pb2.Form()
    for part in form.parts:
        member = message.members.add(name=part.name, content_type=part.content_type)
        if isinstance(part.body, bytes):
            member.value = part.body
            continue
        member.file.filename = part.filename or ""
        member.file.size = part.body.size
        if with_content:
            member.file.content = b"".join([piece async for piece in await part.body.open()])
    return message


def _is_true(form: Form, name: bytes) -> bool:
    """Return whether a member is true; of several, the last one counts."""
    values = [p.body for p in form.parts if p.name.encode() == name and isinstance(p.body, bytes)]
    return bool(values) and boolean(values[-1].decode("utf-8", "replace"), name.decode())
