"""What Billing, Health and Storage do while their disk refuses them, and behind it."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from tests.faults.test_full_gateway import (
    FEW_LINES,
    PATIENCE_SECONDS,
    REFUSED,
    answers,
    chat,
    counted,
    events,
    is_ready,
)
from tests.support.gateways import Served, wait_for
from tests.support.small_disk_gateway import SmallDisk

from conduit_cli.gateway import GatewayError

pytestmark = pytest.mark.slow

# Of a service's log beside its database something is left when a disk is full.
MANY = 200
PICTURES = "/v1/images/generations/async"
FULL = "The database of the {} service cannot be used: database or disk is full"
CONTROL = {"registry", "health", "billing", "storage"}
CHATS = 5
SLOW_SECONDS = 3
SLOW = f"echo-slow-{SLOW_SECONDS}000ms"


def add_mapping(served: Served, model: str) -> None:
    """Have the simulator serve a model by its own name."""
    mapping = {"modelAlias": model, "providerId": 1, "actualModelName": model}
    served.admin().call("POST", "/api/model-provider-mappings", mapping)


def price(served: Served, number: int) -> Any:  # noqa: ANN401 # JSON
    """Have Billing keep a price."""
    body = {
        "modelPattern": f"{number:03}-" * 40,
        "inputCostPer1kTokens": 1,
        "outputCostPer1kTokens": 1,
    }
    return served.admin().call("POST", "/api/model-costs", body)


def webhook(served: Served, number: int) -> Any:  # noqa: ANN401 # JSON
    """Have Health keep a webhook."""
    body = {"url": f"http://127.0.0.1:1/{f'{number:03}-' * 40}", "isEnabled": False}
    return served.admin().call("POST", "/api/webhooks", body)


def task(served: Served, number: int, model: str = "image") -> Any:  # noqa: ANN401 # JSON
    """Have Storage keep a task."""
    body = {"model": model, "prompt": f"a boat {number}", "size": "16x16"}
    return served.caller().call("POST", PICTURES, body)


CHANGES = {"billing": price, "health": webhook, "storage": task}


def until_refused(served: Served, change: Callable[[Served, int], Any]) -> tuple[int, GatewayError]:
    """Make changes until one is refused; return how many were made, and the refusal."""
    for number in range(MANY):
        try:
            change(served, number)
        except GatewayError as error:
            return number, error
    raise AssertionError("none was refused")


def read_all(served: Served) -> None:
    """Ask each service for what it knows."""
    admin = served.admin()
    assert admin.call("GET", "/api/usage/costs?groupBy=model")["costBreakdown"]
    assert admin.call("GET", "/api/providers/1/health")["status"] == "Healthy"
    assert admin.call("GET", "/api/providers/1/health/history?hours=24")["hours"] == 24
    assert served.caller().call("GET", "/v1/tasks")["data"]


def ready_services(served: Served) -> set[str]:
    """Return the control services whose ports say that they are ready."""
    said = next(line for line in served.output.splitlines() if line.startswith("gRPC: "))
    places = dict(each.split() for each in said.removeprefix("gRPC: ").split(", "))
    ready = set()
    for service in CONTROL:
        with grpc.insecure_channel(places[service]) as channel:
            stub: Any = HealthStub(channel)
            # One that is just beginning is not.
            with contextlib.suppress(grpc.RpcError):
                answer = stub.Check(HealthCheckRequest(), timeout=10)
                if answer.status == HealthCheckResponse.SERVING:
                    ready.add(service)
    return ready


def status_of(served: Served, task_id: str) -> str:
    """Return how far a task is."""
    return str(served.caller().call("GET", f"/v1/tasks/{task_id}")["status"])


def test_each_service_outlasts_a_full_disk(tmp_path: Path) -> None:
    """It refuses changes in words, and goes on telling; what was called meanwhile is counted.

    A task that ends meanwhile is as it ended, once there is room.
    """
    with SmallDisk(tmp_path / "disk", "size=8m", "--workers", "1") as served:
        for model in ("image", SLOW):
            add_mapping(served, model)
        chat(served, 0)
        began, slow = time.monotonic(), task(served, 0, SLOW)["id"]
        wait_for(lambda: counted(served) == 1, PATIENCE_SECONDS)
        served.fill()
        pictures = 1
        for service, change in CHANGES.items():
            made, refusal = until_refused(served, change)
            assert (refusal.status, refusal.code.upper()) == (503, REFUSED)
            assert str(refusal).startswith(FULL.format(service))
            pictures += made if service == "storage" else 0
        for number in range(CHATS):
            chat(served, number)
        read_all(served)
        # Its result is there by now, and waits for Storage.
        wait_for(lambda: time.monotonic() - began > SLOW_SECONDS + 1.0)
        served.mend()
        wait_for(lambda: is_ready(served), PATIENCE_SECONDS)
        for number, change in enumerate(CHANGES.values(), MANY):
            assert change(served, number)["id"]
        wait_for(lambda: status_of(served, slow) == "succeeded", PATIENCE_SECONDS)
        # No process died: nothing of what was called is lost, and nothing is counted twice.
        wait_for(lambda: counted(served) == 1 + CHATS + pictures + 1, PATIENCE_SECONDS)
        flood = {event: times for event, times in events(served).items() if times > FEW_LINES}
        assert flood == {}
        assert "Traceback" not in "".join(served.log)


def test_a_gateway_outlasts_the_loss_of_its_sockets(tmp_path: Path) -> None:
    """As by who cleans a folder for what passes: calls go on, and new processes find each other."""
    (run := tmp_path / "run").mkdir()
    data = tmp_path / "data"
    with Served(data, "--workers", "1", XDG_RUNTIME_DIR=str(run)) as served:
        chat(served, 0)
        before = served.children()
        (sockets,) = run.iterdir()
        shutil.rmtree(sockets)
        wait_for(lambda: follows(served, before, "control"), PATIENCE_SECONDS)
        chat(served, 1)
        os.kill(before["conduit_cli.worker"], signal.SIGKILL)
        wait_for(lambda: follows(served, before, "worker"), PATIENCE_SECONDS)
        wait_for(lambda: is_ready(served) and answers(served), PATIENCE_SECONDS)
        assert price(served, 0)["id"]
        chat(served, 2)
        wait_for(lambda: counted(served) == 3, PATIENCE_SECONDS)
        assert "Traceback" not in "".join(served.log)


def follows(served: Served, before: dict[str, int], name: str) -> bool:
    """Return whether another process has taken a former one's place."""
    now, module = served.children(), f"conduit_cli.{name}"
    return module in now and now[module] != before[module]


