"""What the lines of a batch's file ask, and what is wrong with them."""

import hashlib
from collections.abc import AsyncIterable
from typing import NamedTuple

import msgspec

from conduit.v1.batch_pb2 import BatchError, BatchErrors
from conduit_kernel.quoting import quoted
from conduit_router.batches.lines import MAX_LINE_BYTES, Line, TooManyLines

MAX_REQUESTS = 50_000
# Told of one file.
MAX_PROBLEMS = 100
MAX_CUSTOM_ID = 512
# So much of what is wrong may come back in a message.
_MAX_QUOTED = 64


class LineRequest(msgspec.Struct):
    """A request of a batch."""

    custom_id: str
    url: str
    body: msgspec.Raw
    method: str = "POST"


class _Body(msgspec.Struct):
    model: object = None


class LineProblem(Exception):
    """A line is no request of its batch."""

    def __init__(self, code: str, message: str, param: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


class CheckedInput(NamedTuple):
    """The findings in a file."""

    total: int
    # The alias that all requests name; empty where they name several.
    model: str
    problems: BatchErrors


def request_in(line: Line, endpoint: str) -> LineRequest:
    """Return what a line asks. LineProblem if it makes no sense."""
    if line.content is None:
        message = f"The line has more than {MAX_LINE_BYTES} bytes"
        raise LineProblem("line_too_long", message)
    try:
        request = msgspec.json.decode(line.content, type=LineRequest)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise LineProblem("invalid_json_line", f"The line is no request: {error}") from error
    if not 0 < len(request.custom_id) <= MAX_CUSTOM_ID:
        message = f"custom_id must have from 1 to {MAX_CUSTOM_ID} characters"
        raise LineProblem("invalid_custom_id", message, "custom_id")
    if request.method != "POST":
        raise LineProblem("invalid_method", "method must be POST", "method")
    if request.url != endpoint:
        message = f"url must be {endpoint}, as the batch says"
        raise LineProblem("mismatched_endpoint", message, "url")
    if not bytes(request.body).startswith(b"{"):
        raise LineProblem("invalid_body", "body must be an object", "body")
    return request


def model_in(request: LineRequest) -> str:
    """Return the alias that a request names; empty for one that is no text."""
    model = msgspec.json.decode(bytes(request.body), type=_Body).model
    return model if isinstance(model, str) else ""


async def checked(lines: AsyncIterable[Line], endpoint: str) -> CheckedInput:
    """Return what a file has, read to its end or to where it is hopeless."""
    check = _Check(endpoint)
    try:
        async for line in lines:
            if not check.take(line):
                break
    except TooManyLines:
        check.note_too_many()
    return check.result()


class _Check:
    """Takes one line after the other."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._total = 0
        self._models = set[str]()
        # Of the names, which may be long.
        self._names = set[bytes]()
        self._problems = BatchErrors(object="list")

    def take(self, line: Line) -> bool:
        """Look at a line; return whether the next one is worth it."""
        self._total += 1
        if self._total > MAX_REQUESTS:
            self.note_too_many(line.number)
            return False
        try:
            request = request_in(line, self._endpoint)
            self._check_name(request.custom_id)
        except LineProblem as problem:
            self._note(problem, line.number)
        else:
            # One that is no text is its call's failure.
            self._models.add(model_in(request))
        return len(self._problems.data) < MAX_PROBLEMS

    def note_too_many(self, number: int = 0) -> None:
        """Note that nobody reads the file to its end."""
        self._total = max(1, self._total)
        message = f"A batch may have {MAX_REQUESTS:,} requests at most"
        self._note(LineProblem("too_many_requests", message), number)

    def result(self) -> CheckedInput:
        """Return what was found."""
        if not self._total:
            self._note(LineProblem("empty_file", "The file has no requests"), 0)
        model = next(iter(self._models)) if len(self._models) == 1 else ""
        return CheckedInput(self._total, model, self._problems)

    def _check_name(self, name: str) -> None:
        digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).digest()
        if digest in self._names:
            message = f"Another line has the custom_id {quoted(name, _MAX_QUOTED)!r}"
            raise LineProblem("duplicate_custom_id", message, "custom_id")
        self._names.add(digest)

    def _note(self, problem: LineProblem, number: int) -> None:
        error = BatchError(code=problem.code, message=problem.message)
        if problem.param:
            error.param = problem.param
        if number:
            error.line = number
        self._problems.data.append(error)
