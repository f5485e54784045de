"""The frame that `conduit top` shows, as lines and as JSON."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from conduit_cli.live.samples import Interval
from conduit_cli.resources.tables import table

Row = dict[str, Any]
_HOUR = 3600
_GOOD = "OK"
_TOKENS = "TOKEN"


def frame(change: Interval) -> dict[str, Any]:
    """Return what happened between two scrapes: in all, by alias and by provider."""
    calls = change.rates("conduit_calls_total", "alias", "outcome")
    return {
        "callsPerSecond": _whole(calls),
        "failedShare": _failed(calls),
        "p50Ms": _ms(change.quantile("conduit_attempt_seconds", 0.5)),
        "p95Ms": _ms(change.quantile("conduit_attempt_seconds", 0.95)),
        "firstTokenP50Ms": _ms(change.quantile("conduit_first_token_seconds", 0.5)),
        "tokensPerSecond": sum(_tokens(change).values()),
        "usdPerHour": sum(_costs(change).values()),
        "underWay": sum(change.now("conduit_http_requests_under_way").values()),
        "aliases": [*_aliases(change, calls)],
        "providers": [*_providers(change)],
    }


def lines(found: Mapping[str, Any], width: int | None = None) -> Iterator[str]:
    """Yield the lines of a frame."""
    yield (
        f"{found['callsPerSecond']:,.1f} calls/s, {found['failedShare']:.1%} failed, "
        f"{found['underWay']:,.0f} under way, {found['tokensPerSecond']:,.0f} tokens/s, "
        f"${found['usdPerHour']:,.4f}/h"
    )
    times = ("p50Ms", "p50"), ("p95Ms", "p95"), ("firstTokenP50Ms", "first token p50")
    told = [f"{name} {found[key]:,.0f} ms" for key, name in times if found[key] is not None]
    yield ", ".join(told) or "No attempt has ended."
    for name, columns in _TABLES.items():
        yield ""
        yield from table([*map(_told, found[name])], columns, width=width)


_TABLES = {
    "aliases": ("alias", "callsPerSecond", "failed", "fallbacksPerSecond"),
    "providers": (
        *("provider", "status", "attemptsPerSecond", "failed", "p50Ms", "p95Ms"),
        *("tokensPerSecond", "usdPerHour"),
    ),
}


def _told(row: Row) -> Row:
    shown = {
        name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()
    }
    return {**shown, "failed": f"{row['failedShare']:.1%}"}


def _aliases(change: Interval, calls: Mapping[tuple[str, ...], float]) -> Iterator[Row]:
    fallbacks = change.rates("conduit_call_fallbacks_total", "alias")
    by_alias = _grouped(calls)
    for alias in sorted(by_alias, key=lambda each: (-_whole(by_alias[each]), each)):
        yield {
            "alias": alias,
            "callsPerSecond": _whole(by_alias[alias]),
            "failedShare": _failed(by_alias[alias]),
            "fallbacksPerSecond": fallbacks.get((alias,), 0.0),
        }


def _providers(change: Interval) -> Iterator[Row]:
    by_provider = _grouped(change.rates("conduit_attempts_total", "provider", "outcome"))
    statuses = change.now("conduit_provider_status", "provider", "status")
    status = {provider: name for (provider, name), value in statuses.items() if value}
    tokens, costs = _tokens(change), _costs(change)
    for provider in sorted({*by_provider, *status}):
        attempts = by_provider.get(provider, {})
        yield {
            "provider": provider,
            "status": status.get(provider, ""),
            "attemptsPerSecond": _whole(attempts),
            "failedShare": _failed(attempts),
            "p50Ms": _ms(change.quantile("conduit_attempt_seconds", 0.5, provider=provider)),
            "p95Ms": _ms(change.quantile("conduit_attempt_seconds", 0.95, provider=provider)),
            "tokensPerSecond": tokens.get((provider,), 0.0),
            "usdPerHour": costs.get((provider,), 0.0),
        }


def _tokens(change: Interval) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = defaultdict(float)
    for (provider, unit), rate in change.rates("conduit_usage_total", "provider", "unit").items():
        found[provider,] += rate if _TOKENS in unit.upper() else 0.0
    return found


def _costs(change: Interval) -> dict[tuple[str, ...], float]:
    rates = change.rates("conduit_cost_usd_total", "provider")
    return {place: rate * _HOUR for place, rate in rates.items()}


def _grouped(rates: Mapping[tuple[str, ...], float]) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for place, rate in rates.items():
        found[place[0]][place] = rate
    return found


def _whole(rates: Mapping[tuple[str, ...], float]) -> float:
    return sum(rates.values())


def _failed(rates: Mapping[tuple[str, ...], float]) -> float:
    """Return the share of what did not end well; the outcome is the last label."""
    whole = _whole(rates)
    bad = sum(rate for place, rate in rates.items() if place[-1] != _GOOD)
    return bad / whole if whole else 0.0


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
