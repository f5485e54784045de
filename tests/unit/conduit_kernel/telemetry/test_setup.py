"""What the variables of OpenTelemetry ask for."""

import re
import sys

import pytest

from conduit_kernel.telemetry.setup import (
    EXTRA,
    exporters_of,
    exporting,
    log_processors,
    running,
    server_spans,
)

PLACE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
TRACES = "OTEL_TRACES_EXPORTER"


@pytest.mark.parametrize(
    ("env", "exporters"),
    [
        ({}, {}),
        ({"OTEL_SERVICE_NAME": "gateway"}, {}),
        (PLACE, {"TRACES": "http/protobuf", "METRICS": "http/protobuf"}),
        (PLACE | {"OTEL_SDK_DISABLED": "True"}, {}),
        (PLACE | {"OTEL_METRICS_EXPORTER": "none"}, {"TRACES": "http/protobuf"}),
        ({TRACES: "otlp"}, {"TRACES": "http/protobuf"}),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, {"METRICS": "http/protobuf"}),
        (
            PLACE
            | {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
            },
            {"TRACES": "grpc", "METRICS": "http/protobuf"},
        ),
    ],
)
def test_nothing_is_exported_unless_it_is_asked_for(
    env: dict[str, str], exporters: dict[str, str]
) -> None:
    """Signal by signal, as the SDK's own variables have it."""
    assert exporters_of(env) == exporters


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({TRACES: "jaeger"}, "OTEL_TRACES_EXPORTER must be otlp or none, not 'jaeger'"),
        (
            PLACE | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_PROTOCOL must be grpc or http/protobuf, not 'http/json'",
        ),
    ],
)
def test_what_cannot_be_exported_is_told_by_its_variable(env: dict[str, str], words: str) -> None:
    """Before anything starts."""
    with pytest.raises(ValueError, match=re.escape(words)), exporting(env, "worker"):
        pass


def test_without_an_exporter_nothing_is_traced_and_nothing_imported() -> None:
    """A gateway without the extra serves as ever."""
    with exporting({}, "worker"):
        assert (running(), server_spans(), log_processors()) == (None, None, ())


def test_without_its_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, rather than in a traceback."""
    monkeypatch.setitem(sys.modules, "conduit_kernel.telemetry.sdk", None)
    around = exporting(PLACE, "worker")
    with pytest.raises(ValueError, match="needs OpenTelemetry: pip install") as caught, around:
        pass
    assert EXTRA in str(caught.value)


def test_what_is_exported_ends_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where that fails."""
    env = PLACE | {"OTEL_METRICS_EXPORTER": "none"}
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", env["OTEL_EXPORTER_OTLP_ENDPOINT"])
    with exporting(env, "worker"):
        assert server_spans() is not None
        assert len(log_processors()) == 1
    assert running() is None
    with pytest.raises(RuntimeError, match="fails"), exporting(env, "worker"):
        raise RuntimeError("fails")
    assert running() is None
