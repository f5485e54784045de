"""From each module one finds its own tests: `tests/unit` mirrors `services`."""

import ast
import tomllib
from pathlib import Path

import pytest

# Of each package, the modules without a mirrored test, and the tests that run on them instead.
ROUTER = {
    # Puts the parts together and decides nothing.
    "bootstrap.py": "tests/integration/router",
    "process.py": "tests/integration/router/test_control_plane.py",
    # The other half is Billing's.
    "caller_usage.py": "tests/integration/suite/test_caller_usage.py",
    # Tasks are begun, seen and taken back with a Storage, which is another service.
    "tasks/calls.py": "tests/integration/suite/test_tasks.py",
    "tasks/queries.py": "tests/integration/suite/test_tasks.py",
    # Batches are worked on with a Storage, which is another service.
    "batches/recording.py": "tests/integration/suite/test_batches.py",
    "batches/rpcs.py": "tests/integration/suite/test_batches.py",
    "batches/runner.py": "tests/integration/suite/test_batches.py",
    "batches/storage.py": "tests/integration/suite/test_batches.py",
    # Files are kept by Storage, and sent over HTTP and gRPC.
    "files/rpcs.py": "tests/integration/suite/test_files.py",
    "files/storage.py": "tests/unit/conduit_router/files/test_keeping.py",
    # Keys are used by whole calls, over HTTP and gRPC, and kept by Storage.
    "idempotency/metadata.py": "tests/integration/suite/test_idempotency.py",
    "idempotency/rpcs.py": "tests/integration/suite/test_idempotency.py",
    "idempotency/storage.py": "tests/unit/conduit_router/idempotency/test_calls.py",
    # Answers are kept and given again by whole calls, over HTTP and gRPC.
    "caching/calls.py": "tests/integration/suite/test_caching.py",
    "caching/hits.py": "tests/integration/suite/test_caching.py",
    "caching/keys.py": "tests/integration/suite/test_caching.py",
    "caching/embedding.py": "tests/integration/suite/test_semantic_cache.py",
    "caching/similar_hits.py": "tests/integration/suite/test_semantic_cache.py",
    "calls/call_hooks.py": "tests/integration/suite/test_caching.py",
    "calls/hooks.py": "tests/integration/suite/test_caching.py",
    "calls/stream_source.py": "tests/integration/suite/test_caching.py",
    # Whole calls are held to guardrails, over HTTP and gRPC.
    "guardrails/window.py": "tests/unit/conduit_router/guardrails/test_streams.py",
    "guardrails/calls.py": "tests/integration/suite/test_guardrails.py",
    "guardrails/services.py": "tests/integration/suite/test_guardrail_services.py",
    # Its connections are held through the bridge.
    "responses/connections.py": "tests/integration/suite/test_response_sockets.py",
    # Responses are kept, gone on from and asked about with a Storage, which is another service.
    "responses/accounts.py": "tests/integration/suite/test_kept_responses.py",
    "responses/background_queries.py": "tests/integration/suite/test_background_responses.py",
    "responses/begun.py": "tests/integration/suite/test_background_responses.py",
    "responses/calls.py": "tests/integration/suite/test_kept_responses.py",
    "responses/keeping.py": "tests/integration/suite/test_kept_responses.py",
    "responses/queries.py": "tests/integration/suite/test_kept_responses.py",
    "responses/storage.py": "tests/integration/suite/test_kept_responses.py",
    "responses/stream_watch.py": "tests/integration/suite/test_kept_responses.py",
    "responses/upstream.py": "tests/integration/suite/test_kept_responses.py",
    # It is what the log makes of it.
    "trail/log_columns.py": "tests/unit/conduit_router/trail/test_filters.py",
    "trail/log_metrics.py": "tests/unit/conduit_router/trail/test_request_log.py",
    "trail/storage.py": "tests/integration/suite/test_request_records.py",
    # So are voices made, and spoken with.
    "voices/accounts.py": "tests/integration/router/test_voices_in_sessions.py",
    "voices/consents.py": "tests/integration/router/test_voice_consents.py",
    "voices/conversing.py": "tests/integration/router/test_voices_in_sessions.py",
    "voices/deletion.py": "tests/integration/router/test_made_voices.py",
    "voices/making.py": "tests/integration/router/test_made_voices.py",
    "voices/speaking.py": "tests/integration/router/test_made_voices.py",
    "voices/storage.py": "tests/integration/router/test_made_voices.py",
}
KERNEL: dict[str, str] = {
    # The other half is the Registry's.
    "login_sessions.py": "tests/unit/conduit_bridge/login/test_endpoints.py",
}
REGISTRY = {
    # It is what followers are told.
    "snapshot_messages.py": "tests/unit/conduit_registry/test_feed.py",
    # Puts the parts together and decides nothing.
    "bootstrap.py": "tests/integration/registry/test_process.py",
    # All of it needs what else there is, as the RPCs have it.
    "configuration/mcp_servers.py": "tests/unit/conduit_registry/rpcs/test_mcp_servers.py",
    "configuration/virtual_key_groups.py": (
        "tests/unit/conduit_registry/rpcs/test_virtual_key_groups.py"
    ),
}
PROVIDERS: dict[str, str] = {}
SIMULATOR = {
    # Puts the parts together and decides nothing.
    "bootstrap.py": "tests/integration/simulator",
    # Answers are sent, and not, over real connections.
    "answers.py": "tests/unit/conduit_simulator/test_service.py",
    "sessions.py": "tests/integration/simulator/test_sound.py",
}
BILLING = {
    # Puts the parts together and decides nothing.
    "bootstrap.py": "tests/integration/billing",
    # All of it is what two databases make of it.
    "quotas/store.py": "tests/integration/billing/test_quotas.py",
    # It is what a router asks, and what charges of calls come to.
    "caller_usage_service.py": "tests/integration/suite/test_caller_usage.py",
    "reports/caller_usage.py": "tests/integration/suite/test_caller_usage.py",
    "budgets/accounts.py": "tests/integration/billing/test_leases.py",
    "budgets/lease_grants.py": "tests/integration/billing/test_leases.py",
    "budgets/lease_rows.py": "tests/integration/billing/test_leases.py",
    "budgets/lease_store.py": "tests/integration/billing/test_leases.py",
    "budgets/prepaid_store.py": "tests/integration/billing/test_prepaid.py",
    "budgets/spending.py": "tests/integration/billing/test_leases.py",
    "ledger/adjustment_store.py": "tests/integration/billing/test_repricing.py",
    "ledger/verification.py": "tests/integration/billing/test_verification.py",
}
STORAGE = {
    # Puts the parts together and decides nothing.
    "bootstrap.py": "tests/integration/storage",
    # All of it is what two databases make of it.
    "batch_service.py": "tests/integration/storage/test_batches.py",
    "batches/store.py": "tests/integration/storage/test_batches.py",
    "file_service.py": "tests/integration/storage/test_files.py",
    "files/store.py": "tests/integration/storage/test_files.py",
    "idempotency_service.py": "tests/integration/storage/test_idempotency.py",
    "idempotency/store.py": "tests/integration/storage/test_idempotency.py",
    "request_log_service.py": "tests/integration/storage/test_request_log.py",
    "request_log/block_search.py": "tests/integration/storage/test_request_log.py",
    "request_log/search.py": "tests/integration/storage/test_request_log.py",
    "request_log/store.py": "tests/integration/storage/test_request_log.py",
    "response_service.py": "tests/integration/storage/test_responses.py",
    "task_service.py": "tests/integration/storage/test_tasks.py",
    "voice_service.py": "tests/integration/storage/test_voices.py",
    "voices/consent_store.py": "tests/integration/storage/test_voices.py",
    "voices/store.py": "tests/integration/storage/test_voices.py",
}
BRIDGE = {
    # Puts the parts together and decides nothing but whether it is ready.
    "bootstrap.py": "tests/integration/bridge",
    # Its tickets are Health's: they are tested with a whole suite.
    "signalr/endpoints.py": "tests/integration/suite/test_hub.py",
}
HEALTH = {
    # Puts the parts together and decides nothing.
    "bootstrap.py": "tests/integration/health",
    # Webhooks are tested whole, with receivers on real ports.
    "webhook_service.py": "tests/integration/health/test_webhooks.py",
    # So are notifications, with those who watch them.
    "notification_service.py": "tests/integration/health/test_notifications.py",
}
CLI = {
    # The commands, and the processes that they start, are run whole.
    "caller_commands.py": "tests/integration/cli/test_first_start.py",
    "child.py": "tests/integration/cli/test_later_starts.py",
    "control.py": "tests/integration/cli/test_first_start.py",
    "live/commands.py": "tests/integration/suite/test_administering_commands.py",
    "doctor/finding.py": "tests/unit/conduit_cli/doctor/test_gateway.py",
    "resources/commands.py": "tests/unit/conduit_cli/resources/test_groups.py",
    "resources/output.py": "tests/unit/conduit_cli/resources/test_making.py",
    "launch.py": "tests/integration/cli/test_first_start.py",
    "serve.py": "tests/integration/cli/test_first_start.py",
    "simulator.py": "tests/integration/cli/test_first_start.py",
    "welcome.py": "tests/integration/cli/test_later_starts.py",
    "worker.py": "tests/integration/cli/test_later_starts.py",
}
PACKAGES = {
    "conduit_billing": BILLING,
    "conduit_bridge": BRIDGE,
    "conduit_cli": CLI,
    "conduit_health": HEALTH,
    "conduit_kernel": KERNEL,
    "conduit_providers": PROVIDERS,
    "conduit_registry": REGISTRY,
    "conduit_router": ROUTER,
    "conduit_simulator": SIMULATOR,
    "conduit_storage": STORAGE,
}
NO_MODULES = {"__init__.py", "__main__.py"}
# One test for each service runs all of them up and down.
MIGRATIONS = "migrations"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

