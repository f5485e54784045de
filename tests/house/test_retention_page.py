"""docs/retention.md says of every table what bounds it."""

import importlib
import re
from pathlib import Path

from conduit_billing.budgets import lease_store
from conduit_billing.ledger import attempt_stats
from conduit_billing.quotas import store as quotas
from conduit_health.bootstrap import REMINDER_RETENTION_SECONDS
from conduit_kernel.setting_names import known_names
from conduit_registry.retention import KEPT_CHANGES

HOUR = 3600
DAY = 24 * HOUR
MICRO = 1_000_000


def rows(root: Path) -> list[tuple[list[str], str]]:
    """Return the page's rows: tables, and what bounds them."""
    text = (root / "docs" / "retention.md").read_text("utf-8")
    lines = re.findall(r"^\| (`[^|]*) \|[^|]*\| ([^|]*) \|$", text, re.MULTILINE)
    return [(re.findall(r"`(\w+)`", names), bound) for names, bound in lines]


def test_every_table_is_on_the_page_once(root: Path) -> None:
    """Whoever adds one says what keeps it from growing for ever."""
    services = root / "services"
    there: set[str] = set()
    for path in services.rglob("tables.py"):
        name = ".".join(path.relative_to(services).with_suffix("").parts)
        base = getattr(importlib.import_module(name), "Base", None)
        there |= set(base.metadata.tables) if base else set()
    assert len(there) > 40
    assert sorted(name for names, _ in rows(root) for name in names) == sorted(there)


def test_settings_that_bound_tables_are_read(root: Path) -> None:
    """And no setting of retention is left out."""
    named = {name for _, bound in rows(root) for name in re.findall(r"`(CONDUIT_\w+)`", bound)}
    assert named <= known_names()
    days = {name for name in known_names() if re.search(r"(RETENTION|_DAYS)", name)}
    assert days <= named


def test_what_no_setting_bounds_is_kept_as_long_as_the_page_says(root: Path) -> None:
    """The times of the code."""
    said = {name: bound for names, bound in rows(root) for name in names}
    lease_days = lease_store.RETENTION_MICROS // DAY // MICRO
    assert said["billing_leases"] == f"{lease_days} days after their end"
    assert said["billing_quotas"] == f"{quotas.RETENTION_MICROS // HOUR // MICRO} hours"
    assert said["billing_attempt_stats"] == f"{attempt_stats.RETENTION_MICROS // DAY // MICRO} days"
    assert said["changes"] == f"the last {KEPT_CHANGES:,}"
    assert REMINDER_RETENTION_SECONDS == 10 * 365 * DAY
