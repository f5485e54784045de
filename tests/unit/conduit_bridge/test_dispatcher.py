"""Every request is answered, counted and logged once, whatever becomes of it."""

import asyncio
import json
import time
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs
from tests.support.clock import Clock
from tests.support.exchanges import Caller, request_of

from conduit.v1.options_pb2 import DIALECT_ADMIN, DIALECT_OPENAI, Dialect
from conduit_bridge.cors import Cors
from conduit_bridge.dispatcher import MAX_QUOTED, Dispatcher, NotFoundEndpoint
from conduit_bridge.endpoints.unary import Endpoint, Outcome, RequestContext
from conduit_bridge.metrics import Metrics, RouteCounts
from conduit_kernel.auth_errors import MasterKeyMissing
from conduit_kernel.http import CallerGone, Request
from conduit_kernel.ids import IdSource
from conduit_kernel.not_found_errors import ModelNotFound

APP = "https://app.example"


class Scripted(Endpoint):
    """Does what a test says."""

    def __init__(
        self, counts: RouteCounts, dialect: Dialect.ValueType, *, max_body_bytes: int = 0
    ) -> None:
        self.counts = counts
        self.dialect = dialect
        self.max_body_bytes = max_body_bytes
        self.streams_body = bool(max_body_bytes)
        self.problem: BaseException | None = None
        self.refusal: Exception | None = None
        self.answers_first = False
        self.seen: list[RequestContext] = []
        self.under_way = 0

    async def serve(self, context: RequestContext) -> Outcome:
        """Answer, or fail."""
        self.seen.append(context)
        self.under_way = self.counts.under_way
        if self.answers_first or self.problem is None:
            context.exchange.respond(200, (), b"ok", context.lines)
        if self.problem is not None:
            raise self.problem
        return Outcome(200)

    def judge_head(self, request: Request) -> None:
        """Refuse, if a test says so."""
        if self.refusal is not None:
            raise self.refusal


class Edge:
    """A dispatcher of two endpoints."""

    def __init__(self, *origins: str) -> None:
        metrics = Metrics()
        self.chat = Scripted(metrics.add("POST", "/v1/chat", "Chat"), DIALECT_OPENAI)
        self.forms = Scripted(
            metrics.add("POST", "/api/{id}/files", "Add"), DIALECT_ADMIN, max_body_bytes=99
        )
        self.lost = metrics.add("", "")
        self.clock = Clock()
        self.dispatcher = Dispatcher(
            [self.chat, self.forms],
            NotFoundEndpoint(self.lost),
            cors=Cors(origins or ("*",), ("x-request-id",)),
            ids=IdSource(time.time),
            clock=self.clock,
            log=structlog.get_logger("bridge").bind(),
            max_body_bytes=1000,
        )

    async def ask(self, method: str, target: str, **fields: str) -> Caller:
        """Return what a caller was sent."""
        caller = Caller()
        await self.dispatcher.handle(request_of(caller, method, target, **fields))
        return caller


@pytest.fixture
def logged() -> Any:  # noqa: ANN401 # a list of lines, which pytest cannot know
    """Yield the lines that are logged."""
    with capture_logs() as lines:
        yield lines


async def test_an_answer_has_the_requests_id_and_what_pages_may_read() -> None:
    """Both come with the context, so that each endpoint sends them."""
    edge = Edge()
    caller = await edge.ask("POST", "/v1/chat", x_request_id="r-1", origin=APP)
    assert caller.status == 200
    assert {"x-request-id: r-1", "access-control-allow-origin: *"} <= set(caller.lines)
    assert edge.chat.seen[0].request_id == "r-1"


async def test_path_variables_reach_the_endpoint() -> None:
    """Decoded."""
    edge = Edge()
    await edge.ask("POST", "/api/a%2Fb/files?x=1")
    assert edge.forms.seen[0].params == {"id": "a/b"}


async def test_each_request_is_counted_where_it_belongs(logged: list[dict[str, Any]]) -> None:
    """Under way while it lasts, over afterwards; one line tells of it."""
    edge = Edge()
    await edge.ask("POST", "/v1/chat", x_request_id="r-1")
    assert edge.chat.under_way == 1
    assert edge.chat.counts.under_way == edge.lost.under_way == 0
    assert (edge.chat.counts.statuses, edge.lost.statuses) == ({200: 1}, {})
    assert logged == [
        {
            "event": "http_request",
            "log_level": "info",
            "method": "POST",
            "route": "/v1/chat",
            "status": 200,
            "ms": 0.0,
            "request_id": "r-1",
        }
    ]


async def test_an_error_has_the_shape_of_its_route() -> None:
    """OpenAI's under /v1, ours under /api, also where there is no such path."""
    edge = Edge()
    edge.chat.problem = ModelNotFound("The model 'x' does not exist", model="x")
    chat = await edge.ask("POST", "/v1/chat")
    assert (chat.status, json.loads(chat.body)["error"]["code"]) == (404, "model_not_found")
    assert edge.chat.counts.statuses == {404: 1}
    lost = await edge.ask("GET", "/v1/nowhere")
    assert (lost.status, json.loads(lost.body)["error"]["code"]) == (404, "unknown_url")
    for path in ("/api/nowhere", "/nowhere", "*"):
        lost = await edge.ask("GET", path)
        assert (lost.status, json.loads(lost.body)["code"]) == (404, "ROUTE_NOT_FOUND")
    assert edge.lost.statuses == {404: 4}


