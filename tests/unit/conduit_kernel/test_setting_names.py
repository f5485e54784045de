"""Variables that look like settings and are none are told."""

import re
from pathlib import Path

from structlog.testing import capture_logs

from conduit_kernel.setting_names import known_names, report_unknown_names, unknown_names


def test_every_documented_setting_is_known() -> None:
    """As the table of settings has them."""
    text = (Path(__file__).parents[3] / "docs" / "operating.md").read_text("utf-8")
    rows = re.findall(r"^\| (`CONDUIT_.*?) \|", text, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(CONDUIT_[A-Z_]+)`", row)}
    assert len(documented) > 30
    assert documented <= known_names()


def test_a_misspelt_setting_is_told_with_what_was_meant() -> None:
    """Other programs' variables are none of our business."""
    env = {
        "CONDUIT_HELTH_TARGET": "127.0.0.1:1",
        "CONDUIT_QQQQQQQQQQQQQQ": "",
        "CONDUIT_HTTP_PORT": "0",
        "PATH": "/bin",
    }
    assert unknown_names(env) == {
        "CONDUIT_HELTH_TARGET": "CONDUIT_HEALTH_TARGET",
        "CONDUIT_QQQQQQQQQQQQQQ": "",
    }
    with capture_logs() as lines:
        report_unknown_names(env)
    assert [(line["name"], line.get("did_you_mean")) for line in lines] == [
        ("CONDUIT_HELTH_TARGET", "CONDUIT_HEALTH_TARGET"),
        ("CONDUIT_QQQQQQQQQQQQQQ", None),
    ]
