"""A stand-in for providers that take batches: OpenAI and its like, Mistral, Anthropic and Gemini.

Their wire is that of the SDKs, which `tests/conformance/test_batch_upstream.py` points at it. A
test says when batches are over, and what happens on the way.
"""

import asyncio
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from conduit_kernel.http import Exchange

Json = dict[str, Any]
JSON = [(b"content-type", b"application/json")]
LINES = [(b"content-type", b"application/octet-stream")]
CREATED, RFC_CREATED = 1_700_000_000, "2026-11-30T10:00:00Z"
_FILE = re.compile(rb'name="file".*?\r\n\r\n(.*?)\r\n--', re.DOTALL)


@dataclass
class Held:
    """A batch that the stand-in has."""

    id: str
    dialect: str
    model: str
    # By the name that each request was given: its body.
    requests: dict[str, Json]
    name: str = ""
    file_id: str = ""
    status: str = "under_way"
    # By name: whatever a test wants in place of an answer.
    results: dict[str, Json | None] = field(default_factory=dict[str, Json | None])
    # The files of results, once it is over.
    kept: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def is_under_way(self) -> bool:
        """Return whether nobody has taken it back, and it is not over."""
        return self.status == "under_way"


class BatchUpstream:
    """Answers each request with its last words."""

    def __init__(self) -> None:
        # Whether a batch of Gemini's was begun, whose paths may be OpenAI's.
        self.is_google = False
        # Where results are, as Anthropic tells it.
        self.url = "https://api.anthropic.com"
        self.batches: dict[str, Held] = {}
        self.files: dict[str, bytes] = {}
        # Those that were deleted, batches and files.
        self.deleted: list[str] = []
        # The paths of calls that were made outside of any batch.
        self.calls: list[str] = []
        # Method and path of each request, with its key.
        self.requests: list[tuple[str, str]] = []
        self.headers: list[Json] = []
        # Whether batches are over as soon as they are begun.
        self.is_quick = True
        # What requests about batches come to, instead: a status and a body, by part of the path.
        self.failures: list[tuple[str, int, Json]] = []
        # Called with each batch that is begun, before its answer.
        self.on_begun: Callable[[Held], None] | None = None
        # Where a test holds results back: set once they are asked for, and for as long as it wants.
        self.is_asked_for_results = asyncio.Event()
        self.may_give_results = asyncio.Event()
        self.may_give_results.set()
        self._numbers = itertools.count(1)

    def finish(self, status: str = "done") -> None:
        """Let all batches be over that are under way."""
        for held in self.batches.values():
            if held.status in {"under_way", "cancelling"}:
                held.status = status

    async def __call__(self, exchange: Exchange) -> None:
        """Serve a request."""
        await asyncio.sleep(0)
        method, path = exchange.method, exchange.path
        self.requests.append((method, path))
        for place, (part, status, body) in enumerate(self.failures):
            if part in f"{method} {path}":
                del self.failures[place]
                exchange.respond(status, JSON, orjson.dumps(body))
                return
        if path.endswith("/results"):
            self.is_asked_for_results.set()
            await self.may_give_results.wait()
        status, answer = self._answer(method, path, exchange)
        if isinstance(answer, bytes):
            exchange.respond(status, LINES, answer)
        else:
            exchange.respond(status, JSON, orjson.dumps(answer))

    def _answer(self, method: str, path: str, exchange: Exchange) -> tuple[int, Any]:
        body = exchange.body
        for ending, serve in (("/files", self._files), ("/batch/jobs", self._mistral)):
            if ending in path:
                return serve(method, path.partition(ending)[2].strip("/").split("/"), body)
        if "/messages/batches" in path:
            self.headers.append({k.decode(): v.decode() for k, v in exchange.headers.items()})
            return self._anthropic(
                method, path.partition("/batches")[2].strip("/").split("/"), body
            )
        if path.endswith(":batchGenerateContent") or (self.is_google and "/batches" in path):
            self.is_google = True
            return self._gemini(method, path, body)
        if "/batches" in path:
            return self._openai(method, path.partition("/batches")[2].strip("/").split("/"), body)
        if method == "GET":
            return 404, {"error": {"message": "no lists here"}}
        self.calls.append(path)
        dialect = "anthropic" if path.endswith("/messages") else "openai"
        if "generateContent" in path:
            dialect = "gemini"
        answer = answer_to(dialect, orjson.loads(body))
        answer.get("usage", {}).pop("service_tier", None)
        return 200, answer

    def _files(self, method: str, parts: list[str], body: bytes) -> tuple[int, Any]:
        if method == "POST":
            found = _FILE.search(body)
            assert found is not None
            return 200, self._file(self._kept(found[1]))
        file_id, *rest = parts
        if file_id not in self.files:
            return 404, {"error": {"message": "no such file", "type": "invalid_request_error"}}
        if method == "DELETE":
            del self.files[file_id]
            self.deleted.append(file_id)
            return 200, {"id": file_id, "object": "file", "deleted": True}
        return 200, self.files[file_id] if rest else self._file(file_id)

    def _kept(self, content: bytes) -> str:
        file_id = f"file-up{next(self._numbers)}"
        self.files[file_id] = content
        return file_id

    def _file(self, file_id: str) -> Json:
        size = len(self.files[file_id])
        found = {"id": file_id, "object": "file", "bytes": size, "created_at": CREATED}
        return found | {"filename": "in.jsonl", "purpose": "batch", "status": "processed"}

    def _begun(self, held: Held) -> Held:
        self.batches[held.id] = held
        if self.on_begun is not None:
            self.on_begun(held)
        if self.is_quick:
            held.status = "done"
        return held

    def _openai(self, method: str, parts: list[str], body: bytes) -> tuple[int, Any]:
        if method == "POST" and parts == [""]:
            asked = orjson.loads(body)
            lines = [orjson.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
            assert {line["url"] for line in lines} == {asked["endpoint"]}
            held = Held(
                f"batch_up{next(self._numbers)}",
                "openai",
                lines[0]["body"]["model"],
                {line["custom_id"]: line["body"] for line in lines},
                asked["metadata"]["conduit_batch"],
                asked["input_file_id"],
            )
            return 200, self._openai_batch(self._begun(held))
        if parts == [""]:
            listed = [self._openai_batch(each) for each in reversed(self.batches.values())]
            return 200, {"object": "list", "data": listed, "has_more": False}
        return self._one(method, parts, self._openai_batch)

    def _one(self, method: str, parts: list[str], shown: Callable[[Held], Json]) -> tuple[int, Any]:
        held = self.batches.get(parts[0])
        if held is None:
            return 404, {"error": {"message": "no such batch", "type": "not_found_error"}}
        if parts[1:] == ["cancel"] and held.status == "under_way":
            held.status = "cancelling"
        if parts[1:] == ["results"]:
            return 200, _lines(self._result_lines(held))
        if method == "DELETE":
            del self.batches[held.id]
            self.deleted.append(held.id)
            return 200, {"id": held.id, "type": "message_batch_deleted", "deleted": True}
        return 200, shown(held)

    def _openai_batch(self, held: Held) -> Json:
        names = {"under_way": "in_progress", "done": "completed"}
        lines = self._result_lines(held) if held.status not in {"under_way", "cancelling"} else []
        counts = {"total": len(held.requests), "completed": len(lines), "failed": 0}
        found = {
            "id": held.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": held.file_id,
            "completion_window": "24h",
            "status": names.get(held.status, held.status),
            "created_at": CREATED,
            "request_counts": counts,
            "metadata": {"conduit_batch": held.name},
        }
        if held.status == "failed":
            error = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}
            return found | {"errors": {"object": "list", "data": [error]}}
        good = [line for line in lines if (line["response"] or {}).get("status_code") == 200]
        bad = [line for line in lines if line not in good]
        for member, some in (("output_file_id", good), ("error_file_id", bad)):
            if some:
                found[member] = self._results_file(held, member, some)
        return found

    def _results_file(self, held: Held, member: str, lines: list[Json]) -> str:
        if member not in held.kept:
            held.kept[member] = self._kept(_lines(lines))
        return held.kept[member]

    def _mistral(self, method: str, parts: list[str], body: bytes) -> tuple[int, Any]:
        if method == "POST" and parts == [""]:
            asked = orjson.loads(body)
            requests = {each["custom_id"]: each["body"] for each in asked["requests"]}
            held = Held(f"job-{next(self._numbers)}", "mistral", asked["model"], requests)
            held.name = asked["metadata"]["conduit_batch"]
            return 200, self._mistral_job(self._begun(held))
        if parts == [""]:
            jobs = [self._mistral_job(each) for each in self.batches.values()]
            return 200, {"object": "list", "data": jobs, "total": len(jobs)}
        return self._one(method, parts, self._mistral_job)

    def _mistral_job(self, held: Held) -> Json:
        names = {"under_way": "RUNNING", "done": "SUCCESS", "cancelled": "CANCELLED"}
        lines = self._result_lines(held) if held.status not in {"under_way", "cancelling"} else []
        names["cancelling"] = "CANCELLATION_REQUESTED"
        return {
            "id": held.id,
            "object": "batch",
            "input_files": [],
            "endpoint": "/v1/chat/completions",
            "errors": [],
            "status": names[held.status],
            "created_at": CREATED,
            "model": held.model,
            "metadata": {"conduit_batch": held.name},
            "total_requests": len(held.requests),
            "completed_requests": len(lines),
            "succeeded_requests": len(lines),
            "failed_requests": 0,
            "output_file": self._results_file(held, "output", lines) if lines else None,
        }

    def _anthropic(self, method: str, parts: list[str], body: bytes) -> tuple[int, Any]:
        if method == "POST" and parts == [""]:
            asked = orjson.loads(body)["requests"]
            requests = {each["custom_id"]: each["params"] for each in asked}
            model = asked[0]["params"]["model"]
            held = Held(f"msgbatch_{next(self._numbers)}", "anthropic", model, requests)
            return 200, self._message_batch(self._begun(held))
        return self._one(method, parts, self._message_batch)

    def _message_batch(self, held: Held) -> Json:
        is_over = held.status not in {"under_way", "cancelling"}
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        counts["succeeded" if is_over else "processing"] = len(held.requests)
        names = {"under_way": "in_progress", "cancelling": "canceling"}
        url = f"{self.url}/v1/messages/batches/{held.id}/results"
        return {
            "id": held.id,
            "type": "message_batch",
            "processing_status": names.get(held.status, "ended"),
            "request_counts": counts,
            "created_at": RFC_CREATED,
            "expires_at": RFC_CREATED,
            "ended_at": RFC_CREATED if is_over else None,
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": url if is_over else None,
        }

    def _gemini(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if path.endswith(":batchGenerateContent"):
            batch = orjson.loads(body)["batch"]
            entries = batch["inputConfig"]["requests"]["requests"]
            requests = {each["metadata"]["key"]: each["request"] for each in entries}
            model = path.rpartition("/")[2].partition(":")[0]
            held = Held(f"b{next(self._numbers)}", "gemini", model, requests, batch["displayName"])
            return 200, self._gemini_batch(self._begun(held))
        rest = path.partition("/batches")[2].strip("/")
        if not rest:
            found = [self._gemini_batch(each) for each in self.batches.values()]
            return 200, {"operations": found}
        name, _, verb = rest.partition(":")
        return self._one(method, [name, verb] if verb else [name], self._gemini_batch)

    def _gemini_batch(self, held: Held) -> Json:
        names = {"under_way": "RUNNING", "done": "SUCCEEDED", "cancelling": "RUNNING"}
        state = f"BATCH_STATE_{names.get(held.status, held.status.upper())}"
        stats = {"requestCount": str(len(held.requests))}
        metadata: Json = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": f"models/{held.model}",
            "displayName": held.name,
            "createTime": RFC_CREATED,
            "state": state,
            "name": f"batches/{held.id}",
            "batchStats": stats,
        }
        found: Json = {"name": f"batches/{held.id}", "metadata": metadata}
        if held.status in {"under_way", "cancelling"}:
            return found
        stats["successfulRequestCount"] = stats["requestCount"]
        responses = {"inlinedResponses": {"inlinedResponses": self._result_lines(held)}}
        metadata["output"] = responses
        return found | {"done": True, "response": responses}

    def _result_lines(self, held: Held) -> list[Json]:
        """Return the results in the reverse order of the requests."""
        found = []
        for name in reversed(held.requests):
            if name in held.results:
                if (told := held.results[name]) is not None:
                    found.append(told)
            elif held.status == "done":
                found.append(result_of(held.dialect, name, held.requests[name]))
        return found


