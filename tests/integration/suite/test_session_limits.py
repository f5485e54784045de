"""The limits of sessions are the operator's, from the settings to the caller."""

from pathlib import Path

import orjson
import pytest
from tests.support.suite import running_suite
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def test_a_live_session_waits_for_its_first_event_as_long_as_is_set(tmp_path: Path) -> None:
    """The caller is told which limit that was."""
    limits = {"session_first_event_seconds": 0.2, "session_idle_seconds": 9}
    async with running_suite(tmp_path, **limits) as suite:
        url = suite.url.replace("http", "ws", 1) + "/v1/live/sessions"
        headers = {"authorization": f"Bearer {suite.virtual_key}"}
        async with connect(url, additional_headers=headers, proxy=None) as socket:
            error = orjson.loads(await socket.recv())["error"]
            assert error["code"] == "deadline_exceeded"
            with pytest.raises(ConnectionClosed):
                await socket.recv()
