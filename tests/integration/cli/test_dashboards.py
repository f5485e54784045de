"""The dashboard, the alerts and the page of metrics speak of what a gateway shows, all of it."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.support.gateways import Served

from conduit.v1.error_reason_pb2 import DESCRIPTOR
from conduit_router.accounting.call_counts import GONE, OUTRUN

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/conduit.json"
PAGE = ROOT / "docs/operating.md"
NAME = re.compile(r"\bconduit_[a-z_]+[a-z]\b")
PARTS = ("_bucket", "_sum", "_count")


def alerts() -> list[dict[str, Any]]:
    """Return the rules of all groups."""
    groups = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """Yield what is asked of Prometheus, and by whom."""
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    for variable in dashboard["templating"]["list"]:
        yield variable["name"], variable["query"]
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def shown(served: Served) -> dict[str, str]:
    """Return the families of a gateway, each with its type."""
    text = httpx.get(f"{served.url}/metrics", timeout=5).text
    return dict(re.findall(r"^# TYPE (conduit_\S+) (\S+)$", text, re.MULTILINE))


def test_dashboard_and_alerts_ask_for_metrics_that_there_are(served: Served) -> None:
    """A panel of a metric that nobody shows stays empty, and its alert never comes."""
    families = shown(served)
    samples = {name for name, kind in families.items() if kind != "histogram"}
    samples |= {f"{name}{part}" for name in families for part in PARTS if name not in samples}
    asked = {(name, who) for who, text in expressions() for name in NAME.findall(text)}
    assert len(asked) > 30
    assert {each for each in asked if each[0] not in samples} == set()


def test_dashboard_shows_each_metric(served: Served) -> None:
    """But for when processes started, which are seconds since 1970."""
    asked = " ".join(text for _, text in expressions())
    missing = {name for name in shown(served) if name not in asked}
    assert missing == {"conduit_process_start_time_seconds", "conduit_background_failures_total"}


def test_page_of_metrics_names_those_that_there_are(served: Served) -> None:
    """All of them, and no others."""
    page = PAGE.read_text("utf-8").partition("\n### Metrics\n")[2].partition("\n## ")[0]
    named = {
        name
        for row in re.findall(r"^\| `conduit_.*", page, re.MULTILINE)
        for name in NAME.findall(row)
    }
    assert named == set(shown(served))


def test_alerts_name_reasons_and_pages_that_there_are() -> None:
    """An outcome that nobody has would never be counted; each alert says what to do."""
    reasons = [
        name.removeprefix("ERROR_REASON_")
        for name in DESCRIPTOR.enum_types_by_name["ErrorReason"].values_by_name
    ]
    for rule in alerts():
        for pattern in re.findall(r'outcome[=!]~"([^"]+)"', rule["expr"]):
            assert set(_words(pattern)) <= {"OK", GONE, OUTRUN, *reasons}
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert {"summary", "description"} <= rule["annotations"].keys()
        assert f"`{rule['alert']}`" in PAGE.read_text("utf-8")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed here")
@pytest.mark.parametrize(
    "check", [("rules", ALERTS), ("config", ALERTS.with_name("prometheus.yml"))]
)
def test_prometheus_takes_the_rules(check: tuple[str, Path]) -> None:
    """As its own tool finds."""
    command = ["promtool", "check", check[0], str(check[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 # Prometheus' own
    assert done.returncode == 0, done.stdout + done.stderr


def _words(pattern: str) -> list[str]:
    """Return what an expression of alternatives stands for; one group of them at most."""
    if group := re.search(r"([A-Z_]*)\(([A-Z_|]+)\)", pattern):
        within = "|".join(group[1] + each for each in group[2].split("|"))
        pattern = pattern.replace(group[0], within)
    return pattern.split("|")
