"""Batches of a gateway whose processes are killed."""

import contextlib
import json
from collections import Counter
from pathlib import Path

import httpx
import pytest
from tests.integration.cli.test_killed_tasks import SECONDS, kill, map_alias
from tests.support.gateways import Served, wait_for

from conduit_cli.keys import VIRTUAL, KeyFile

pytestmark = pytest.mark.slow

REQUESTS = 200


def test_a_batch_outlasts_whoever_is_killed(tmp_path: Path) -> None:
    """Each request is answered, once: neither a worker's end nor Storage's leaves any out."""
    with Served(tmp_path) as served:
        map_alias(served, "slow", "echo-slow-100ms")
        headers = {"Authorization": f"Bearer {KeyFile(tmp_path).read()[VIRTUAL]}"}
        lines = [
            {
                "custom_id": f"n{n}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": "slow", "messages": [{"role": "user", "content": f"word {n}"}]},
            }
            for n in range(REQUESTS)
        ]
        content = "\n".join(map(json.dumps, lines)).encode()
        with httpx.Client(base_url=served.url, headers=headers, timeout=40) as client:
            sent = client.post("/v1/files", data={"purpose": "batch"}, files={"file": content})
            asked = {
                "input_file_id": sent.json()["id"],
                "endpoint": "/v1/chat/completions",
                "completion_window": "24h",
            }
            batch_id = client.post("/v1/batches", json=asked).json()["id"]

            def completed() -> int:
                with contextlib.suppress(httpx.TransportError, KeyError, ValueError):
                    found = client.get(f"/v1/batches/{batch_id}").json()
                    return int(found["request_counts"]["completed"])
                return 0

            wait_for(lambda: completed() > 0)
            kill(served, "conduit_cli.worker")
            wait_for(lambda: completed() > 0)
            kill(served, "conduit_cli.control")
            wait_for(lambda: completed() == REQUESTS, SECONDS)
            wait_for(lambda: client.get(f"/v1/batches/{batch_id}").json()["status"] == "completed")
            batch = client.get(f"/v1/batches/{batch_id}").json()
            output = client.get(f"/v1/files/{batch['output_file_id']}/content").text
        names = Counter(json.loads(line)["custom_id"] for line in output.splitlines())
        assert names == {f"n{n}": 1 for n in range(REQUESTS)}
        assert "error_file_id" not in batch
