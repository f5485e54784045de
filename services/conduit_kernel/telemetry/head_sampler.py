"""Decides at the head of a trace whether it is recorded, by OpenTelemetry's own variables.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/:
`OTEL_TRACES_SAMPLER` is one of six names, `OTEL_TRACES_SAMPLER_ARG` the share of those by ratio.
The decisions are the SDK's, without an object for each.
"""

from collections.abc import Mapping
from typing import NamedTuple

import structlog

DEFAULT = "parentbased_always_on"
_ALL = 1 << 64
# By how many of all traces begin here; None for those whose share is told.
_SHARES: Mapping[str, int | None] = {"always_on": _ALL, "always_off": 0, "traceidratio": None}
_FOLLOWING = "parentbased_"


class HeadSampler(NamedTuple):
    """Decides by a trace's id, and by what its caller has decided."""

    # Ids whose lower 64 bits are below it are recorded.
    bound: int
    # Whether a caller's decision holds.
    follows_caller: bool

    def is_sampled(self, trace_id: int, *, is_callers: bool | None = None) -> bool:
        """Return whether a trace is recorded; `is_callers` is its caller's decision, if any."""
        if is_callers is not None and self.follows_caller:
            return is_callers
        return trace_id & (_ALL - 1) < self.bound


def head_sampler(env: Mapping[str, str]) -> HeadSampler:
    """Return the sampler that variables ask for. ValueError for a share that is none.

    A name that is unknown is the default, and a share that is no number all of them, as the
    specification has it; the log says so.
    """
    said = env.get("OTEL_TRACES_SAMPLER", DEFAULT).strip().lower()
    if said.removeprefix(_FOLLOWING) not in _SHARES:
        structlog.get_logger("telemetry").warning("unknown_sampler", sampler=said)
        said = DEFAULT
    name = said.removeprefix(_FOLLOWING)
    share = _SHARES[name]
    return HeadSampler(_bound(env) if share is None else share, said != name)


def _bound(env: Mapping[str, str]) -> int:
    said = env.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
    try:
        share = float(said) if said else 1.0
    except ValueError:
        structlog.get_logger("telemetry").warning("unknown_sampler_share", share=said)
        share = 1.0
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"OTEL_TRACES_SAMPLER_ARG must be from 0 to 1, not {said!r}")
    return round(share * _ALL)
