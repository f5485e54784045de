"""Tasks of a gateway whose processes are killed."""

import contextlib
import os
import signal
from pathlib import Path

import pytest
from tests.support.gateways import Served, wait_for

from conduit_cli.gateway import GatewayError, Json

pytestmark = pytest.mark.slow

# A lease, and the time until it is looked for; several times as long on a slow machine.
SECONDS = 120.0


def map_alias(served: Served, alias: str, model: str) -> None:
    """Map an alias to a model of the first start's simulator."""
    mapping = {"modelAlias": alias, "providerId": 1, "actualModelName": model}
    served.admin().call("POST", "/api/model-provider-mappings", mapping)
    wait_for(lambda: alias in served.aliases())


def begin(served: Served, model: str) -> str:
    """Begin a task, and return its id."""
    body = {"model": model, "prompt": "a boat", "size": "16x16"}
    return str(served.caller().call("POST", "/v1/images/generations/async", body)["id"])


def task(served: Served, task_id: str) -> Json:
    """Return a task; nothing while nobody answers."""
    with contextlib.suppress(GatewayError, OSError):
        return served.caller().call("GET", f"/v1/tasks/{task_id}")
    return {}


def kill(served: Served, module: str) -> None:
    """Kill a process, and wait until another has its place."""
    killed = served.children()[module]
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: served.children().get(module, killed) != killed)


def test_no_task_runs_for_ever(tmp_path: Path) -> None:
    """One whose Storage was killed goes on; one whose worker was killed fails, and says why."""
    with Served(tmp_path) as served:
        map_alias(served, "silent", "hang")
        map_alias(served, "picture", "image")
        done, silent = begin(served, "picture"), begin(served, "silent")
        wait_for(lambda: task(served, done).get("status") == "succeeded")
        before = task(served, done)
        kill(served, "conduit_cli.control")
        wait_for(lambda: task(served, silent).get("status") == "running")
        assert task(served, done) == before
        kill(served, "conduit_cli.worker")
        wait_for(lambda: task(served, silent).get("status") == "failed", SECONDS)
        assert task(served, silent)["error"]["code"] == "task_interrupted"
        assert task(served, done) == before
