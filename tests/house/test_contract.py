"""The contract, and what is made from it."""

import re
import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pool

import conduit.internal.v1.audit_service_pb2
import conduit.internal.v1.batch_storage_service_pb2
import conduit.internal.v1.caller_usage_service_pb2
import conduit.internal.v1.file_storage_service_pb2
import conduit.internal.v1.idempotency_storage_service_pb2
import conduit.internal.v1.ledger_service_pb2
import conduit.internal.v1.login_service_pb2
import conduit.internal.v1.outcome_service_pb2
import conduit.internal.v1.quota_service_pb2
import conduit.internal.v1.request_log_service_pb2
import conduit.internal.v1.request_lookup_service_pb2
import conduit.internal.v1.response_storage_service_pb2
import conduit.internal.v1.snapshot_service_pb2
import conduit.internal.v1.task_storage_service_pb2
import conduit.internal.v1.voice_storage_service_pb2
import conduit.v1.billing_service_pb2
import conduit.v1.health_service_pb2
import conduit.v1.registry_service_pb2
import conduit.v1.router_service_pb2  # noqa: F401 # importing registers the services
from conduit.v1 import options_pb2

PUBLIC = ("BillingService", "HealthService", "RegistryService", "RouterService")
INTERNAL = (
    *("LedgerService", "OutcomeService", "RequestLookupService", "SnapshotService"),
    *("TaskStorageService", "VoiceStorageService", "QuotaService", "CallerUsageService"),
    *("IdempotencyStorageService", "AuditService", "LoginService", "ResponseStorageService"),
    *("FileStorageService", "BatchStorageService", "RequestLogService"),
)


def test_every_service_is_looked_at(root: Path) -> None:
    """One that is added belongs above."""
    found = {
        name
        for path in (root / "protos").rglob("*.proto")
        for name in re.findall(r"^service (\w+) {", path.read_text("utf-8"), re.MULTILINE)
    }
    assert found == {*PUBLIC, *INTERNAL}


def test_every_rpc_says_who_may_call_it() -> None:
    """Of the public package nobody's services, of the internal one services alone."""
    public = {
        options_pb2.ACCESS_PUBLIC,
        options_pb2.ACCESS_VIRTUAL_KEY,
        options_pb2.ACCESS_ADMINISTRATOR,
    }
    wrong = [name for name, access in _accesses("conduit.v1", PUBLIC) if access not in public]
    internal = _accesses("conduit.internal.v1", INTERNAL)
    wrong += [name for name, access in internal if access != options_pb2.ACCESS_SERVICE]
    assert wrong == []


def _accesses(package: str, services: tuple[str, ...]) -> list[tuple[str, int]]:
    pool = descriptor_pool.Default()
    return [
        (method.full_name, method.GetOptions().Extensions[options_pb2.serving].access)
        for service in services
        for method in pool.FindServiceByName(f"{package}.{service}").methods
    ]


def test_generated_code_is_up_to_date(root: Path) -> None:
    """Made again from the protos alone, it is the same byte for byte."""
    made = subprocess.run(  # our own program
        [sys.executable, "tools/generate.py", "--check"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr


def test_the_contract_has_good_form(root: Path) -> None:
    """`buf lint` has nothing to say, and `buf format` nothing to change."""
    buf = Path(sys.executable).parent / "buf"
    for arguments in (["lint"], ["format", "--diff", "--exit-code", "protos"]):
        checked = subprocess.run(  # noqa: S603 # our own program
            [buf, *arguments], cwd=root, capture_output=True, text=True, timeout=60, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_java_has_a_name_for_each_file() -> None:
    """A file has a class, named after it unless it says otherwise: no message may be named so."""
    classes, named = dict[str, str](), dict[str, str]()
    for path in sorted((Path(__file__).parents[2] / "protos" / "conduit").rglob("*.proto")):
        text = path.read_text("utf-8")
        package = path.parent.as_posix()
        for name in re.findall(r"^(?:message|enum|service) (\w+)", text, re.MULTILINE):
            named[f"{package}/{name}"] = path.name
        if "java_outer_classname" not in text:
            words = path.stem.split("_")
            classes[f"{package}/{''.join(map(str.capitalize, words))}"] = path.name
    # Within one file the compiler finds another name by itself.
    clashes = {name for name, file in classes.items() if named.get(name, file) != file}
    assert clashes == set()
