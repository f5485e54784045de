"""What providers do wrong, and what a caller of a chain of two gets all the same."""

from tests.faults import upstream_acts as upstream
from tests.faults.chat_answers import CHATS
from tests.faults.fault import BY_POLICY, WHOLE, Fault
from tests.faults.session_faults import OPEN_AT_ONCE
from tests.faults.upstream_acts import body, broken, cut_inside, good, status, stream
from tests.faults.upstream_answers import DONE, FINISH, STREAM, TOKENS, USAGE

CHAT = ("chat",)
# Its provider is waited for when nobody else does, so as to delete what it has made.
MADE_LATE = ("create_voice",)
# Goes on without its caller, who may be about to ask again.
LASTING = ("chat_keyed",)
# Passed on as they are, to a provider who speaks them.
PASSED = ("message", "response", "completion")
# Those that have words of their own for a failure.
WORDED = (*PASSED, *CHATS)
# Those that say why they stop before they end.
STOPPING = (*CHAT, "message")
# Its pieces are no events, and its frames no server-sent ones.
OF_NO_EVENTS = ("speak", "converse")


def cut(place: int, then: str = "close") -> Fault:
    """Return a stream that is cut behind so many of its events; the first names the speaker."""
    return Fault(
        f"cut behind event {place}, {then}",
        [broken(place, then=then)],
        stream=BY_POLICY if place > 1 else WHOLE,
        # Of the others none is cut elsewhere in another way.
        only=() if place in {0, 2, 6} else CHAT + PASSED,
        besides=() if place else OPEN_AT_ONCE,
    )


def error(code: str, message: str = "as the test says") -> dict[str, object]:
    """Return a provider's error."""
    return {"message": message, "type": code, "code": code}


def error_event(code: str) -> bytes:
    """Return an event that tells of a failure."""
    return b'data: {"error":{"message":"as the test says","code":"%b"}}\n\n' % code.encode()


