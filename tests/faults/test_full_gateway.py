"""A whole gateway on a disk without room, or without names for files: what its users notice."""

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.support.gateways import wait_for
from tests.support.small_disk_gateway import SmallDisk

from conduit_cli.gateway import GatewayError

PATIENCE_SECONDS = 60.0
# So many changes fill what the databases' logs have left.
MANY = 150
REFUSED = "SERVICE_UNAVAILABLE"
NO_ROOM = (
    f"503 The database of the registry service cannot be used: database or disk is full ({REFUSED})"
)
# What is said of each call, which is none of the disk's.
OF_CALLS = frozenset({"http_request", "grpc_request", "database_failed"})
# Far less than one for each try.
FEW_LINES = 3


def chat(served: SmallDisk, number: int) -> None:
    """Call the simulator, whose answer is what it was asked."""
    said = f"hello {number}"
    body = {"model": "echo", "messages": [{"role": "user", "content": said}]}
    answer = served.caller().call("POST", "/v1/chat/completions", body)
    assert answer["choices"][0]["message"]["content"] == said


def counted(served: SmallDisk) -> int:
    """Return for how many calls Billing has charges."""
    found = served.admin().call("GET", "/api/usage/costs?groupBy=model")["costBreakdown"]
    return sum(each["requests"] for each in found)


def changes(served: SmallDisk) -> list[str]:
    """Make virtual keys with long names, the same each time; return what came of each."""
    came = []
    for number in range(MANY):
        try:
            made = served.admin().call("POST", "/api/virtual-keys", {"name": f"{number}" * 50})
            came.append("made" if made["key"] else "nothing")
        except GatewayError as error:
            came.append(f"{error.status} {error}" if error.code == REFUSED else error.code)
    return came


def is_ready(served: SmallDisk) -> bool:
    """Return whether it says that it is."""
    try:
        served.caller().call("GET", "/health/ready")
    except (GatewayError, OSError):
        return False
    return True


def kill(served: SmallDisk) -> None:
    """Kill all that writes, and wait for what follows."""
    before = served.children()
    killed = [before[f"conduit_cli.{name}"] for name in ("control", "worker")]
    for each in killed:
        os.kill(each, signal.SIGKILL)

    def has_followed() -> bool:
        now = served.children()
        return now.keys() == before.keys() and not set(killed) & set(now.values())

    wait_for(has_followed, PATIENCE_SECONDS)
    wait_for(lambda: answers(served), PATIENCE_SECONDS)


def answers(served: SmallDisk) -> bool:
    """Return whether it has its configuration, and its control process."""
    try:
        return "echo" in served.aliases() and bool(served.admin().call("GET", "/api/providers"))
    except (GatewayError, OSError):
        return False


def events(served: SmallDisk) -> Counter[str]:
    """Return how often the log has each line of the disk's, by event and loop."""
    found = Counter[str]()
    for line in served.log:
        said = json.loads(line)
        if said["event"] not in OF_CALLS:
            found[f"{said['event']} {said.get('loop', '')}"] += 1
    return found


@pytest.mark.parametrize("lack", ["room", "names"])
def test_a_gateway_outlasts_its_disk(tmp_path: Path, lack: str) -> None:
    """Calls go on; a change is made, or refused in words; all is well once the disk is."""
    options = "size=4m" if lack == "room" else "size=20m,nr_inodes=45"
    with SmallDisk(tmp_path / "disk", options, "--workers", "1") as served:
        chat(served, 0)
        wait_for(lambda: counted(served) == 1)
        served.fill() if lack == "room" else served.take_all_names()
        came = changes(served)
        assert set(came) == ({"made", NO_ROOM} if lack == "room" else {"made"})
        for number in range(10):
            chat(served, number)
        kill(served)
        for number in range(10):
            chat(served, number)
        # Retries of all that the disk refuses.
        time.sleep(8.0)
        flood = {event: times for event, times in events(served).items() if times > FEW_LINES}
        assert flood == {}
        served.mend()
        wait_for(lambda: is_ready(served), PATIENCE_SECONDS)
        # What waited in the memory of what was killed is lost; what was on the disk is not.
        most = 21
        least = 11 if lack == "room" else most
        wait_for(lambda: least <= counted(served) <= most, PATIENCE_SECONDS)
        before = counted(served)
        chat(served, 1)
        wait_for(lambda: counted(served) == before + 1)
        again = {"made": "ALREADY_EXISTS", NO_ROOM: "made"}
        assert changes(served) == [again[each] for each in came]
        assert "Traceback" not in "".join(served.log)
