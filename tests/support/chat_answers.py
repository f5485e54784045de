"""What callers got who had a chat."""

from typing import Any

import httpx
import orjson
from tests.support.suite import Suite

Json = dict[str, Any]
CHAT = "/v1/chat/completions"
HI = [{"role": "user", "content": "hi"}]


class ChatAnswer:
    """Chunks of a stream, or a whole answer."""

    def __init__(self, got: httpx.Response) -> None:
        self.status, self.headers, self.text = got.status_code, got.headers, got.text
        lines = [line[6:] for line in got.text.splitlines() if line.startswith("data: ")]
        self.is_done = bool(lines) and lines[-1] == "[DONE]"
        self.events = [orjson.loads(line) for line in lines if line != "[DONE]"]
        self.json: Json = {} if lines or not got.text else got.json()

    @property
    def words(self) -> str:
        """The text of a stream."""
        return "".join(each.get("content") or "" for each in self.deltas)

    @property
    def deltas(self) -> list[Json]:
        """The deltas of a stream."""
        return [choice["delta"] for each in self.events for choice in each["choices"]]

    @property
    def reasons(self) -> list[str]:
        """The reasons for which a stream ended."""
        choices = [choice for each in self.events for choice in each["choices"]]
        return [each["finish_reason"] for each in choices if each["finish_reason"]]

    @property
    def usages(self) -> list[Json]:
        """The counts that were told."""
        return [each["usage"] for each in self.events if each.get("usage")]

    @property
    def calls(self) -> dict[int, tuple[str, str]]:
        """The ids and arguments of calls, put together as SDKs do, by index."""
        made: dict[int, tuple[str, str]] = {}
        for piece in (c for each in self.deltas for c in each.get("tool_calls") or ()):
            known, said = made.get(piece["index"], ("", ""))
            more = piece["function"].get("arguments") or ""
            made[piece["index"]] = (known or piece["id"], said + more)
        return made

    @property
    def message(self) -> Json:
        """The message of a whole answer."""
        found: Json = self.json["choices"][0]["message"]
        return found


async def chat(suite: Suite, alias: str, **more: object) -> ChatAnswer:
    """Have a chat."""
    async with suite.caller() as caller:
        return ChatAnswer(await caller.post(CHAT, json={"model": alias, "messages": HI, **more}))
