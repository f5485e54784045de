"""Starts OpenTelemetry's SDK in a process, by OpenTelemetry's own variables.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. Unlike an SDK by
itself, nothing is exported, and nothing of the SDK imported, unless one of them asks for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conduit_kernel.telemetry.protocols import Exporters, Signal

if TYPE_CHECKING:
    from structlog.typing import Processor

    from conduit_kernel.telemetry.sdk import Telemetry
    from conduit_kernel.telemetry.server_spans import ServerSpans

EXTRA = "conduit-suite[otel]"
_SIGNALS: tuple[Signal, ...] = ("TRACES", "METRICS")
_OTLP, _NONE = "otlp", "none"
_GRPC, _HTTP = "grpc", "http/protobuf"


def exporters_of(env: Mapping[str, str]) -> Exporters:
    """Return how each signal is exported. ValueError for an exporter or a protocol unknown."""
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return {}
    return {signal: _protocol(env, signal) for signal in _SIGNALS if _is_wanted(env, signal)}


# As OpenTelemetry's own providers are a process's, so is this.
_running: "list[Telemetry]" = []


def running() -> "Telemetry | None":
    """Return what exports this process's spans and metrics, None where nothing does."""
    return _running[-1] if _running else None


def server_spans() -> "ServerSpans | None":
    """Return what begins spans of requests, None where none are exported."""
    telemetry = running()
    return telemetry.server_spans if telemetry else None


def log_processors() -> "Sequence[Processor]":
    """Return what adds to lines of the log the span that they belong to; nothing without spans."""
    telemetry = running()
    return telemetry.log_processors if telemetry else ()


@contextmanager
def exporting(env: Mapping[str, str], service: str) -> Iterator[None]:
    """Export what the environment asks for while this lasts. ValueError if that cannot be.

    `service` is the process, for `service.instance.id`; the name is `OTEL_SERVICE_NAME`'s.
    """
    exporters = exporters_of(env)
    if not exporters:
        yield
        return
    try:
        # Imported where something is exported alone: it takes its time.
        from conduit_kernel.telemetry.sdk import Telemetry  # noqa: PLC0415
    except ImportError as error:
        message = f"OTEL_* asks for an exporter, which needs OpenTelemetry: pip install {EXTRA!r}"
        raise ValueError(message) from error
    telemetry = Telemetry(exporters, service, env)
    _running.append(telemetry)
    try:
        yield
    finally:
        _running.remove(telemetry)
        telemetry.close()


def _is_wanted(env: Mapping[str, str], signal: Signal) -> bool:
    said = env.get(f"OTEL_{signal}_EXPORTER", "").strip().lower()
    if said not in {"", _OTLP, _NONE}:
        raise ValueError(f"OTEL_{signal}_EXPORTER must be otlp or none, not {said!r}")
    if said:
        return said == _OTLP
    places = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return any(env.get(place) for place in places)


def _protocol(env: Mapping[str, str], signal: Signal) -> str:
    # The more special of the two names goes before.
    names = (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    name, said = next(((each, env[each]) for each in names if env.get(each)), ("", _HTTP))
    if said not in {_GRPC, _HTTP}:
        raise ValueError(f"{name} must be grpc or http/protobuf, not {said!r}")
    return said
