"""Tests of whether an instance answers its keys."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from tests.support.registry import NOW, Upstream
from tests.unit.conduit_registry.conftest import AUTHOR, Edit, Fill

from conduit.internal.v1.outcome_pb2 import KeyCheck
from conduit.v1 import connectivity_pb2 as pb
from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_TESTED
from conduit.v1.error_reason_pb2 import (
    ERROR_REASON_INSUFFICIENT_FUNDS,
    ERROR_REASON_INVALID_API_KEY,
    ERROR_REASON_UNSPECIFIED,
)
from conduit.v1.provider_pb2 import AUDIT_LEVEL_FULL
from conduit_kernel.not_found_errors import KeyNotFound, ProviderNotFound
from conduit_kernel.pagination import Page
from conduit_providers.probing import Prober
from conduit_registry import connectivity
from conduit_registry.audit_values import AuditFilter
from conduit_registry.connectivity import Connectivity
from conduit_registry.store import Store


@pytest.fixture
def reported() -> list[KeyCheck]:
    """Return what Health hears of tests."""
    return []


@pytest.fixture
def tests(store: Store, prober: Prober, reported: list[KeyCheck]) -> Connectivity:
    """Return what tests instances."""

    async def report(checks: Sequence[KeyCheck]) -> None:
        reported.extend(checks)

    return Connectivity(store, prober, clock=lambda: NOW, timer=time.monotonic, report=report)


async def test_each_key_is_told_what_it_met_and_the_best_is_the_instances(
    tests: Connectivity, fill: Fill, upstream: Upstream
) -> None:
    """What a provider repeats of a key is not passed on."""
    upstream.lists("good", "gpt-4o", "gpt-4o-mini")
    upstream.answers["poor-key-1"] = (402, '{"error": {"message": "No credit for poor-key-1"}}')
    upstream.answers["busy"] = (429, '{"error": {"message": "Slow down"}}')
    upstream.answers["odd"] = (200, "<html>")
    await fill("refused-by-all", "poor-key-1", "busy", "odd", "good")
    report = await tests.test(1, None, AUTHOR)
    assert [(key.key_id, key.outcome) for key in report.keys] == [
        ("key_1", pb.CONNECTIVITY_OUTCOME_INVALID_KEY),
        ("key_2", pb.CONNECTIVITY_OUTCOME_NO_FUNDS),
        ("key_3", pb.CONNECTIVITY_OUTCOME_RATE_LIMITED),
        ("key_4", pb.CONNECTIVITY_OUTCOME_UNKNOWN),
        ("key_5", pb.CONNECTIVITY_OUTCOME_OK),
    ]
    assert (report.success, report.outcome) == (True, pb.CONNECTIVITY_OUTCOME_OK)
    assert list(report.models) == ["gpt-4o", "gpt-4o-mini"]
    assert report.message == "Main answered with 2 models"
    assert report.keys[1].message.endswith("No credit for [redacted]")
    assert "poor-key-1" not in str(report)


async def test_health_hears_which_keys_are_taken(
    tests: Connectivity, fill: Fill, upstream: Upstream, reported: list[KeyCheck]
) -> None:
    """Of one that must wait, or cannot be tried, it hears nothing."""
    upstream.lists("good", "gpt-4o")
    upstream.answers["poor"] = (402, "{}")
    upstream.answers["busy"] = (429, "{}")
    await fill("refused-by-all", "poor", "busy", "good")
    await tests.test(1, None, AUTHOR)
    assert [(check.key_id, check.reason, bool(check.detail)) for check in reported] == [
        ("key_1", ERROR_REASON_INVALID_API_KEY, True),
        ("key_2", ERROR_REASON_INSUFFICIENT_FUNDS, True),
        ("key_4", ERROR_REASON_UNSPECIFIED, False),
    ]
    assert {(check.provider_id, check.is_test) for check in reported} == {(1, True)}
    assert {check.began_at.ToNanoseconds() for check in reported} == {int(NOW * 1e9)}


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ({"a": 401, "b": 402}, pb.CONNECTIVITY_OUTCOME_NO_FUNDS),
        ({"a": 402, "b": 429}, pb.CONNECTIVITY_OUTCOME_RATE_LIMITED),
        ({"a": 500, "b": 401}, pb.CONNECTIVITY_OUTCOME_INVALID_KEY),
    ],
)
async def test_of_failures_the_least_bad_is_the_instances(
    tests: Connectivity,
    fill: Fill,
    upstream: Upstream,
    statuses: dict[str, int],
    outcome: pb.ConnectivityOutcome.ValueType,
) -> None:
    """It says what an operator can do about it."""
    for key, status in statuses.items():
        upstream.answers[key] = (status, "{}")
    await fill(*statuses)
    report = await tests.test(1, None, AUTHOR)
    assert (report.success, report.outcome, list(report.models)) == (False, outcome, [])


async def test_only_enabled_keys_are_tested_unless_one_is_named(
    tests: Connectivity, fill: Fill, edit: Edit, upstream: Upstream
) -> None:
    """Without any there is an answer, too: that there is none."""
    upstream.lists("good", "gpt-4o")
    await fill("good")
    async with edit() as editor:
        await editor.update_key(1, 1, {"is_enabled": False})
    report = await tests.test(1, None, AUTHOR)
    assert report.outcome == pb.CONNECTIVITY_OUTCOME_INVALID_KEY
    assert report.message == "Provider Main has no enabled key"
    assert [key.key_id for key in report.keys] == [""]
    named = await tests.test(1, 1, AUTHOR)
    assert [key.key_id for key in named.keys] == ["key_1"]
    assert named.success


async def test_what_is_not_there_cannot_be_tested(tests: Connectivity, fill: Fill) -> None:
    """Neither a key of another instance."""
    await fill("good")
    await fill(name="Other")
    with pytest.raises(ProviderNotFound):
        await tests.test(9, None, AUTHOR)
    for provider_id, key in ((1, 9), (2, 1)):
        with pytest.raises(KeyNotFound):
            await tests.test(provider_id, key, AUTHOR)


async def test_keys_that_hang_hide_none_that_works(
    tests: Connectivity, fill: Fill, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All have one deadline, also those that had to wait for their turn."""
    monkeypatch.setattr(connectivity, "TEST_SECONDS", 0.2)
    monkeypatch.setattr(connectivity, "MAX_PARALLEL", 2)
    upstream.answers["silent"] = None
    upstream.lists("good", "gpt-4o")
    await fill("silent", "good", "silent", "silent")
    async with asyncio.timeout(5):
        report = await tests.test(1, None, AUTHOR)
    assert report.success
    assert [key.outcome for key in report.keys] == [
        pb.CONNECTIVITY_OUTCOME_UNREACHABLE,
        pb.CONNECTIVITY_OUTCOME_OK,
        pb.CONNECTIVITY_OUTCOME_UNREACHABLE,
        pb.CONNECTIVITY_OUTCOME_UNREACHABLE,
    ]
    assert report.keys[0].message == "Main did not answer in time"


async def test_a_full_audit_notes_each_test(
    tests: Connectivity, fill: Fill, upstream: Upstream, store: Store
) -> None:
    """With what each key met; a basic one notes none."""
    upstream.lists("good", "gpt-4o")
    await fill("good")
    await fill("refused", name="Other", audit_level=AUDIT_LEVEL_FULL)
    await tests.test(1, None, AUTHOR)
    await tests.test(2, None, AUTHOR)
    async with store.read() as reading:
        found = await reading.audit_page(Page(9, 0, ""), AuditFilter("provider"))
    tested = [each for each in found if each.action == AUDIT_ACTION_TESTED]
    assert [(each.resource_id, each.actor, each.changes) for each in tested] == [
        ("2", AUTHOR.actor, {"outcomes": {"key_2": "invalid_key"}})
    ]
