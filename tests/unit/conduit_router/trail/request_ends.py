"""Ends of calls as tests make them up."""

from random import Random

from conduit_kernel.request_facts import pack_facts
from conduit_router.context import CallerContext
from conduit_router.routing.table import Caller
from conduit_router.served_by import ServedBy
from conduit_router.trail.call_end import AttemptEnd, CallEnd, Failure, PlainEnd

CALLERS = [
    Caller(
        number,
        is_enabled=True,
        expires_at=1e18,
        allowed=None,
        group_id=number % 2,
        tags=(f"team={number % 3}",) if number % 2 else (),
    )
    for number in (1, 2, 3)
]
SERVED = [
    ServedBy(number, f"P{number}", f"key_{number}", f"model-{number % 2}") for number in (1, 2, 3)
]
MODELS = ("gpt", "claude", "caller's own \x00 name")
FAILURES = (
    Failure("PROVIDER_RATE_LIMITED", 429, 429, "slow_down"),
    Failure("MODEL_NOT_FOUND", 404),
    Failure("CALLER_GONE", 499),
)


def plain_end(chance: Random, at: float, name: str) -> PlainEnd:
    """Return the end of a call that went as usual."""
    took, cost = chance.choice((0.01, 0.5, 2.0)), chance.choice((0, 1_000, 2_000_000))
    request_id = name.encode()
    facts = pack_facts(
        *(at, 100.0 + took, 100.0, 100.001, 100.0 + took, took / 2),
        *(cost, chance.randrange(100), chance.randrange(100)),
        *(chance.random() < 0.8, 1, 0, len(request_id)),
    )
    return PlainEnd(
        chance.choice(CALLERS),
        "127.0.0.1",
        "",
        chance.choice(MODELS[:2]),
        chance.choice(("chat", "embed")),
        is_streamed=chance.random() < 0.5,
        capabilities=frozenset(),
        revision=chance.randrange(5),
        decision=None,
        served_by=chance.choice(SERVED),
        facts=facts + request_id + b"req_of_theirs",
        tags=chance.choice(((), ("user=é",), ("user=é", "run=7"))),
    )


def eventful_end(chance: Random, at: float, name: str) -> CallEnd:
    """Return the end of a call that failed, or took turns."""
    failure = chance.choice((*FAILURES, None))
    trail = [
        AttemptEnd(
            served_by,
            100.0 + number,
            100.5 + number,
            0.0,
            is_sent=True,
            upstream_request_id=f"req_{number}",
            cost=chance.choice((None, 500, 900_000)),
            failure=FAILURES[0],
        )
        for number, served_by in enumerate(SERVED[: chance.randrange(3)])
    ]
    answered = AttemptEnd(
        chance.choice(SERVED), 110.0, 111.0, 0.25, is_sent=True, upstream_request_id="", cost=None
    )
    return CallEnd(
        at,
        100.0,
        111.25,
        CallerContext(chance.choice(CALLERS), name, ""),
        chance.choice(MODELS),
        chance.choice(("chat", "speak")),
        revision=3,
        attempts=len(trail),
        trail=tuple(trail),
        answered=answered if failure is None else None,
        failure=failure,
        input_tokens=5,
        tags=chance.choice(((), ("run=7",))),
    )


def some_ends(seed: int, count: int, ids: str = "") -> tuple[list[PlainEnd], list[CallEnd]]:
    """Return the ends of calls of all kinds, some of them in the same moment.

    Their ids begin alike.
    """
    chance = Random(seed)  # noqa: S311 # a test's
    plain, others = list[PlainEnd](), list[CallEnd]()
    for number in range(count):
        at, name = 1_795_435_200.0 + number // 2 / 8, f"{ids}{chance.choice('abc')}{number:05d}"
        if chance.random() < 0.6:
            plain.append(plain_end(chance, at, name))
        else:
            others.append(eventful_end(chance, at, name))
    return plain, others
