"""Importing our packages does nothing, and brings only what is needed."""

import json
import subprocess
import sys

import pytest

PACKAGES = (
    "conduit_kernel.settings",
    "conduit_kernel.rpc",
    "conduit_kernel.http",
    "conduit_providers.catalog",
    "conduit_registry.bootstrap",
    "conduit_router.bootstrap",
    "conduit_health.bootstrap",
    "conduit_billing.bootstrap",
    "conduit_bridge.bootstrap",
    "conduit_simulator.bootstrap",
    "conduit_cli.commands",
    "conduit_cli.serve",
    "conduit_client",
)
# What takes long to import, and only the control process needs.
HEAVY = {"sqlalchemy", "alembic", "genai_prices", "httpx", "pydantic", "botocore", "openai"}
WATCHED = ("socket.bind", "socket.connect", "subprocess.Popen", "os.mkdir", "os.remove")

_PROBE = """
import json, sys, threading
seen = []
watched = set(json.loads(sys.argv[2]))
def hook(event, args):
    wrote = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if (event in watched or wrote) and "__pycache__" not in str(args[0]):
        seen.append(f"{event} {args!r}")
sys.dont_write_bytecode = True
sys.addaudithook(hook)
__import__(sys.argv[1])
print(json.dumps({
    "seen": seen,
    "threads": threading.active_count(),
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""


def _probe(package: str) -> dict[str, object]:
    done = subprocess.run(  # noqa: S603 # our own program
        [sys.executable, "-c", _PROBE, package, json.dumps(WATCHED)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_does_nothing(package: str) -> None:
    """No file is written, no socket used, no process or thread started."""
    found = _probe(package)
    assert (found["seen"], found["threads"]) == ([], 1)


@pytest.mark.parametrize("module", ["conduit_cli.worker", "conduit_cli.simulator"])
def test_workers_stay_light(module: str) -> None:
    """They start fast because they import nothing of what only the control process needs."""
    modules = _probe(module)["modules"]
    assert isinstance(modules, list)
    assert HEAVY & set(modules) == set()


def test_the_command_line_starts_light() -> None:
    """The supervisor gets along with the standard library and click."""
    modules = _probe("conduit_cli.serve")["modules"]
    assert isinstance(modules, list)
    assert {"grpc", "google", "orjson", "structlog", "uvloop", "asyncio"} & set(modules) == set()