def test_each_service_outlasts_a_read_only_disk(tmp_path: Path) -> None:
    """A process that begins on it refuses changes, is not ready, and writes once the disk can be.

    It is the same one all the time. Calls go on meanwhile, and are counted behind it; so is a
    change that was made before.
    """
    with SmallDisk(tmp_path / "disk", "size=8m", "--workers", "1") as served:
        add_mapping(served, "image")
        for change in CHANGES.values():
            assert change(served, 0)["id"]
        wait_for(lambda: counted(served) == 1, PATIENCE_SECONDS)
        served.forbid_writes()
        os.kill(served.children()["conduit_cli.control"], signal.SIGKILL)
        for change in CHANGES.values():
            made, refusal = until_refused(served, change)
            assert (made, refusal.status, refusal.code.upper()) == (0, 503, REFUSED)
        wait_for(lambda: answers(served), PATIENCE_SECONDS)
        process = served.children()["conduit_cli.control"]
        wait_for(lambda: not ready_services(served), PATIENCE_SECONDS)
        for number in range(CHATS):
            chat(served, number)
        read_all(served)
        served.allow_writes()
        wait_for(lambda: ready_services(served) == CONTROL and answers(served), PATIENCE_SECONDS)
        for number, change in enumerate(CHANGES.values(), 1):
            assert change(served, number)["id"]
        wait_for(lambda: counted(served) == 1 + CHATS + 1, PATIENCE_SECONDS)
        assert served.children()["conduit_cli.control"] == process
        admin = served.admin()
        assert len(admin.call("GET", "/api/model-costs")["modelCosts"]) == 2
        assert len(admin.call("GET", "/api/webhooks")["webhooks"]) == 2
        flood = {event: times for event, times in events(served).items() if times > FEW_LINES}
        assert flood == {}
        assert "Traceback" not in "".join(served.log)
