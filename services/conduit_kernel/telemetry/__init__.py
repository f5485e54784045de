"""OpenTelemetry: spans, metrics and correlated logs, where an exporter is named."""