async def test_a_path_is_not_said_back_without_end() -> None:
    """What a caller wrote costs an answer of bounded length."""
    caller = await Edge().ask("GET", "/" + "a" * 10_000)
    assert caller.status == 404
    assert len(caller.sent) < MAX_QUOTED * 4


async def test_what_nobody_foresaw_says_nothing(logged: list[dict[str, Any]]) -> None:
    """The log has it, with the id that the caller can name."""
    edge = Edge()
    edge.chat.problem = ValueError("canary")
    caller = await edge.ask("POST", "/v1/chat", x_request_id="r-1")
    assert caller.status == 500
    assert b"canary" not in caller.sent
    failed = next(line for line in logged if line["event"] == "request_failed")
    assert (failed["request_id"], str(failed["exc_info"])) == ("r-1", "canary")


async def test_a_failure_after_the_answer_is_counted_only(logged: list[dict[str, Any]]) -> None:
    """The caller has its answer; a second one would be the next request's."""
    edge = Edge()
    edge.chat.problem, edge.chat.answers_first = ModelNotFound("late", model="x"), True
    caller = await edge.ask("POST", "/v1/chat")
    assert caller.body == b"ok"
    assert edge.chat.counts.statuses == {404: 1}
    assert logged[-1]["code"] == "MODEL_NOT_FOUND"


@pytest.mark.parametrize("problem", [CallerGone("left"), asyncio.CancelledError()])
async def test_a_caller_that_leaves_is_499(
    problem: BaseException, logged: list[dict[str, Any]]
) -> None:
    """Whether it is noticed by writing or by the server."""
    edge = Edge()
    edge.chat.problem = problem
    if isinstance(problem, asyncio.CancelledError):
        with pytest.raises(asyncio.CancelledError):
            await edge.ask("POST", "/v1/chat")
    else:
        assert not (await edge.ask("POST", "/v1/chat")).sent
    assert edge.chat.counts.statuses == {499: 1}
    assert edge.chat.counts.under_way == 0
    assert logged[-1]["status"] == 499


async def test_a_method_that_a_path_lacks_names_those_it_has() -> None:
    """In the error, and without a body to whoever asks for them."""
    edge = Edge()
    wrong = await edge.ask("DELETE", "/v1/chat")
    assert wrong.status == 405
    assert "allow: OPTIONS, POST" in wrong.lines
    asked = await edge.ask("OPTIONS", "/v1/chat", access_control_request_method="POST")
    assert (asked.status, asked.body) == (204, b"")
    assert {"allow: OPTIONS, POST", "access-control-allow-methods: OPTIONS, POST"} <= set(
        asked.lines
    )


def test_limits_are_those_of_the_endpoint() -> None:
    """Or the server's, also where there is none; nothing is raised for a path that is no text."""
    dispatcher = Edge().dispatcher
    places = [
        ("POST", "/v1/chat"),
        ("POST", "/api/1/files"),
        ("GET", "/x"),
        ("POST", "/api/%FF/files"),
    ]
    assert [dispatcher.body_limit(*place) for place in places] == [1000, 99, 1000, 1000]
    assert [dispatcher.streams_body(*place) for place in places] == [False, True, False, False]


async def test_a_refusal_by_the_head_is_that_of_a_whole_request(
    logged: list[dict[str, Any]],
) -> None:
    """With its id, its line in the log, and what pages may read; only its body was not read."""
    edge = Edge(APP)
    edge.chat.refusal = edge.chat.problem = MasterKeyMissing("no key")
    fields = {"x_request_id": "r-1", "origin": APP}
    whole = await edge.ask("POST", "/v1/chat", **fields)
    answer = edge.dispatcher.judge_head(request_of(Caller(), "POST", "/v1/chat", **fields))
    assert answer is not None
    status, given, body = answer
    assert (status, body) == (whole.status, whole.body)
    lines = {f"{name.decode()}: {value.decode()}" for name, value in given}
    assert lines == {line for line in whole.lines if not line.startswith("content-length")}
    assert edge.chat.counts.statuses == {401: 2}
    assert logged[0] == logged[1]


def test_a_head_without_fault_is_read_on() -> None:
    """As is one that will be refused for its path, once its body is there."""
    dispatcher = Edge().dispatcher
    for path in ("/v1/chat", "/nowhere", "/api/%FF/files"):
        assert dispatcher.judge_head(request_of(Caller(), "POST", path)) is None


@pytest.mark.parametrize(
    ("path", "is_openai"), [("/v1/chat", True), ("/api/x", False), ("", False), ("x", False)]
)
def test_the_servers_own_refusals_have_our_shape(path: str, *, is_openai: bool) -> None:
    """Also where the path is not known."""
    dispatcher = Edge().dispatcher
    fields, body = dispatcher.refused(413, "BODY_TOO_LARGE", "too large", path)
    assert (b"access-control-allow-origin", b"*") in list(fields)
    error = json.loads(body)["error"]
    assert (error["message"] if is_openai else error) == "Too large"
    status, _, body = dispatcher.failed(request_of(Caller(), "GET", path), ValueError("canary"))
    assert status == 500
    assert b"canary" not in body


async def test_a_wrong_base_url_is_told_the_right_one_in_the_form_of_what_was_meant() -> None:
    """A client's library reads OpenAI's form, wherever it was sent to."""
    edge = Edge()
    for path in ("/chat", "/v1/v1/chat", "/openai/chat"):
        lost = await edge.ask("POST", path)
        error = json.loads(lost.body)["error"]
        assert (lost.status, error["code"]) == (404, "unknown_url")
        assert error["message"] == f"There is no path {path}: did you mean /v1/chat?"