# Larger than events of chats may be.
# What is waited for where that is what is tested, and where a caller is to leave before.
SHORT, LONG = 0.4, 10.0
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
    Fault("no HTTP", [upstream.no_http]),
    Fault("refused", [], base_url="http://127.0.0.1:1/v1", most=(0, 1)),
    Fault(
        "no such host",
        [],
        base_url="http://conduit.invalid/v1",
        most=(0, 1),
        only=("chat", "transcribe", "converse"),
        seconds=12.0,
    ),
    Fault("no TLS", [good], base_url="https", most=(0, 1)),
    Fault("untrusted certificate", [good], base_url="untrusted", most=(0, 1)),
    Fault(
        "accepts and never answers",
        [upstream.silence],
        most=(1, 1),
        patience=SHORT,
        besides=MADE_LATE,
    ),
    Fault("slow headers", [upstream.slow_head], most=(1, 1), patience=SHORT, besides=MADE_LATE),
    Fault(
        "slow first token",
        [upstream.slow_first_token],
        most=(1, 1),
        is_stream_only=True,
        besides=OPEN_AT_ONCE,
        patience=SHORT,
    ),
    Fault(
        "pings, and no token",
        [upstream.pings(1)],
        most=(1, 1),
        is_stream_only=True,
        only=CHAT + PASSED,
        patience=SHORT,
    ),
    # Sound may be of any type.
    Fault(
        "wrong content type",
        [body(b"\x00\x01", "application/octet-stream")],
        besides=("speak", "speak_events"),
    ),
    Fault("HTML error page", [HTML]),
    Fault("HTML page with 200", [body(b"<html></html>", "text/html")]),
    Fault("HTML page with 403", [body(b"<html></html>", "text/html", 403)], most=(1, 1)),
    Fault("200 with an empty body", [body(b"")]),
    Fault("200 with an empty object", [body(b"{}")]),
    Fault("200 without a result", [body(b'{"created":1,"data":[],"choices":[],"text":null}')]),
    Fault("200 with an error body", [body(b'{"error":{"message":"x","code":"server_error"}}')]),
    Fault(
        "error event after 200",
        [stream(error_event("server_error"))],
        is_stream_only=True,
        besides=("speak", *OPEN_AT_ONCE),
    ),
    Fault(
        "error event of its own after 200",
        [upstream.failing(0)],
        is_stream_only=True,
        only=WORDED,
    ),
    Fault("invalid key", [status(401, error("invalid_api_key"))], most=(1, 1)),
    Fault("no funds", [status(429, error("insufficient_quota"))], most=(1, 1)),
    Fault("payment required", [status(402)], most=(1, 1)),
    Fault("unknown model", [status(404, error("model_not_found"))], most=(1, 1)),
    Fault("an empty stream", [stream(DONE)], is_stream_only=True, besides=OF_NO_EVENTS),
    Fault("flapping: down, then up", [status(503), status(503), good]),
]
OF_THE_REQUEST = [
    Fault(
        "context too long",
        [status(400, error("context_length_exceeded"))],
        is_in_openais_words=True,
        unary="CONTEXT_TOO_LONG",
        stream="CONTEXT_TOO_LONG",
        most=(1, 0),
    ),
    Fault(
        "content policy",
        [status(400, error("content_policy_violation"))],
        is_in_openais_words=True,
        unary="CONTENT_POLICY",
        stream="CONTENT_POLICY",
        most=(1, 0),
    ),
    Fault(
        "refused request",
        [status(400, error("invalid_value"))],
        unary="PROVIDER_REFUSED",
        stream="PROVIDER_REFUSED",
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
    *[cut(place, "reset") for place in (1, 2, 3)],
    Fault("cut inside an event", [cut_inside(4)], stream=BY_POLICY, besides=("converse",)),
    Fault(
        "idle stall",
        [broken(3, then="hang")],
        stream=BY_POLICY,
        besides=("converse", *MADE_LATE),
        idle=0.3,
    ),
    Fault(
        "signs of life alone",
        [upstream.signs_of_life],
        stream=BY_POLICY,
        only=("image", "transcribe", "speak_events"),
        idle=0.2,
        is_stream_only=True,
    ),
    Fault(
        "pings alone behind a token",
        [upstream.pings(3)],
        stream=BY_POLICY,
        only=CHAT + PASSED,
        idle=0.4,
        seconds=8.0,
        is_stream_only=True,
    ),
    Fault("broken chunks", [upstream.broken_chunks], stream=BY_POLICY, besides=("converse",)),
    Fault("stall, then close", [broken(3, then="stall")], stream=BY_POLICY),
    Fault("mark without a reason", [broken(4, DONE)], stream=BY_POLICY, besides=OF_NO_EVENTS),
    Fault(
        "error event behind a token",
        [broken(3, error_event("overloaded_error"))],
        stream=BY_POLICY,
        besides=OF_NO_EVENTS,
        is_stream_only=True,
    ),
    Fault(
        "error event of its own behind a token",
        [upstream.failing(3)],
        stream=BY_POLICY,
        only=WORDED,
        is_stream_only=True,
    ),
    Fault(
        "malformed events",
        [upstream.malformed(3, times=2)],
        stream=BY_POLICY,
        besides=OF_NO_EVENTS,
        is_stream_only=True,
    ),
    Fault(
        "oversized event",
        [upstream.oversized],
        stream=BY_POLICY,
        only=CHAT,
        is_stream_only=True,
        seconds=8.0,
        # It would be as large again.
        most=(1, 1),
    ),
    # Events of pictures may be larger: it is one that never ends.
    Fault(
        "oversized event of a picture",
        [upstream.oversized],
        stream=BY_POLICY,
        only=("image",),
        is_stream_only=True,
        seconds=8.0,
    ),
    Fault(
        "another answer behind a cut",
        [broken(4)],
        [stream(STREAM[0], TOKENS[1], FINISH, USAGE, DONE)],
        second_text=" there",
        only=CHAT,
        is_in_openais_words=True,
        stream={**BY_POLICY, "continue": "STREAM_INTERRUPTED"},
        is_stream_only=True,
    ),
    Fault(
        "a fallback that refuses a prefill",
        [broken(4)],
        [status(400, error("invalid_request_error", "no assistant message at the end")), good],
        stream={**BY_POLICY, "restart": "PROVIDER_REFUSED"},
        second_type="Mistral",
        only=CHAT,
        most=(2, 2),
        # What another request asks for is no hammering.
        least_gap=0.0,
        is_stream_only=True,
    ),
]
# Those that a caller does not notice, at the one instance.
HARMLESS = [
    Fault(
        "one malformed event",
        [upstream.malformed(3)],
        besides=OF_NO_EVENTS,
    ),
    Fault("no terminator", [broken(8)], only=STOPPING),
    Fault("no terminator, and no end", [broken(8, then="hang")], only=STOPPING, seconds=6.0),
    Fault("no end behind the terminator", [broken(9, then="hang")], only=CHAT + PASSED),
    Fault("pings in place of a terminator", [upstream.pings(8)], only=STOPPING, seconds=6.0),
    Fault(
        "neither counts nor terminator",
        [stream(*STREAM[:-2], then="reset")],
        only=CHAT,
        is_in_openais_words=True,
    ),
    Fault("slow drip", [upstream.slow_drip], besides=("converse",)),
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
    Fault("alone, cut once", [broken(3), good], stream=BY_POLICY),
    Fault(
        "alone, cut for ever",
        [broken(3)],
        # Sound that is cut is a broken connection.
        besides=("speak",),
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
        patience=SHORT,
        besides=MADE_LATE,
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
ENDLESS = Fault(
    "endless",
    [upstream.endless],
    stream=BY_POLICY,
    is_stream_only=True,
    patience=LONG,
    besides=LASTING,
)
# An answer that nothing but its caller ends.
SILENT = Fault(
    "silent for a while",
    [upstream.silence],
    stream=BY_POLICY,
    patience=LONG,
    # Only the answer says which job is to be cancelled, so that it is waited for a while longer.
    besides=("image_replicate", *MADE_LATE, *LASTING),
)
# Both instances fail for ever.
FAILING = Fault("failing", [status(503)], [status(503)], most=(12, 12), only=("embed",))
# One whose streams break off for ever.
CUTTING = Fault("cutting", [broken(3)], most=(12, 12), is_stream_only=True)
