"""A stand-in for OpenAI that keeps responses, each by its account: the key that made it.

After https://platform.openai.com/docs/api-reference/responses: what another account asks about is
not there, and a response that goes on from such a one is refused.
"""

import asyncio
import itertools
from typing import Any

import orjson

from conduit_kernel.http import Exchange

Json = dict[str, Any]
JSON = [(b"content-type", b"application/json")]
EVENTS = [(b"content-type", b"text/event-stream")]


class KeepingUpstream:
    """Answers each input with itself."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        # By account and id.
        self.kept: dict[tuple[str, str], Json] = {}
        self.asked: list[Json] = []
        # Method, path with its query, and account of each request.
        self.requests: list[tuple[str, str, str]] = []
        self.paused: set[str] = set()
        # Lets responses that are made in the background go on.
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def __call__(self, exchange: Exchange) -> None:
        """Serve a request."""
        account = (exchange.headers.get(b"authorization") or b"").decode().removeprefix("Bearer ")
        method, path = exchange.method, exchange.path
        target = f"{path}?{exchange.query}" if exchange.query else path
        self.requests.append((method, target, account))
        await asyncio.sleep(0)
        if account in self.paused:
            exchange.respond(503, JSON, b'{"error":{"message":"away"}}')
        elif method == "POST" and path.endswith(("/input_tokens", "/compact")):
            self._beside(exchange, account, orjson.loads(exchange.body), path.rpartition("/")[2])
        elif method == "POST" and path.endswith("/cancel"):
            self._cancel(exchange, account, path.split("/")[3])
        elif method == "POST":
            await self._create(exchange, account, orjson.loads(exchange.body))
        else:
            self._tell(exchange, account, method, path.split("/")[3:])

    def _beside(self, exchange: Exchange, account: str, asked: Json, part: str) -> None:
        """Count what a response would read, or make it shorter."""
        self.asked.append(asked)
        if self._is_unknown(exchange, account, asked):
            return
        if part == "input_tokens":
            told: Json = {"object": "response.input_tokens", "input_tokens": 3}
        else:
            sealed = {"type": "compaction", "id": "cmp_1", "encrypted_content": account}
            told = {"id": "resp_cmp", "object": "response.compaction", "created_at": 1}
            told |= {"output": [sealed], "usage": {"input_tokens": 3, "output_tokens": 2}}
        exchange.respond(200, JSON, orjson.dumps(told))

    def _is_unreadable(self, exchange: Exchange, account: str, asked: Json) -> bool:
        """Refuse thoughts that another account sealed; return whether there were any."""
        items = asked["input"] if isinstance(asked.get("input"), list) else []
        sealed = [each.get("encrypted_content") for each in items]
        if all(each in {None, f"sealed by {account}"} for each in sealed):
            return False
        error = {
            "message": "The encrypted content could not be verified.",
            "type": "invalid_request_error",
            "code": "invalid_encrypted_content",
        }
        exchange.respond(400, JSON, orjson.dumps({"error": error}))
        return True

    def _is_unknown(self, exchange: Exchange, account: str, asked: Json) -> bool:
        """Refuse to go on from what another account has; return whether it was that."""
        previous = asked.get("previous_response_id")
        conversation = asked.get("conversation")
        if conversation and not conversation.endswith(account):
            error: Json = {"message": f"Conversation with id '{conversation}' not found."}
            exchange.respond(404, JSON, orjson.dumps({"error": error}))
            return True
        if not previous or (account, previous) in self.kept:
            return False
        message = f"Previous response with id '{previous}' not found."
        error = {"message": message, "type": "invalid_request_error", "code": None}
        exchange.respond(400, JSON, orjson.dumps({"error": error}))
        return True

    async def _create(self, exchange: Exchange, account: str, asked: Json) -> None:
        self.asked.append(asked)
        if self._is_unknown(exchange, account, asked):
            return
        if self._is_unreadable(exchange, account, asked):
            return
        response_id = f"resp_{next(self._numbers):050x}"
        response = self._response(response_id, asked)
        if "reasoning.encrypted_content" in (asked.get("include") or ()):
            sealed = {"type": "reasoning", "id": f"rs_{response_id}", "summary": []}
            response["output"].insert(0, sealed | {"encrypted_content": f"sealed by {account}"})
        if asked.get("store") is not False:
            self.kept[account, response_id] = response
        if not asked.get("stream"):
            exchange.respond(200, JSON, orjson.dumps(response))
            return
        out = exchange.start(200, EVENTS)
        begun = {**response, "status": "in_progress", "output": [], "usage": None}
        if asked.get("background"):
            begun |= {"status": "queued", "background": True}
            response["background"] = True
            self.kept[account, response_id] = begun
        out.write(_event(0, "response.created", begun))
        if asked.get("background"):
            await out.drain()
            await self.goes_on.wait()
            if self.kept[account, response_id]["status"] == "cancelled":
                out.finish()
                return
            self.kept[account, response_id] = response
        out.write(_event(1, "response.completed", response))
        out.finish()

    def _cancel(self, exchange: Exchange, account: str, response_id: str) -> None:
        response = self.kept.get((account, response_id))
        if response is None:
            exchange.respond(404, JSON, b'{"error":{"message":"no such response"}}')
            return
        if response["status"] == "queued":
            response["status"] = "cancelled"
        exchange.respond(200, JSON, orjson.dumps(response))

    def _tell(self, exchange: Exchange, account: str, method: str, parts: list[str]) -> None:
        response_id, *part = parts
        response = self.kept.get((account, response_id))
        if response is None:
            exchange.respond(404, JSON, b'{"error":{"message":"no such response"}}')
        elif method == "DELETE":
            del self.kept[account, response_id]
            gone = {"id": response_id, "object": "response.deleted", "deleted": True}
            exchange.respond(200, JSON, orjson.dumps(gone))
        elif "stream=true" in (exchange.query or ""):
            out = exchange.start(200, EVENTS)
            out.write(_event(1, "response.completed", response))
            out.finish()
        elif part:
            item = {"id": "msg_1", "type": "message", "role": "user", "content": []}
            told = {"object": "list", "data": [item], "has_more": False}
            exchange.respond(200, JSON, orjson.dumps(told))
        else:
            exchange.respond(200, JSON, orjson.dumps(response))

    @staticmethod
    def _response(response_id: str, asked: Json) -> Json:
        said = {"type": "output_text", "text": str(asked["input"]), "annotations": []}
        message = {"type": "message", "id": f"msg_{response_id}", "role": "assistant"}
        return {
            "id": response_id,
            "object": "response",
            "created_at": 1_700_000_000,
            "status": "completed",
            "model": asked["model"],
            "output": [{**message, "status": "completed", "content": [said]}],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "previous_response_id": asked.get("previous_response_id"),
            "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
        }


def _event(number: int, kind: str, response: Json) -> bytes:
    event = {"type": kind, "sequence_number": number, "response": response}
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(event))
