"""What providers do wrong, and what a caller of a chain of two gets all the same."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.faults import misbehaving_upstream as upstream
from tests.faults.misbehaving_upstream import (
    DONE,
    FINISH,
    STREAM,
    TEXT,
    TOKENS,
    USAGE,
    Act,
    body,
    good,
    status,
    stream,
)

# A caller's answer is whole, of the second instance or of a retry.
WHOLE = ""
POLICIES = ("fail", "restart", "continue")
# The first token is out, so that it depends on the policy.
BY_POLICY = {"fail": "STREAM_INTERRUPTED", "restart": WHOLE, "continue": WHOLE}


class Fault(NamedTuple):
    """One way to misbehave."""

    name: str
    # What the first instance does, request by request; the last act stays.
    acts: Sequence[Act]
    # What the second one does; nothing where there is none.
    second: Sequence[Act] = (good,)
    # The reason of the caller's error; of a stream, by policy where that matters.
    unary: str = WHOLE
    stream: str | Mapping[str, str] = WHOLE
    # How many requests the first and the second instance see at most, and whether any at all.
    most: tuple[int, int] = (2, 1)
    # The address of the first instance, where it is none of the upstream's.
    base_url: str = ""
    # The text of the second one's answer.
    second_text: str = TEXT
    # The type of the second instance.
    second_type: str = "OpenAI"
    # Within so many seconds the caller has the answer, on a busy machine.
    seconds: float = 4.0
    # For how long at least an instance is left alone between two requests.
    least_gap: float = 0.015
    # Whether only streams meet it.
    is_stream_only: bool = False
    # For how long the first instance may be silent within an answer, in seconds; usual if zero.
    idle: float = 0.0

    @property
    def slug(self) -> str:
        """The name as a part of addresses."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.name).split())

    def expected(self, policy: str | None) -> str:
        """Return the reason of the error under a policy; None is for unary calls."""
        if policy is None:
            return self.unary
        return self.stream if isinstance(self.stream, str) else self.stream[policy]


def cut(place: int, then: str = "close") -> Fault:
    """Return a stream that is cut behind so many of its events; the first names the speaker."""
    return Fault(
        f"cut behind event {place}, {then}",
        [stream(*STREAM[:place], then=then)],
        stream=BY_POLICY if place > 1 else WHOLE,
    )


def error(code: str, message: str = "as the test says") -> dict[str, object]:
    """Return a provider's error."""
    return {"message": message, "type": code, "code": code}


def error_event(code: str) -> bytes:
    """Return an event that tells of a failure."""
    return b'data: {"error":{"message":"as the test says","code":"%b"}}\n\n' % code.encode()