every_package = pytest.mark.parametrize("package", PACKAGES)


def declares_only(module: Path) -> bool:
    """Tell whether no function of a module has a body, as of tables, structs and protocols."""
    return not any(
        isinstance(node, FUNCTIONS) and not is_declared(node)
        for node in ast.walk(ast.parse(module.read_text()))
    )


def is_declared(function: ast.AST) -> bool:
    """Tell whether a function says what there is, and leaves it to others to do it."""
    match function:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            last = function.body[-1]
            return isinstance(last, ast.Expr) and ast.unparse(last.value) == "..."
        case _:
            return False


def shown_by_wire_cases(root: Path) -> set[str]:
    """Return the codecs of a dialect's operations whose cases are replayed by tests/wire."""
    found: set[str] = set()
    for file in (root / "services/conduit_providers/catalog").glob("*.toml"):
        spec = tomllib.loads(file.read_text())
        for operation, endpoint in spec["endpoints"].items():
            cases = (root / "tests/wire" / spec["name"] / operation).glob("*.*")
            if any(b"\n=== sent" in case.read_bytes() for case in cases):
                dialect = endpoint["codec"].removesuffix(f"_{operation}")
                found.add(f"codecs/{dialect}/{operation}.py")
    return found


def modules(root: Path, package: str) -> set[str]:
    """Return a package's modules that do something, as paths inside of it."""
    folder = root / "services" / package
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if path.name not in NO_MODULES
        and path.parent.name != MIGRATIONS
        and not declares_only(path)
    }
    return found - shown_by_wire_cases(root) if package == "conduit_providers" else found


