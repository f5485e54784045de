"""Charges of a gateway whose processes are killed, over and over, while calls are made."""

import concurrent.futures
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from tests.support.gateways import Served, wait_for

from conduit_cli.keys import VIRTUAL, KeyFile

pytestmark = pytest.mark.slow

KILLS = 8
CALLERS = 4
# Until the spools of workers that were killed are adopted and delivered, on a slow machine, too.
DELIVERY_SECONDS = 90.0


class Callers:
    """Callers who make one call after the other, and note which ones were answered."""

    def __init__(self, served: Served) -> None:
        self._key = str(KeyFile(served.data_dir).read()[VIRTUAL])
        self._url = served.url
        self.answered: list[str] = []
        self.is_over = False

    def run(self, number: int) -> None:
        """Call until it is over."""
        at = 0
        while not self.is_over:
            at += 1
            name = f"req_{number}_{at}"
            if self._call(name, stream=at % 2 == 0):
                self.answered.append(name)

    def _call(self, name: str, *, stream: bool) -> bool:
        body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        headers = {"Authorization": f"Bearer {self._key}", "x-request-id": name}
        try:
            answer = httpx.post(
                f"{self._url}/v1/chat/completions", json=body, headers=headers, timeout=30
            )
        except httpx.HTTPError:
            # Nobody is there just now; whoever it was may have been about to answer.
            time.sleep(0.05)
            return False
        return answer.status_code == 200 and (not stream or "[DONE]" in answer.text)


def charged(served: Served) -> Counter[str]:
    """Return how many charges there are of each request."""
    found, token = Counter[str](), ""
    while True:
        page = served.admin().call("GET", f"/api/usage/charges?pageSize=1000&pageToken={token}")
        found.update(charge["requestId"] for charge in page["charges"])
        token = page.get("nextPageToken", "")
        if not token:
            return found


def test_kills_lose_no_charge_and_double_none(tmp_path: Path) -> None:
    """Of workers, of the control process, and of both at once; the ledger is sound after them."""
    chance = random.Random(7)  # noqa: S311 # the same each time
    with Served(tmp_path, "--workers", "2") as served:
        wait_for(lambda: "echo" in served.aliases())
        callers = Callers(served)
        with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
            running = [pool.submit(callers.run, n) for n in range(CALLERS)]
            try:
                for _ in range(KILLS):
                    time.sleep(chance.uniform(0.3, 1.2))
                    children = served.children()
                    modules = sorted(children)
                    for module in chance.sample(modules, chance.randrange(1, len(modules) + 1)):
                        os.kill(children[module], signal.SIGKILL)
            finally:
                callers.is_over = True
            for each in running:
                each.result()

        def is_all_there() -> bool:
            try:
                return set(callers.answered) <= set(charged(served))
            except Exception:  # noqa: BLE001 # it is just being started again
                return False

        wait_for(is_all_there, DELIVERY_SECONDS)
        found = charged(served)
    assert len(callers.answered) > 20
    assert [name for name, count in found.items() if count > 1] == []