LATER, NOW = "Sun, 06 Nov 2044 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"
HTML = body(b"<html><body>Bad gateway</body></html>", "text/html", 502)
BEFORE_ANY_TOKEN = [
    Fault("429 once, short", [status(429, retry_after_ms="20"), good], most=(1, 1)),
    Fault("429 for ever", [status(429)], most=(1, 1)),
    Fault("429 with Retry-After", [status(429, retry_after="2")], most=(1, 1)),
    Fault("429 with Retry-After 10^11", [status(429, retry_after="100000000000")], most=(1, 1)),
    Fault("429 until a date", [status(429, retry_after=LATER, date=NOW)], most=(1, 1)),
    Fault("503 with Retry-After 10^11", [status(503, retry_after="100000000000")]),
    Fault("500 once", [status(500), good], most=(2, 0)),
    Fault("503 for ever", [status(503)]),
    Fault("529", [status(529, error("overloaded_error"))]),
    Fault("reset before headers", [upstream.reset]),
    Fault("refused", [], base_url="http://127.0.0.1:1/v1", most=(0, 1)),
    Fault("no such host", [], base_url="http://conduit.invalid/v1", most=(0, 1), seconds=12.0),
    Fault("no TLS", [good], base_url="https", most=(0, 1)),
    Fault("untrusted certificate", [good], base_url="untrusted", most=(0, 1)),
    Fault("accepts and never answers", [upstream.silence], most=(1, 1)),
    Fault("slow headers", [upstream.slow_head], most=(1, 1)),
    Fault("slow first token", [upstream.slow_first_token], most=(1, 1), is_stream_only=True),
    Fault("wrong content type", [body(b"\x00\x01", "application/octet-stream")]),
    Fault("HTML error page", [HTML]),
    Fault("HTML page with 200", [body(b"<html></html>", "text/html")]),
    Fault("HTML page with 403", [body(b"<html></html>", "text/html", 403)], most=(1, 1)),
    Fault("200 with an error body", [body(b'{"error":{"message":"x","code":"server_error"}}')]),
    Fault(
        "error event after 200",
        [stream(error_event("server_error"))],
        is_stream_only=True,
    ),
    Fault("invalid key", [status(401, error("invalid_api_key"))], most=(1, 1)),
    Fault("no funds", [status(429, error("insufficient_quota"))], most=(1, 1)),
    Fault("payment required", [status(402)], most=(1, 1)),
    Fault("unknown model", [status(404, error("model_not_found"))], most=(1, 1)),
    Fault("an empty stream", [stream(DONE)], is_stream_only=True),
    Fault("flapping: down, then up", [status(503), status(503), good]),
]
OF_THE_REQUEST = [
    Fault(
        "context too long",
        [status(400, error("context_length_exceeded"))],
        unary="CONTEXT_TOO_LONG",
        stream="CONTEXT_TOO_LONG",
        most=(1, 0),
    ),
    Fault(
        "content policy",
        [status(400, error("content_policy_violation"))],
        unary="CONTENT_POLICY",
        stream="CONTENT_POLICY",
        most=(1, 0),
    ),
    Fault(
        "both instances down",
        [status(503)],
        [status(503)],
        unary="PROVIDER_ERROR",
        stream="PROVIDER_ERROR",
        most=(2, 2),
    ),
]
BEHIND_A_TOKEN = [
    *[cut(place) for place in range(7)],
    *[cut(place, "reset") for place in (1, 3)],
    Fault("cut inside an event", [stream(*STREAM[:3], STREAM[3][:30])], stream=BY_POLICY),
    Fault("idle stall", [stream(*STREAM[:3], then="hang")], stream=BY_POLICY, idle=0.3),
    Fault("stall, then close", [stream(*STREAM[:3], then="stall")], stream=BY_POLICY),
    Fault("mark without a reason", [stream(*STREAM[:4], DONE)], stream=BY_POLICY),
    Fault(
        "error event behind a token",
        [stream(*STREAM[:3], error_event("overloaded_error"))],
        stream=BY_POLICY,
        is_stream_only=True,
    ),
    Fault(
        "malformed events",
        [stream(*STREAM[:3], b"data: {nope\n\n", b"data: {nope\n\n", *STREAM[3:])],
        stream=BY_POLICY,
        is_stream_only=True,
    ),
    Fault(
        "oversized event",
        [stream(*STREAM[:3], b"data: " + b"x" * (8 * 1024 * 1024 + 1))],
        stream=BY_POLICY,
        is_stream_only=True,
        seconds=8.0,
    ),
    Fault(
        "another answer behind a cut",
        [stream(*STREAM[:4])],
        [stream(STREAM[0], TOKENS[1], FINISH, USAGE, DONE)],
        second_text=" there",
        stream={**BY_POLICY, "continue": "STREAM_INTERRUPTED"},
        is_stream_only=True,
    ),
    Fault(
        "a fallback that refuses a prefill",
        [stream(*STREAM[:4])],
        [status(400, error("invalid_request_error", "no assistant message at the end")), good],
        stream={**BY_POLICY, "restart": "PROVIDER_REFUSED"},
        second_type="Mistral",
        most=(2, 2),
        # What another request asks for is no hammering.
        least_gap=0.0,
        is_stream_only=True,
    ),
]
# Those that a caller does not notice, at the one instance.
HARMLESS = [
    Fault("one malformed event", [stream(*STREAM[:3], b"data: {nope\n\n", *STREAM[3:])]),
    Fault("no terminator", [stream(*STREAM[:-1])]),
    Fault("no terminator, and no end", [stream(*STREAM[:-1], then="hang")], seconds=6.0),
    Fault("neither counts nor terminator", [stream(*STREAM[:-2], then="reset")]),
    Fault("slow drip", [upstream.slow_drip]),
]
# A chain of one: what is waited for, and what is told at once.
ALONE = [
    Fault("alone, 429 once, short", [status(429, retry_after_ms="20"), good], least_gap=0.5),
    Fault("alone, 429 for a second", [status(429, retry_after="1"), good], least_gap=1.0),
    Fault(
        "alone, 429 for 10^11 s",
        [status(429, retry_after="100000000000")],
        unary="PROVIDER_RATE_LIMITED",
        stream="PROVIDER_RATE_LIMITED",
        most=(1, 0),
        seconds=2.0,
    ),
    Fault("alone, 503 once", [status(503), good]),
    Fault(
        "alone, 503 for ever",
        [status(503)],
        unary="PROVIDER_ERROR",
        stream="PROVIDER_ERROR",
    ),
    Fault("alone, cut once", [stream(*STREAM[:3]), good], stream=BY_POLICY),
    Fault(
        "alone, cut for ever",
        [stream(*STREAM[:3])],
        unary="PROVIDER_ERROR",
        stream={
            "fail": "STREAM_INTERRUPTED",
            "restart": "PROVIDER_ERROR",
            "continue": "STREAM_INTERRUPTED",
        },
    ),
    Fault(
        "alone, silent",
        [upstream.silence],
        unary="PROVIDER_TIMEOUT",
        stream="PROVIDER_TIMEOUT",
        most=(1, 0),
    ),
]
FAULTS = [
    *BEFORE_ANY_TOKEN,
    *OF_THE_REQUEST,
    *BEHIND_A_TOKEN,
    *[each._replace(second=()) for each in ALONE],
    *[each._replace(most=(1, 0), is_stream_only=True) for each in HARMLESS],
]
# A stream that nothing but its caller, or the call's time, ends.
ENDLESS = Fault("endless", [upstream.endless], is_stream_only=True)
# An answer that nothing but its caller ends.
SILENT = Fault("silent for a while", [upstream.silence])
# One whose streams break off for ever.
CUTTING = Fault("cutting", [stream(*STREAM[:3])], most=(12, 12), is_stream_only=True)