def result_of(dialect: str, name: str, asked: Json) -> Json:
    """Return the result of a request that was answered."""
    return _line(dialect, name, answer_to(dialect, asked))


def _line(dialect: str, name: str, answer: Json) -> Json:
    """Return a result as a line, or as what is in an answer."""
    if dialect == "anthropic":
        return {"custom_id": name, "result": {"type": "succeeded", "message": answer}}
    if dialect == "gemini":
        return {"metadata": {"key": name}, "response": answer}
    response = {"status_code": 200, "request_id": f"req_{name}", "body": answer}
    return {"id": f"batch_req_{name}", "custom_id": name, "response": response, "error": None}


def failed(dialect: str, name: str, status: int = 400) -> Json:
    """Return the result of a request that failed."""
    if dialect == "anthropic":
        kind = "invalid_request_error" if status < 500 else "api_error"
        error = {"type": "error", "error": {"type": kind, "message": "It is wrong"}}
        return {"custom_id": name, "result": {"type": "errored", "error": error}}
    if dialect == "gemini":
        code = 3 if status < 500 else 13
        return {"metadata": {"key": name}, "error": {"code": code, "message": "It is wrong"}}
    error = {"error": {"message": "It is wrong", "type": "invalid_request_error"}}
    found = _line(dialect, name, error)
    found["response"]["status_code"] = status
    return found


def answer_to(dialect: str, asked: Json) -> Json:
    """Return the answer that repeats the last words, of ten tokens read and five written."""
    if dialect == "anthropic":
        words = asked["messages"][-1]["content"]
        words = words if isinstance(words, str) else words[0]["text"]
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": asked["model"],
            "content": [{"type": "text", "text": words}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 5, "service_tier": "batch"},
        }
    if dialect == "gemini":
        words = asked["contents"][-1]["parts"][0]["text"]
        candidate = {"content": {"role": "model", "parts": [{"text": words}]}}
        return {
            "candidates": [candidate | {"finishReason": "STOP", "index": 0}],
            "usageMetadata": {
                "promptTokenCount": 10,
                "candidatesTokenCount": 5,
                "totalTokenCount": 15,
            },
            "modelVersion": "gemini",
        }
    message = {"role": "assistant", "content": asked["messages"][-1]["content"]}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": asked.get("model", "mistral"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def _lines(lines: list[Json]) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)
