"""A whole gateway without room, names for files, or descriptors: what its users notice."""

import http.client
import json
import os
import re
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.gateways import Served, wait_for
from tests.support.small_disk_gateway import SmallDisk

from conduit_cli.gateway import GatewayError
from conduit_cli.keys import MASTER, VIRTUAL, KeyFile
from conduit_kernel.log_limit import SAME

PATIENCE_SECONDS = 60.0
# So many changes fill what the databases' logs have left.
MANY = 150
REFUSED = "SERVICE_UNAVAILABLE"
NO_ROOM = (
    f"503 The database of the registry service cannot be used: database or disk is full ({REFUSED})"
)

pytestmark = pytest.mark.slow
# What is said of each call, which is none of the disk's.
GRPC_LINE = re.compile(r"[EIW]\d{4} [\d:.]+ +\d+ ([a-z_0-9]+\.cc:\d+)\]")
OF_CALLS = frozenset({"http_request", "grpc_request"})
# Far less than one for each try: those of a process, and of the one that follows when it is killed.
FEW_LINES = 2 * SAME.burst


def chat(served: Served, number: int) -> None:
    """Call the simulator, whose answer is what it was asked."""
    said = f"hello {number}"
    body = {"model": "echo", "messages": [{"role": "user", "content": said}]}
    answer = served.caller().call("POST", "/v1/chat/completions", body)
    assert answer["choices"][0]["message"]["content"] == said


def counted(served: Served) -> int:
    """Return for how many calls Billing has charges."""
    found = served.admin().call("GET", "/api/usage/costs?groupBy=model")["costBreakdown"]
    return sum(each["requests"] for each in found)


def changes(served: Served) -> list[str]:
    """Make virtual keys with long names, the same each time; return what came of each."""
    came = []
    for number in range(MANY):
        try:
            made = served.admin().call("POST", "/api/virtual-keys", {"name": f"{number}" * 50})
            came.append("made" if made["key"] else "nothing")
        except GatewayError as error:
            # Without the hint, which is a line of its own.
            said = f"{error.status} {error}".partition("\n")[0]
            came.append(said if error.code == REFUSED else error.code)
    return came


def is_ready(served: Served) -> bool:
    """Return whether it says that it is."""
    try:
        served.caller().call("GET", "/health/ready")
    except (GatewayError, OSError):
        return False
    return True


def kill(served: Served) -> None:
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


def answers(served: Served) -> bool:
    """Return whether it has its configuration, and its control process."""
    try:
        return "echo" in served.aliases() and bool(served.admin().call("GET", "/api/providers"))
    except (GatewayError, OSError):
        return False


def events(served: Served) -> Counter[str]:
    """Return how often the log has each line of the disk's, by event and loop.

    Those of gRPC's own core, which are no JSON, by the place in it that writes them.
    """
    found = Counter[str]()
    for line in served.log:
        if (place := GRPC_LINE.match(line)) is not None:
            found[place[1]] += 1
            continue
        said = json.loads(line)
        if said["event"] not in OF_CALLS:
            found[f"{said['service']} {said['event']} {said.get('loop', '')}"] += 1
    return found


@pytest.mark.parametrize("lack", ["room", "names"])
def test_a_gateway_outlasts_its_disk(tmp_path: Path, lack: str) -> None:
    """Calls go on; a change is made, or refused in words; all is well once the disk is."""
    options = "size=8m" if lack == "room" else "size=20m,nr_inodes=45"
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


@contextmanager
def no_descriptor(served: Served) -> Iterator[None]:
    """Let none of its processes open anything."""
    pids = served.children().values()
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in pids}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)


class Kept:
    """A caller with a connection that is kept."""

    def __init__(self, served: Served) -> None:
        url, keys = urlsplit(served.url), KeyFile(served.data_dir).read()
        self._headers = {
            "authorization": f"Bearer {keys[VIRTUAL]}",
            "x-master-key": str(keys[MASTER]),
            "content-type": "application/json",
        }
        self._connection = http.client.HTTPConnection(str(url.hostname), url.port or 0, timeout=30)

    def post(self, path: str, body: dict[str, object]) -> int:
        """Return the status of an answer."""
        self._connection.request("POST", path, json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def chat(self) -> int:
        """Return the status of a chat."""
        said = {"role": "user", "content": "hello"}
        return self.post("/v1/chat/completions", {"model": "echo", "messages": [said]})

    def close(self) -> None:
        """Leave."""
        self._connection.close()


def test_a_gateway_outlasts_a_lack_of_descriptors(tmp_path: Path) -> None:
    """Who has a connection goes on, who comes waits; then all are answered, and all is counted."""
    with Served(tmp_path / "data", "--workers", "1") as served:
        caller, url, before = Kept(served), urlsplit(served.url), served.children()
        assert caller.chat() == 200
        with no_descriptor(served):
            assert [caller.chat() for _ in range(5)] == [200] * 5
            come = [socket.create_connection((url.hostname, url.port), 30) for _ in range(20)]
            for each in come:
                each.sendall(b"GET /health/live HTTP/1.1\r\nhost: gateway\r\n\r\n")
            # Retries of all that is refused.
            time.sleep(6.0)
            assert [caller.chat() for _ in range(5)] == [200] * 5
            assert caller.post("/api/virtual-keys", {"name": "made"}) == 201
            # Neither the provider nor its key is to blame for what cannot be asked.
            assert caller.post("/api/providers/1/test", {}) == 200
            assert caller.post("/api/providers/1/discover", {}) == 503
        for each in come:
            assert each.recv(100).startswith(b"HTTP/1.1 200 ")
            each.close()
        wait_for(lambda: is_ready(served), PATIENCE_SECONDS)
        wait_for(lambda: counted(served) == 11, PATIENCE_SECONDS)
        health = served.admin().call("GET", "/api/providers/1/health")
        assert health["status"] != "Unhealthy"
        assert {key["status"] for key in health["keyCredentials"]} <= {"Active", "Unknown"}
        caller.close()
        assert served.children() == before
        flood = {event: times for event, times in events(served).items() if times > FEW_LINES}
        assert flood == {}
        assert "Traceback" not in "".join(served.log)
