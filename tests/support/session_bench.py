"""A caller's side of sessions, before a provider that does as told."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from google.protobuf.duration_pb2 import Duration
from msgspec.structs import replace
from tests.support.call_bench import CALLER, Bench
from tests.support.scripted_upstream import Act, ScriptedUpstream, open_transport, serve
from tests.support.session_upstream import event
from tests.support.snapshots import compiled, mapping, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import SnapshotKey
from conduit.v1 import converse_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import Charge
from conduit_kernel.errors import ConduitError
from conduit_providers.operations.converse import OPERATION
from conduit_router.routing.policy import UsagePolicy
from conduit_router.sessions.session import NoVoices, SessionCalls
from conduit_router.sessions.upstream_session import SessionLimits

ASK = event("response.create")
PATIENT = SessionLimits(first_event=5.0, opening=5.0, idle=5.0, longest=10.0)
# For upstreams that do not answer; others may take longer on a busy machine.
QUICK = replace(PATIENT, first_event=0.2, opening=0.3)


def start(*, live: bool = False, seconds: float = 0) -> pb.ConverseRequest:
    """Return the first message of a session whose events are JSON."""
    protocol = pb.SESSION_PROTOCOL_LIVE if live else pb.SESSION_PROTOCOL_REALTIME
    begin = pb.ConverseStart(
        protocol=protocol, model="" if live else "gpt", events=pb.EVENT_FORM_JSON
    )
    if seconds:
        timeout = Duration(nanos=int(seconds * 1e9))
        begin.options.CopyFrom(CallOptions(timeout=timeout))
    return pb.ConverseRequest(start=begin)


def said(text: str) -> pb.ConverseRequest:
    """Return the message of an event."""
    return pb.ConverseRequest(json=text.encode())


class Caller:
    """One side of a session: what it says, and what it got."""

    def __init__(
        self,
        bench: Bench,
        upstream: ScriptedUpstream,
        limits: SessionLimits,
        allowed: tuple[str, ...] | None = None,
        usage: UsagePolicy | None = None,
    ) -> None:
        self.bench = bench
        self.upstream = upstream
        self.taken = 0
        self.messages: list[pb.ConverseResponse] = []
        self.error: ConduitError | None = None
        self._said: asyncio.Queue[pb.ConverseRequest | None] = asyncio.Queue()
        own = replace(CALLER.caller, allowed=allowed, usage=usage)
        caller = replace(CALLER, caller=own)
        self.call = SessionCalls(bench.runtime, OPERATION, limits, NoVoices)(
            self._requests(), caller
        )

    def say(self, *messages: pb.ConverseRequest) -> None:
        """Say something."""
        for message in messages:
            self._said.put_nowait(message)

    def leave(self) -> None:
        """Say that there is no more."""
        self._said.put_nowait(None)

    async def _requests(self) -> AsyncIterator[pb.ConverseRequest]:
        while (message := await self._said.get()) is not None:
            self.taken += 1
            yield message

    async def get(self, count: int = 1000) -> None:
        """Receive so many messages, or all that come."""
        try:
            async with asyncio.timeout(10):
                while count and (message := await anext(self.call, None)) is not None:
                    self.messages.append(message)
                    count -= 1
        except ConduitError as error:
            self.error = error

    @property
    def events(self) -> list[Any]:
        """The events that came."""
        return [orjson.loads(m.json) for m in self.messages if m.WhichOneof("message") == "json"]

    @property
    def end(self) -> pb.SessionEnd:
        """The end, which came last."""
        assert self.messages[-1].WhichOneof("message") == "finished"
        return self.messages[-1].finished

    @property
    def charges(self) -> list[Charge]:
        """What was charged."""
        return self.bench.records()[0]


@asynccontextmanager
async def session(
    folder: Path,
    *acts: Act,
    limits: SessionLimits = PATIENT,
    first: pb.ConverseRequest | None = None,
    keys: list[SnapshotKey] | None = None,
    allowed: tuple[str, ...] | None = None,
    provider_type: str = "",
    model: str = "model-1",
    usage: UsagePolicy | None = None,
) -> AsyncIterator[Caller]:
    """Hold a session with a provider that does as told; `allowed` are the caller's models.

    `usage` is what of the caller's use is limited.

    Where its type is named, there is one instance, and its model.
    """
    async with serve(*acts) as upstream, open_transport(time.monotonic) as transport:
        bench = Bench(folder, transport=transport, base_url=upstream.url)
        bench.runtime.clock = time.monotonic
        if keys is not None:
            one = provider(1, f"{upstream.url}/1")
            bench.runtime.table = compiled(snapshot([one], keys=keys))
        if provider_type:
            one = provider(1, upstream.url, provider_type=provider_type)
            names = [mapping(1, 1, actual_model_name=model)]
            bench.runtime.table = compiled(snapshot([one], mappings=names))
        caller = Caller(bench, upstream, limits, allowed, usage)
        caller.say(first or start())
        try:
            async with aclosing(caller.call):
                yield caller
        finally:
            bench.recorder.flush()
            bench.spool.close()
