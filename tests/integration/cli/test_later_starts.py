"""A gateway that is stopped, killed, hurt and started again."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest
from tests.support.gateways import (
    CONDUIT,
    LAST_LINE,
    START_SECONDS,
    Served,
    environment,
    wait_for,
)

from conduit_cli.gateway import GatewayError, Json
from conduit_cli.keys import ENCRYPTION, MASTER, VIRTUAL, KeyFile

pytestmark = pytest.mark.slow

STOP_SECONDS = 5.0
HELLO: list[Json] = [{"role": "user", "content": "hello"}]


def _everything(served: Served) -> list[Json]:
    admin = served.admin()
    paths = ("providers", "model-provider-mappings", "virtual-keys", "providers/1/keys")
    return [admin.call("GET", f"/api/{path}") for path in paths]


def _say(served: Served, model: str = "echo") -> str:
    body = {"model": model, "messages": HELLO}
    answer = served.caller().call("POST", "/v1/chat/completions", body)
    return str(answer["choices"][0]["message"]["content"])


def test_a_second_start_finds_everything_as_it_was(tmp_path: Path) -> None:
    """The same configuration, the same keys, and nothing secret on the screen."""
    with Served(tmp_path) as first:
        before = _everything(first)
        assert first.stop(signal.SIGINT) == 0
    stored = KeyFile(tmp_path).read()
    with Served(tmp_path) as second:
        assert _everything(second) == before
        assert KeyFile(tmp_path).read() == stored
        assert _say(second) == "hello"
        for name in (MASTER, ENCRYPTION, VIRTUAL):
            assert str(stored[name]) not in second.output
        assert "CONDUIT_API_KEY" in second.output


def test_a_terminal_shows_the_text_with_the_keys_and_no_log(tmp_path: Path) -> None:
    """Somebody reads it; a log of what went well would only hide it."""
    screen, terminal = os.openpty()
    command = [
        CONDUIT,
        "serve",
        "--data-dir",
        str(tmp_path),
        "--http-port",
        "0",
        "--grpc-port",
        "0",
    ]
    process = subprocess.Popen(command, env=environment(), stdout=terminal, stderr=terminal)  # noqa: S603 # our own
    os.close(terminal)
    guard = threading.Timer(START_SECONDS, process.kill)
    guard.start()
    shown = b""
    try:
        while LAST_LINE.encode() not in shown:
            shown += os.read(screen, 65536)
    finally:
        guard.cancel()
        process.terminate()
        process.wait(10)
        os.close(screen)
    assert shown.startswith(b"Conduit ")
    assert b'"level"' not in shown
    stored = KeyFile(tmp_path).read()
    for name in (MASTER, ENCRYPTION, VIRTUAL):
        assert str(stored[name]).encode() in shown


def test_what_the_user_removed_stays_removed(tmp_path: Path) -> None:
    """The first start's provider is made once, not at each start."""
    with Served(tmp_path) as first:
        mapping = first.admin().call("GET", "/api/model-provider-mappings")["mappings"][0]
        first.admin().call("DELETE", f"/api/model-provider-mappings/{mapping['id']}")
    with Served(tmp_path) as second:
        assert second.admin().call("GET", "/api/model-provider-mappings").get("mappings", []) == []


def test_ctrl_c_ends_within_five_seconds_whatever_hangs(tmp_path: Path) -> None:
    """Even while a caller waits for an answer that never comes; no process is left."""
    with Served(tmp_path) as served:
        provider = served.admin().call("GET", "/api/providers")["providers"][0]
        mapping = {"modelAlias": "h", "providerId": provider["id"], "actualModelName": "hang"}
        served.admin().call("POST", "/api/model-provider-mappings", mapping)
        wait_for(lambda: "h" in served.aliases())
        waiting = threading.Thread(target=_say_in_vain, args=(served, "h"))
        waiting.start()
        wait_for(lambda: _chats_under_way(served))
        children = served.children()
        began = time.monotonic()
        assert served.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < STOP_SECONDS
        waiting.join(5)
        assert not waiting.is_alive()
    assert not [pid for pid in children.values() if Path(f"/proc/{pid}").exists()]


def test_a_stream_longer_than_the_usual_drain_is_finished_where_told_so(tmp_path: Path) -> None:
    """The operator chooses how long calls under way have; before, the gateway is not ready."""
    lengths = {"CONDUIT_DRAIN_DELAY_SECONDS": "1", "CONDUIT_DRAIN_SECONDS": "8"}
    with Served(tmp_path, **lengths) as served:
        provider = served.admin().call("GET", "/api/providers")["providers"][0]
        names = {"modelAlias": "s", "providerId": provider["id"]}
        mapping = {**names, "actualModelName": "stream-50x100ms"}
        served.admin().call("POST", "/api/model-provider-mappings", mapping)
        wait_for(lambda: "s" in served.aliases())
        body = {"model": "s", "messages": HELLO, "stream": True}
        events = served.caller().events("/v1/chat/completions", body)
        next(events)
        stopping = threading.Thread(target=served.stop)
        stopping.start()
        wait_for(lambda: not _is_ready(served), 0.9)
        assert _say(served) == "hello"
        assert list(events)[-1] == "[DONE]"
        stopping.join(10)


def _is_ready(served: Served) -> bool:
    return httpx.get(f"{served.url}/health/ready", timeout=5).status_code == 200


def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    """Its death is logged, and the gateway answers again."""
    with Served(tmp_path) as served:
        os.kill(served.children()["conduit_cli.worker"], signal.SIGKILL)
        wait_for(lambda: _answers(served))
        assert any('"died"' in line for line in served.log)


def test_processes_end_with_their_supervisor(tmp_path: Path) -> None:
    """Even when it had no time to tell them."""
    with Served(tmp_path) as served:
        children = served.children()
        assert len(children) == 3
        served.process.kill()
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children.values()))


def test_several_workers_share_the_ports(tmp_path: Path) -> None:
    """And each of them answers."""
    with Served(tmp_path, "--workers", "2") as served:
        assert [_say(served) for _ in range(8)] == ["hello"] * 8


def test_given_keys_win_and_are_not_stored(tmp_path: Path) -> None:
    """What comes from the environment stays there."""
    given = {"CONDUIT_MASTER_KEY": "given-master-key"}
    with Served(tmp_path, **given) as served:
        assert "given-master-key" not in served.output
        assert MASTER not in KeyFile(tmp_path).read()
        assert ENCRYPTION in KeyFile(tmp_path).read()


def test_lost_keys_are_not_replaced_by_new_ones(tmp_path: Path) -> None:
    """Which would make every stored provider key unreadable for good."""
    (tmp_path / "registry.db").touch()
    with pytest.raises(AssertionError, match="CONDUIT_ENCRYPTION_KEY"):
        Served(tmp_path)


def _chats_under_way(served: Served) -> bool:
    metrics = httpx.get(f"{served.url}/metrics", timeout=5).text
    lines = [line for line in metrics.splitlines() if "requests_under_way{" in line]
    return any("/v1/chat/completions" in line and line.endswith(" 1.0") for line in lines)


def _say_in_vain(served: Served, model: str) -> None:
    with contextlib.suppress(GatewayError, OSError):
        _say(served, model)


def _answers(served: Served) -> bool:
    try:
        return _say(served) == "hello"
    except (GatewayError, OSError):
        return False
