"""Streamed calls under a policy, at two instances that do as told."""

from pathlib import Path
from typing import Any

import orjson
from tests.support.call_bench import BODY, CALLER, Bench
from tests.support.scripted_upstream import Act, answer, open_transport, serve, stream
from tests.support.snapshots import compiled, key, mapping, provider, snapshot

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.routing_policy_pb2 import StreamFailover
from conduit_kernel.errors import ConduitError
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.stream_hold import StreamHold
from conduit_router.calls.streaming import StreamingCalls

DONE = b"data: [DONE]\n\n"
OBJECT = "chat.completion.chunk"
CHUNK = b'data: {"id":"c1","object":"chat.completion.chunk",'
FINISH = CHUNK + b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = (
    CHUNK + b'"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}\n\n'
)
COUNTS = {"input_tokens": 3, "output_tokens": 1}
MODELS = {"Anthropic": "claude-haiku-4-5"}


def piece(text: str, name: str = "c1") -> bytes:
    """Return an event with content."""
    delta = {"index": 0, "delta": {"content": text}}
    return b"data: %b\n\n" % orjson.dumps({"id": name, "object": OBJECT, "choices": [delta]})


def call_piece(arguments: str) -> bytes:
    """Return an event with a piece of a call."""
    call = {"index": 0, "id": "x", "function": {"name": "f", "arguments": arguments}}
    delta = {"index": 0, "delta": {"tool_calls": [call]}}
    return b"data: %b\n\n" % orjson.dumps({"id": "c1", "object": OBJECT, "choices": [delta]})


def claude(text: str) -> Act:
    """Answer as Anthropic does."""
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": {"id": "c2", "model": "claude", "usage": COUNTS}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": COUNTS},
        {"type": "message_stop"},
    ]
    return stream(*(b"data: %b\n\n" % orjson.dumps(each) for each in events))


class Made:
    """What came of a call."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.messages: list[pb.StreamChatResponse] = []
        self.error: ConduitError | None = None
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []

    @property
    def text(self) -> str:
        """The content that the caller has, in whichever form it came."""
        choices = [
            choice
            for message in self.messages
            for line in message.events.splitlines()
            if line.startswith(b"data: {")
            for choice in orjson.loads(line[6:])["choices"]
        ]
        typed = [c.choices[0].delta.content for m in self.messages for c in m.chunks if c.choices]
        return "".join(c["delta"].get("content") or "" for c in choices) + "".join(typed)

    @property
    def is_whole(self) -> bool:
        """Whether the stream ended well."""
        return bool(self.messages) and self.messages[-1].HasField("finished")

    @property
    def sources(self) -> list[tuple[int, int, bool]]:
        """The charges: the instance, where its usage is from, whether it is complete."""
        charges = self.bench.records()[0]
        return [(c.provider_id, c.usage_source, c.is_complete) for c in charges]


async def call(
    folder: Path,
    policy: StreamFailover.ValueType,
    *acts: Act,
    second: str = "OpenAI",
    is_typed: bool = False,
    hold: StreamHold | None = None,
    body: bytes = BODY,
    times: int = 1,
) -> Made:
    """Read a stream under a policy, at two instances that do as told."""
    async with serve(*acts) as upstream, open_transport() as transport:
        bench = Bench(folder, transport=transport, base_url=upstream.url)
        types = {1: "OpenAI", 2: second}
        chain = [
            provider(i, f"{upstream.url}/{i}", priority=i, provider_type=t)
            for i, t in types.items()
        ]
        mappings = [mapping(1, 1), mapping(2, 2, actual_model_name=MODELS.get(second, "m"))]
        keys = [key(i, i) for i in types]
        bench.runtime.table = compiled(snapshot(chain, keys=keys, mappings=mappings))
        if hold is not None:
            bench.runtime.hold = hold
        calls = StreamingCalls(bench.runtime, OPERATION, pb.StreamChatResponse)
        for _ in range(times):
            made = Made(bench)
            request = pb.StreamChatRequest(json=body, options=CallOptions(stream_failover=policy))
            if is_typed:
                request.chat.CopyFrom(chat_request(json=body).typed)
            try:
                async for message in calls(request, CALLER):
                    made.messages.append(message)
            except ConduitError as error:
                made.error = error
        made.bodies = [orjson.loads(each) for each in upstream.bodies]
        made.paths = upstream.paths
        bench.recorder.flush()
        bench.spool.close()
        return made


CUT = stream(piece("Hello"), piece(" wor"), is_cut=True)
WHOLE = stream(piece("Hel", "c2"), piece("lo world!", "c2"), FINISH, USAGE, DONE)
OTHER = stream(piece("Good day", "c2"), FINISH, USAGE, DONE)
FAILED = answer(b"{}", 503)
