"""What a model's name asks for."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

Fault = Literal[
    "", "status", "flaky", "limit", "context", "hang", "reset", "cut", "stall", "garbage", "wrong"
]
Habit = Literal["echo", "count", "think", "tool", "tools", "words"]

DIMENSIONS = 1536
KEY_PREFIX = "sk-simulator-"
# Longer numbers are typing errors.
_NUMBER = r"(\d{1,6})"
# What GET /v1/models lists: one name of each kind.
EXAMPLES = (
    "echo",
    "echo-slow-50ms",
    "stream-100x10ms",
    "think",
    "tool",
    "tools",
    "embed-256",
    "embed-words-256",
    "image",
    "transcribe",
    "speech",
    "context-100",
    "limit-5",
    "policy",
    "quota",
    "status-500",
    "status-429-retry-2",
    "flaky-30",
    "hang",
    "reset",
    "cut-after-3",
    "stall-after-3",
    "garbage",
    "wrong-type",
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A way to answer: a fault comes first; what is left of the answer follows the habit."""

    habit: Habit = "echo"
    delay_seconds: float = 0.0
    # For the habit `count`.
    chunks: int = 0
    pace_seconds: float = 0.0
    dimensions: int = DIMENSIONS
    fault: Fault = ""
    # The fault's number: a status, a percentage, a limit or a count of chunks.
    degree: int = 0
    # OpenAI's code, where the status alone does not say it.
    code: str = ""
    retry_after_seconds: int | None = None


def behaviour_of(name: str) -> Behaviour | None:
    """Return what a name asks for; None for names that are not in the table."""
    for pattern, make in _TABLE:
        if found := pattern.fullmatch(name):
            return make(*(int(number) for number in found.groups() if number is not None))
    return None


def _status(status: int, retry_after_seconds: int | None = None) -> Behaviour | None:
    if not 400 <= status <= 599:  # noqa: PLR2004 # HTTP's errors
        return None
    return Behaviour(fault="status", degree=status, retry_after_seconds=retry_after_seconds)


def _flaky(percent: int) -> Behaviour | None:
    return Behaviour(fault="flaky", degree=percent) if percent <= 100 else None  # noqa: PLR2004 # percent


def _embed(dimensions: int) -> Behaviour | None:
    return Behaviour(dimensions=dimensions) if 1 <= dimensions <= 2 * DIMENSIONS else None


def _embed_words(dimensions: int) -> Behaviour | None:
    made = _embed(dimensions)
    return None if made is None else replace(made, habit="words")


def _count(chunks: int, milliseconds: int) -> Behaviour:
    return Behaviour(habit="count", chunks=chunks, pace_seconds=milliseconds / 1000)


_TABLE: tuple[tuple[re.Pattern[str], Callable[..., Behaviour | None]], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        ("echo", Behaviour),
        (f"echo-slow-{_NUMBER}ms", lambda ms: Behaviour(delay_seconds=ms / 1000)),
        (f"stream-{_NUMBER}x{_NUMBER}ms", _count),
        ("think", lambda: Behaviour(habit="think")),
        ("tool", lambda: Behaviour(habit="tool")),
        ("tools", lambda: Behaviour(habit="tools")),
        (f"embed-{_NUMBER}", _embed),
        (f"embed-words-{_NUMBER}", _embed_words),
        ("image", Behaviour),
        ("transcribe", Behaviour),
        ("speech", Behaviour),
        (f"context-{_NUMBER}", lambda n: Behaviour(fault="context", degree=n)),
        (f"limit-{_NUMBER}", lambda n: Behaviour(fault="limit", degree=n)),
        (
            "policy",
            lambda: Behaviour(fault="status", degree=400, code="content_policy_violation"),
        ),
        ("quota", lambda: Behaviour(fault="status", degree=429, code="insufficient_quota")),
        (f"status-{_NUMBER}(?:-retry-{_NUMBER})?", _status),
        (f"flaky-{_NUMBER}", _flaky),
        ("hang", lambda: Behaviour(fault="hang")),
        ("reset", lambda: Behaviour(fault="reset")),
        (f"cut-after-{_NUMBER}", lambda n: Behaviour(fault="cut", degree=n)),
        (f"stall-after-{_NUMBER}", lambda n: Behaviour(fault="stall", degree=n)),
        ("garbage", lambda: Behaviour(fault="garbage", degree=2)),
        ("wrong-type", lambda: Behaviour(fault="wrong", degree=2)),
    )
)