def mirrored(root: Path, package: str) -> set[str]:
    """Return the modules that have a mirrored test, whether or not they exist."""
    folder = root / "tests" / "unit" / package
    return {
        path.relative_to(folder).with_name(path.name.removeprefix("test_")).as_posix()
        for path in folder.rglob("test_*.py")
    }


@every_package
def test_every_module_has_unit_tests_of_its_own(root: Path, package: str) -> None:
    """What is hard to reach from there is designed wrong."""
    missing = modules(root, package) - mirrored(root, package)
    assert missing - PACKAGES[package].keys() == set()


@every_package
def test_every_exception_is_needed(root: Path, package: str) -> None:
    """One whose module is gone, or has its tests by now, is removed from the list."""
    assert modules(root, package) - mirrored(root, package) >= PACKAGES[package].keys()


@every_package
def test_every_exception_names_its_tests(root: Path, package: str) -> None:
    """An exception is no gap: what runs on the module stands beside it, and exists."""
    assert [tests for tests in PACKAGES[package].values() if not (root / tests).exists()] == []


@every_package
def test_every_services_migrations_are_run_up_and_down(root: Path, package: str) -> None:
    """On the databases that they are for."""
    service = package.removeprefix("conduit_")
    tests = root / "tests" / "integration" / service / "test_migrations.py"
    assert tests.exists() or not (root / "services" / package / MIGRATIONS).exists()
