"""What was done for a call, as header lines: the generated lines, written with less work.

A test holds these against those that are generated from `CallReport`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from conduit.v1 import http_runtime as http
from conduit.v1 import json_runtime as json

# Different limits, and times until they are whole again, of which the lines are kept.
_KEPT_LINES = 4096


class ServedBy(Protocol):
    """The provider, key and model of an answer: the same object for calls answered alike."""

    provider_id: int
    provider_name: str
    key_id: str
    actual_model_name: str
    # Its lines, once they were written.
    notes: bytes


class Standing(Protocol):
    """The standing of a limit of a minute."""

    @property
    def metric(self) -> str:
        """Return what is limited, `requests` or `tokens`."""
        ...

    @property
    def limit(self) -> int:
        """Return the limit."""
        ...

    @property
    def remaining(self) -> int:
        """Return what is left of it; below zero where more was used than there was."""
        ...

    @property
    def reset(self) -> str:
        """Return how long it is until it is whole again."""
        ...


class Summary(Protocol):
    """The Router's report of a call."""

    @property
    def served_by(self) -> ServedBy:
        """Return who answered."""
        ...

    @property
    def dropped(self) -> Sequence[str]:
        """Return the parameters that the provider does not take."""
        ...

    @property
    def standings(self) -> Sequence[Standing]:
        """Return how the limits of the virtual key stand."""
        ...

    @property
    def guardrails(self) -> Sequence[str]:
        """Return the guardrails that found something, with what they did."""
        ...

    request_id: str
    attempts: int
    fallbacks: int
    overhead_ms: float
    cost_nano_usd: int | None
    upstream_request_id: str
    cache: str
    cache_age: int | None


def report_lines(summary: Summary) -> bytes:
    """Return the header lines of a summary."""
    served_by = summary.served_by
    request_id = summary.request_id
    if not request_id.isascii() or not request_id.isprintable():
        request_id = http.safe(request_id)
    lines = (
        b"x-conduit-request-id: %b\r\n%bx-conduit-attempts: %d\r\nx-conduit-fallbacks: %d\r\n"
        % (
            request_id.encode(),
            served_by.notes or _noted(served_by),
            summary.attempts,
            summary.fallbacks,
        )
    )
    lines += b"x-conduit-overhead-ms: %.3f\r\n" % summary.overhead_ms
    if summary.cost_nano_usd is not None:
        lines += b"x-conduit-cost: %b\r\n" % json.dollars_text(summary.cost_nano_usd).encode()
    if summary.dropped:
        lines += _line("x-conduit-dropped", ", ".join(summary.dropped))
    own = summary.upstream_request_id
    if own:
        if not own.isascii() or not own.isprintable():
            own = http.safe(own)
        lines += b"x-conduit-upstream-request-id: %b\r\n" % own.encode()
    if summary.cache:
        lines += b"x-conduit-cache: %b\r\n" % summary.cache.encode()
        if summary.cache_age is not None:
            lines += b"x-conduit-cache-age: %d\r\n" % summary.cache_age
    if summary.guardrails:
        lines += _line("x-conduit-guardrails", ", ".join(summary.guardrails))
    for each in summary.standings:
        metric, left = each.metric, each.remaining
        lines += b"%b%d%b" % (
            _before_remaining(metric, each.limit),
            max(0, left),
            _behind_remaining(metric, each.reset),
        )
    return lines


@lru_cache(_KEPT_LINES)
def _before_remaining(metric: str, limit: int) -> bytes:
    return f"x-ratelimit-limit-{metric}: {limit}\r\nx-ratelimit-remaining-{metric}: ".encode()


@lru_cache(_KEPT_LINES)
def _behind_remaining(metric: str, reset: str) -> bytes:
    return f"\r\nx-ratelimit-reset-{metric}: {reset}\r\n".encode()


def _noted(served_by: ServedBy) -> bytes:
    served_by.notes = notes = (
        (b"x-conduit-provider-id: %d\r\n" % served_by.provider_id if served_by.provider_id else b"")
        + _line("x-conduit-provider", served_by.provider_name)
        + _line("x-conduit-key-id", served_by.key_id)
        + _line("x-conduit-model", served_by.actual_model_name)
    )
    return notes


def _line(name: str, value: str) -> bytes:
    return f"{name}: {http.safe(value)}\r\n".encode() if value else b""
