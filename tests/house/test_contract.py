"""The contract, and what is made from it."""

import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pool

import conduit.v1.billing_service_pb2
import conduit.v1.health_service_pb2
import conduit.v1.registry_service_pb2
import conduit.v1.router_service_pb2  # noqa: F401 # importing registers the services
from conduit.v1 import options_pb2

SERVICES = ("BillingService", "HealthService", "RegistryService", "RouterService")


def test_every_rpc_says_who_may_call_it() -> None:
    """One without the option would be open to everybody, or to nobody."""
    pool = descriptor_pool.Default()
    silent = [
        method.full_name
        for service in SERVICES
        for method in pool.FindServiceByName(f"conduit.v1.{service}").methods
        if method.GetOptions().Extensions[options_pb2.serving].access
        == options_pb2.ACCESS_UNSPECIFIED
    ]
    assert silent == []


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
