"""The encryption key of a real gateway changes, and its processes are killed meanwhile."""

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest
import yaml
from tests.support.gateways import CONDUIT, Served, environment, wait_for

from conduit_cli.gateway import GatewayError, Json
from conduit_cli.keys import FORMER, KeyFile, new_encryption_key
from conduit_cli.rewrapping import PATH

pytestmark = pytest.mark.slow

HELLO: list[Json] = [{"role": "user", "content": "hello"}]
# More than one request wraps again.
KEYS = 260


def _say(served: Served) -> str:
    body = {"model": "echo", "messages": HELLO}
    answer = served.caller().call("POST", "/v1/chat/completions", body)
    return str(answer["choices"][0]["message"]["content"])


def _rewrap(data_dir: Path) -> str:
    return subprocess.run(  # noqa: S603 # our own command
        [CONDUIT, "keys", "rewrap", "--data-dir", str(data_dir)],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout


def _with_many_keys(served: Served) -> None:
    admin = served.admin()
    document = yaml.safe_load(str(admin.call("GET", "/api/config")["yaml"]))
    keys = [{"name": f"k{each}", "apiKey": f"sk-{each:016}"} for each in range(KEYS)]
    document["providers"].append({"name": "Many", "providerType": "OpenAI", "keys": keys})
    admin.call("PUT", "/api/config", {"yaml": yaml.safe_dump(document)})


def test_calls_go_on_while_the_key_changes_and_processes_are_killed(tmp_path: Path) -> None:
    """The change that a crash breaks off is finished, and nobody was refused."""
    with Served(tmp_path, "--workers", "2") as served:
        _with_many_keys(served)
        said: list[str] = []
        is_over = threading.Event()

        def go_on() -> None:
            while not is_over.is_set():
                said.append(_say(served))

        calls = threading.Thread(target=go_on)
        calls.start()
        try:
            # As the command does, so that the crash is surely in the middle.
            KeyFile(tmp_path).replace_encryption_key(new_encryption_key())
            first = served.admin().call("POST", PATH)
            assert (first["isDone"], first["rewrapped"] > 0) == (False, True)
            os.kill(served.children()["conduit_cli.control"], signal.SIGKILL)

            def is_finished() -> bool:
                try:
                    found = served.admin().call("POST", PATH)
                except (GatewayError, OSError):
                    return False
                return (
                    bool(found["isDone"]) and found["encryptionKeyId"] == first["encryptionKeyId"]
                )

            wait_for(is_finished, 60)
            output = _rewrap(tmp_path)
        finally:
            is_over.set()
            calls.join()
        assert "There is a new key" in output
        assert f"{KEYS + 1} providers' keys" in output
        assert set(said) == {"hello"}
        served.stop()
    assert len(str(KeyFile(tmp_path).read()[FORMER]).split(",")) == 2
    with Served(tmp_path) as again:
        assert _say(again) == "hello"
        assert again.admin().call("GET", "/api/audit-log/verification")["isWhole"]
